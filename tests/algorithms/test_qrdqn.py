"""QR-DQN's loss by hand, from tables of quantiles."""

from typing import Any

import pytest
import torch
from stable_baselines3.common.env_util import make_vec_env
from tables import BATCH, Outputs, gradients_of

from dqn_zoo_ext.algorithms import QRDQN
from dqn_zoo_ext.learning.distributions.quantile import Quantile

TWO = Quantile(1, n_quantiles=2)  # at 1/4 and 3/4


def tables() -> tuple[Any, Any]:
    zero = [0.0, 0.0]
    online = Outputs(TWO, [[zero, [0.0, 1.0]], [[1.0, 4.0], zero], [[9.0, 9.0], zero], [zero, zero]])
    target = Outputs(TWO, [[zero, zero], [zero, zero], [[-2.0, 0.0], [-1.0, 1.0]], [[5.0, 5.0], zero]])
    return online, target


def model(next_action: Any, kappa: float = 1.0) -> QRDQN:
    return QRDQN("MlpPolicy", make_vec_env("CartPole-v1"), settings=QRDQN.Settings(next_action, kappa))


@pytest.mark.parametrize(
    ("next_action", "kappa", "losses", "priorities"),
    [
        # target net: action 1 (mean 0 against -1), targets 1 + 0.5 * (-1, 1) = 0.5, 1.5
        # quantile 0: u = 0.5, 1.5: 1/4 (0.125 + 1) / 2 = 0.140625;  quantile 1: u = -0.5, 0.5: 1/4 * 0.125 and
        # 3/4 * 0.125, of which the mean is 0.0625: together 0.203125. Sizes: (0.5 + 1.5 + 0.5 + 0.5) / 4 = 0.75
        # the end: targets 2, 2 against 1, 4: u = 1: 1/4 * 0.5;  u = -2: 1/4 * 1.5: together 0.5. Sizes: (1 + 2) / 2
        pytest.param("target", 1.0, [0.203125, 0.5], [0.75, 1.5], id="target"),
        # online net: action 0, targets 1 + 0.5 * (-2, 0) = 0, 1
        # quantile 0: u = 0, 1: 1/4 * 0.5 / 2 = 0.0625;  quantile 1: u = -1, 0: 1/4 * 0.5 / 2 = 0.0625: together 0.125
        pytest.param("online", 1.0, [0.125, 0.5], [0.5, 1.5], id="online"),
        # |u|: 0: 1/4 * 1 / 2 = 0.125;  1: 1/4 * 1 / 2: together 0.25;  the end: 1/4 * 1 + 1/4 * 2
        pytest.param("online", 0.0, [0.25, 0.75], [0.5, 1.5], id="kappa 0"),
    ],
)
def test_by_hand(next_action: str, kappa: float, losses: list[float], priorities: list[float]) -> None:
    online, target = tables()
    loss = model(next_action, kappa).loss(online, target, BATCH)
    torch.testing.assert_close(loss.per_sample, torch.tensor(losses))
    torch.testing.assert_close(loss.priority, torch.tensor(priorities))
    assert sorted(online.asked) == ([0] if next_action == "target" else [0, 2])
    assert target.asked == [2]


def test_gradient_by_hand() -> None:
    # of rho for theta: minus the weight times u cut to [-1, 1], mean over the targets
    # quantile 0: -1/4 (0.5 + 1) / 2 = -0.1875;  quantile 1: -(1/4 * -0.5 + 3/4 * 0.5) / 2 = -0.125
    # the end: u = 1: -1/4;  u = -2: -1/4 * -1
    online, target = tables()
    loss = model("target").loss(online, target, BATCH)
    gradient = gradients_of(loss.per_sample, online, target)["table"]
    expected = torch.zeros(4, 2, 2)
    expected[0, 1] = torch.tensor([-0.1875, -0.125])
    expected[1, 0] = torch.tensor([-0.25, 0.25])
    torch.testing.assert_close(gradient, expected)
    assert not loss.priority.requires_grad


def test_the_papers_settings_are_the_defaults() -> None:
    made = QRDQN("MlpPolicy", make_vec_env("CartPole-v1"))
    assert made.settings == QRDQN.Settings(next_action="target", kappa=1.0)
    network: Any = made.q_net
    assert network.distribution.n_outputs == 200
