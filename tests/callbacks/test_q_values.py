"""Q-values of held-out states: which states, which numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import QRDQN
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger

from dqn_zoo_ext.algorithms import IQN
from dqn_zoo_ext.callbacks import QValues
from dqn_zoo_ext.errors import UserError

NAMES = ("mean_of_max", "mean", "max", "spread")


class Seen(BaseCallback):
    """The observation after each vector step."""

    def __init__(self) -> None:
        super().__init__()
        self.observations: list[np.ndarray] = []

    def _on_step(self) -> bool:
        self.observations.append(self.locals["new_obs"].copy())
        return True


def logged(model: Any) -> list[float]:
    return [model.logger.name_to_value[f"q_values/{name}"] for name in NAMES]


@pytest.mark.parametrize(
    ("learning_starts", "expected"),
    [(90, [3, 6, 9, 12]), (91, [3, 6, 9, 12]), (0, [1, 2, 3, 4]), (10, [1, 2, 3, 4])],
)
def test_states_of_the_random_policy_and_their_values(learning_starts: int, expected: list[int]) -> None:
    model = DQN("MlpPolicy", make_vec_env("CartPole-v1", n_envs=7, seed=0), learning_starts=learning_starts, seed=0)
    model.set_logger(Logger(None, []))
    seen, values = Seen(), QValues(every=7, states=4)
    model.learn(140, callback=[seen, values], log_interval=None)  # type: ignore[arg-type]  # None: never
    # 7 environments: every third vector step is every 21st agent step, and the states are of one environment each
    held_out = np.stack([seen.observations[step - 1][place] for place, step in enumerate(expected)])
    values.measure()
    with torch.no_grad():
        of_states = model.q_net(torch.as_tensor(held_out)).numpy()
    worst, best = of_states.min(axis=1), of_states.max(axis=1)
    assert logged(model) == pytest.approx([best.mean(), of_states.mean(), of_states.max(), (best - worst).mean()])


@pytest.mark.parametrize("algorithm", [QRDQN, IQN])
def test_values_of_distributions_are_their_means(algorithm: Callable[..., Any]) -> None:
    model = algorithm("MlpPolicy", make_vec_env("CartPole-v1", seed=0), learning_starts=20, seed=0)
    model.set_logger(Logger(None, []))
    values = QValues(every=10, states=5)
    model.learn(60, callback=values, log_interval=None)
    greedy, _ = model.predict(np.stack(values._states), deterministic=True)
    before = torch.get_rng_state()
    values.measure()
    first = logged(model)
    values.measure()
    assert logged(model) == first
    assert torch.equal(torch.get_rng_state(), before)
    assert first[0] > first[1]
    assert greedy.shape == (5,)


def test_it_goes_on_amid_collecting() -> None:
    def begun(values: QValues) -> DQN:
        model = DQN("MlpPolicy", make_vec_env("CartPole-v1", seed=0), learning_starts=100, seed=0)
        model.set_logger(Logger(None, []))
        values.init_callback(model)
        return model

    def step(values: QValues, number: int) -> None:
        values.model.num_timesteps = number
        values.locals = {"new_obs": np.full((1, 4), number, dtype=np.float32)}
        values.on_step()

    whole, first, second = (QValues(every=50, states=10) for _ in range(3))
    models = [begun(each) for each in (whole, first, second)]
    whole.on_training_start({}, {})
    first.on_training_start({}, {})
    for number in range(1, 46):
        step(whole, number)
        step(first, number)
    second.load_state(first.state())
    second.n_calls = first.n_calls
    second.on_training_start({}, {})
    for number in range(46, 121):
        step(whole, number)
        step(second, number)
    assert [float(state[0]) for state in second._states] == [10.0 * place for place in range(1, 11)]
    assert logged(models[0]) == logged(models[2])


def test_an_agent_without_q_values_is_refused() -> None:
    with pytest.raises(UserError, match="ActorCriticPolicy says nothing of what it expects"):
        PPO("MlpPolicy", make_vec_env("CartPole-v1"), n_steps=64).learn(64, callback=QValues(every=4, states=2))
