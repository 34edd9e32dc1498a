"""IQN's loss by hand, from tables of straight quantile functions, at the fractions that it asked for."""

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.env_util import make_vec_env
from tables import BATCH, Lines, gradients_of

from dqn_zoo_ext.algorithms import IQN


def tables() -> tuple[Any, Any]:
    """The target net's action in state 2 is 1 (means 0 and 2), the online net's 0."""
    online = Lines([[0.0, 0.5], [4.0, 0.0], [9.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    target = Lines([[0.0, 0.0], [0.0, 0.0], [-2.0, 1.0], [7.0, 7.0]], [[0.0, 0.0], [0.0, 0.0], [4.0, 2.0], [9.0, 9.0]])
    return online, target


def model(next_action: Any = "target", n_online: int = 3, n_target: int = 2) -> IQN:
    settings = IQN.Settings(next_action=next_action, n_online=n_online, n_target=n_target)
    return IQN("MlpPolicy", make_vec_env("CartPole-v1"), settings=settings)


def huber(u: float) -> float:
    return u * u / 2 if abs(u) <= 1 else abs(u) - 0.5


@pytest.mark.parametrize(("next_action", "base", "slope"), [("target", 1.0, 2.0), ("online", -2.0, 4.0)])
def test_by_hand_at_the_fractions_asked_for(next_action: str, base: float, slope: float) -> None:
    torch.manual_seed(3)
    online, target = tables()
    loss = model(next_action).loss(online, target, BATCH)
    (tau,), (tau_t,) = online.fractions, target.fractions
    assert tau.shape == (2, 3)
    assert tau_t.shape == (2, 2)
    # row 1: targets 1 + 0.5 (base + slope tau'), estimates 0.5 + tau;  row 2, the end: target 2, estimate 4: u = -2
    u = [[1 + 0.5 * (base + slope * late) - (0.5 + t) for late in tau_t[0].tolist()] for t in tau[0].tolist()]
    first = sum(
        abs(t - (each < 0)) * huber(each) / 2 for t, row in zip(tau[0].tolist(), u, strict=True) for each in row
    )
    second = sum((1 - t) * 1.5 for t in tau[1].tolist())
    torch.testing.assert_close(loss.per_sample, torch.tensor([first, second]))
    size = sum(abs(each) for row in u for each in row) / 6
    torch.testing.assert_close(loss.priority, torch.tensor([size, 2.0]))
    assert not loss.priority.requires_grad
    assert sorted(online.asked) == ([0] if next_action == "target" else [0, 2])
    assert target.asked == [2]


def test_every_loss_draws_fractions_of_its_own() -> None:
    online, target = tables()
    made = model()
    for _ in range(2):
        made.loss(online, target, BATCH)
    drawn = torch.cat([each.flatten() for each in (*online.fractions, *target.fractions)])
    assert len(drawn.unique()) == 2 * (2 * 3 + 2 * 2)


def test_gradient_by_hand() -> None:
    # row 2: each estimate's is minus its weight (1 - tau) times u cut to -1; the base's is their sum
    online, target = tables()
    loss = model().loss(online, target, BATCH)
    gradients = gradients_of(loss.per_sample, online, target)
    tau = online.fractions[0][1]
    torch.testing.assert_close(gradients["base"][1, 0], (1 - tau).sum())
    torch.testing.assert_close(gradients["slope"][1, 0], ((1 - tau) * tau).sum())
    assert gradients["base"][2:].abs().sum() == 0  # none at the next states


def test_predictions_without_chance_draw_nothing() -> None:
    made = model()
    observation = np.zeros((1, 4), dtype=np.float32)
    before = torch.get_rng_state()
    made.predict(observation, deterministic=True)
    assert torch.equal(torch.get_rng_state(), before)
    made.predict(observation, deterministic=False)
    assert not torch.equal(torch.get_rng_state(), before)


def test_the_papers_settings_are_the_defaults() -> None:
    made = IQN("MlpPolicy", make_vec_env("CartPole-v1"))
    assert made.settings == IQN.Settings(next_action="target", n_online=64, n_target=64, kappa=1.0)
    network: Any = made.q_net
    assert len(network.distribution.even) == 32
