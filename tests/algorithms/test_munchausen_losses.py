"""Munchausen DQN and Munchausen IQN by hand, and IQN's targets against plain loops."""

import math
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.env_util import make_vec_env
from tables import BATCH, Lines, Outputs, gradients_of

from dqn_zoo_ext.algorithms import MunchausenDQN, MunchausenIQN
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.distributions.expectation import Expectation
from dqn_zoo_ext.learning.munchausen import SoftPolicy

LN3, LN4 = math.log(3), math.log(4)
SOFT = {"temperature": 1.0, "bonus_scale": 0.5, "bonus_floor": -1.0}


def test_munchausen_dqn_by_hand() -> None:
    # the target net's policy at state 0 is 3/4, 1/4, so the bonus of action 1, ln 1/4 cut to -1, is -0.5; at state 2 it
    # is 1/4, 3/4 of 0, ln 3, worth ln 4. TD error: 1 - 0.5 + 0.5 ln 4 - 0.5 = 0.5 ln 4;
    # the end, at state 1 the policy is 1/2, 1/2: 2 + 0.5 ln 1/2 - 0 = 2 - 0.25 ln 4
    online: Any = Outputs(Expectation(1), [[[0.0], [0.5]], [[0.0], [0.0]], [[9.0], [0.0]], [[0.0], [0.0]]])
    target: Any = Outputs(Expectation(1), [[[LN3], [0.0]], [[1.0], [1.0]], [[0.0], [LN3]], [[5.0], [5.0]]])
    model = MunchausenDQN("MlpPolicy", make_vec_env("CartPole-v1"), settings=SoftPolicy(**SOFT), loss="mse")
    loss = model.loss(online, target, BATCH)
    td_error = torch.tensor([0.5 * LN4, 2 - 0.25 * LN4])
    torch.testing.assert_close(loss.per_sample, td_error**2)
    torch.testing.assert_close(loss.priority, td_error)
    assert not loss.priority.requires_grad
    assert online.asked == [0]
    assert sorted(target.asked) == [0, 2]
    gradient = gradients_of(loss.per_sample, online, target)["table"].squeeze(-1)
    expected = torch.zeros(4, 2)
    expected[0, 1], expected[1, 0] = -2 * td_error
    torch.testing.assert_close(gradient, expected)


def munchausen_iqn(**given: Any) -> MunchausenIQN:
    settings = MunchausenIQN.Settings(**{**SOFT, "n_online": 3, "n_target": 2, **given})
    return MunchausenIQN("MlpPolicy", make_vec_env("CartPole-v1"), settings=settings)


def test_munchausen_iqns_targets_by_hand() -> None:
    # state 2: expected values 0 and ln 3, policy 1/4, 3/4; quantiles 2 tau' - 1 and ln 3, so the soft quantile is
    # 1/4 (2 tau' - 1 + ln 4) + 3/4 (ln 3 - ln 3/4) = ln 4 + (2 tau' - 1) / 4
    # state 0: values ln 3 and 0, policy 3/4, 1/4: bonus -0.5. Target: 0.5 + 0.5 ln 4 + (2 tau' - 1) / 8
    # the end, state 1: policy 1/2: 2 + 0.5 ln 1/2 for each tau'
    online: Any = Lines([[0.0, 0.5]] * 4, [[0.0, 0.0]] * 4)
    target: Any = Lines(
        [[LN3, 0.0], [1.0, 1.0], [-1.0, LN3], [5.0, 5.0]], [[0.0, 0.0], [0.0, 0.0], [2.0, 0.0], [0.0, 0.0]]
    )
    model = munchausen_iqn()
    targets = model.targets(online, target, BATCH)
    (tau_t,) = target.fractions
    expected = torch.stack([0.5 + 0.5 * LN4 + (2 * tau_t[0] - 1) / 8, torch.full((2,), 2 - 0.25 * LN4)])
    torch.testing.assert_close(targets, expected)
    assert online.asked == []  # no network picks an action
    loss = model.loss(online, target, BATCH)
    gradients = gradients_of(loss.per_sample, online, target)
    assert gradients["base"][0, 1] != 0
    assert gradients["base"][2:].abs().sum() == 0
    assert not loss.priority.requires_grad


MODEL = munchausen_iqn()


@settings(derandomize=True, database=None, deadline=None, max_examples=60)
@given(
    st.integers(1, 4),
    st.integers(2, 5),
    st.integers(1, 5),
    st.sampled_from([0.03, 0.5, 2.0]),
    st.sampled_from([-1.0, -0.1]),
    st.integers(0, 2**32),
)
def test_munchausen_iqns_targets_against_loops(
    rows: int, actions: int, n_target: int, temperature: float, floor: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    target: Any = Lines(*rng.normal(0, 1, (2, 2 * rows, actions)).tolist()).double()
    batch = Batch(
        obs_tm1=torch.arange(rows).unsqueeze(1),
        a_tm1=torch.from_numpy(rng.integers(0, actions, rows)),
        r_t=torch.from_numpy(rng.normal(0, 1, rows)),
        discount_t=torch.from_numpy(rng.choice([0.0, 0.99], rows)),
        obs_t=torch.arange(rows, 2 * rows).unsqueeze(1),
        weights=torch.ones(rows),
        cells=torch.arange(rows),
    )
    MODEL.settings = MunchausenIQN.Settings(
        temperature=temperature, bonus_scale=0.9, bonus_floor=floor, n_target=n_target
    )
    targets = MODEL.targets(target, target, batch)
    base, slope = target.base.tolist(), target.slope.tolist()

    def log_policy(state: int, a: int) -> float:
        q = [b + s / 2 for b, s in zip(base[state], slope[state], strict=True)]
        log: float = (q[a] - max(q)) / temperature - math.log(
            sum(math.exp((each - max(q)) / temperature) for each in q)
        )
        return log

    slow = []
    for row in range(rows):
        bonus = 0.9 * max(temperature * log_policy(row, int(batch.a_tm1[row])), floor)
        of_row = []
        for fraction in target.fractions[0][row].tolist():
            value = 0.0
            for a in range(actions):
                z = base[rows + row][a] + slope[rows + row][a] * fraction
                value += math.exp(log_policy(rows + row, a)) * (z - temperature * log_policy(rows + row, a))
            of_row.append(float(batch.r_t[row]) + bonus + float(batch.discount_t[row]) * value)
        slow.append(of_row)
    torch.testing.assert_close(targets, torch.tensor(slow, dtype=torch.float64), rtol=1e-6, atol=1e-6)


def test_the_papers_settings_are_the_defaults() -> None:
    made = MunchausenIQN("MlpPolicy", make_vec_env("CartPole-v1"))
    assert made.settings == MunchausenIQN.Settings(
        n_online=64, n_target=64, kappa=1.0, temperature=0.03, bonus_scale=0.9, bonus_floor=-1.0
    )
    assert not hasattr(made.settings, "next_action")
