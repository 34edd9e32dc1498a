"""C51's loss by hand, from tables of logits."""

import math
from typing import Any

import pytest
import torch
from stable_baselines3.common.env_util import make_vec_env
from tables import BATCH, Outputs, gradients_of

from dqn_zoo_ext.algorithms import C51
from dqn_zoo_ext.learning.distributions.categorical import Categorical

ATOMS = Categorical(1, n_atoms=3, v_min=-1, v_max=1)  # at -1, 0, 1
LN2 = math.log(2)
EVEN, UP, DOWN = [0.0, 0.0, 0.0], [0.0, 0.0, LN2], [LN2, 0.0, 0.0]  # means 0, 1/4, -1/4
ONE = [-1000.0, -1000.0, 0.0]  # certainly 1


def tables() -> tuple[Any, Any]:
    online = Outputs(ATOMS, [[EVEN, UP], [EVEN, DOWN], [DOWN, UP], [EVEN, EVEN]])
    target = Outputs(ATOMS, [[EVEN, EVEN], [EVEN, EVEN], [ONE, DOWN], [UP, UP]])
    return online, target


def model(next_action: Any) -> C51:
    return C51("MlpPolicy", make_vec_env("CartPole-v1"), settings=C51.Settings(next_action=next_action))


# the second transition ended with a reward of 2, cut to 1: m = 0, 0, 1. Prediction 1/3 each: loss and divergence ln 3
def test_by_hand_with_the_target_nets_next_action() -> None:
    # state 2: the target net's action 0, certainly 1, moves to 1 + 0.5 = 1.5, cut to 1: m = 0, 0, 1
    # prediction 1/4, 1/4, 1/2: -ln 1/2, and m has no entropy
    online, target = tables()
    loss = model("target").loss(online, target, BATCH)
    torch.testing.assert_close(loss.per_sample, torch.tensor([LN2, math.log(3)]))
    torch.testing.assert_close(loss.priority, torch.tensor([LN2, math.log(3)]))
    assert online.asked == [0]  # of the next states only the target net is asked
    assert target.asked == [2]


def test_by_hand_with_the_online_nets_next_action() -> None:
    # state 2: the online net's action 1, of which the target net says 1/2, 1/4, 1/4 at -1, 0, 1
    # they move to 1 - 0.5, 1, 1.5, so 0.5, 1, 1: m = 0, 1/4, 3/4
    # loss: -(1/4 ln 1/4 + 3/4 ln 1/2) = 5/4 ln 2;  m's entropy: 1/4 ln 4 + 3/4 ln 4/3
    online, target = tables()
    loss = model("online").loss(online, target, BATCH)
    torch.testing.assert_close(loss.per_sample, torch.tensor([1.25 * LN2, math.log(3)]))
    entropy = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    torch.testing.assert_close(loss.priority, torch.tensor([1.25 * LN2 - entropy, math.log(3)]))
    assert sorted(online.asked) == [0, 2]
    assert target.asked == [2]


@pytest.mark.parametrize("next_action", ["target", "online"])
def test_gradient_by_hand(next_action: str) -> None:
    # p - m at the actions taken, and nowhere else: not at the next states, not in the target net
    online, target = tables()
    loss = model(next_action).loss(online, target, BATCH)
    gradient = gradients_of(loss.per_sample, online, target)["table"]
    m = [0.0, 0.0, 1.0] if next_action == "target" else [0.0, 0.25, 0.75]
    expected = torch.zeros(4, 2, 3)
    expected[0, 1] = torch.tensor([0.25, 0.25, 0.5]) - torch.tensor(m)
    expected[1, 0] = torch.tensor([1 / 3, 1 / 3, 1 / 3]) - torch.tensor([0.0, 0.0, 1.0])
    torch.testing.assert_close(gradient, expected)
    assert not loss.priority.requires_grad
    assert (loss.priority >= 0).all()


def test_the_papers_next_action_is_the_default() -> None:
    assert C51("MlpPolicy", make_vec_env("CartPole-v1")).settings.next_action == "target"


def test_another_distribution_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^policy_kwargs\.distribution: must be 'categorical'") as caught:
        C51("MlpPolicy", "CartPole-v1", policy_kwargs={"distribution": "expectation"})
    assert str(caught.value).startswith(
        "policy_kwargs.distribution: must be 'categorical', which is what C51 learns, not 'expectation'; "
        "expectation is learned by "
    )
    assert "\n" not in str(caught.value)


def test_another_loss_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^loss: must be 'cross_entropy', the loss of a categorical distribution"):
        C51("MlpPolicy", "CartPole-v1", loss="mse")
