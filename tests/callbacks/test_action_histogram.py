"""Shares of actions, counted against a list."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger

from dqn_zoo_ext.callbacks import ActionHistogram
from dqn_zoo_ext.callbacks.action_histogram import action_names
from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.errors import UserError


class Twin(BaseCallback):
    """Behind the histogram: what it logged, and what it should have."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window, self.actions, self.seen = window, list[int](), 0

    def _on_step(self) -> bool:
        self.actions += [int(action) for action in self.locals["actions"]]
        if self.locals["dones"].any():
            last = Counter(self.actions[-self.window :])
            logged: dict[str, Any] = self.model.logger.name_to_value
            for action, name in enumerate(("left", "right")):
                assert logged[f"actions/{name}"] == pytest.approx(last[action] / last.total())
            self.seen += 1
        return True


@pytest.mark.parametrize("window", [1, 7, 50, 10_000])
def test_shares_of_the_last_agent_steps(window: int) -> None:
    model = DQN("MlpPolicy", make_vec_env("CartPole-v1", n_envs=3, seed=0), seed=0)
    model.set_logger(Logger(None, []))
    twin = Twin(window)
    model.learn(300, callback=[ActionHistogram(window, names=["left", "right"]), twin])
    assert twin.seen > 5


def test_it_goes_on_where_it_was() -> None:
    histogram, other = ActionHistogram(5), ActionHistogram(5)
    for each in (histogram, other):
        each.init_callback(DQN("MlpPolicy", make_vec_env("CartPole-v1")))
        each.model.set_logger(Logger(None, []))
    histogram.on_training_start({}, {})
    for actions in ([0, 1], [1, 1], [0, 1]):
        histogram.locals = {"actions": np.array(actions), "dones": np.array([False, True])}
        histogram.on_step()
    assert histogram.logger.name_to_value["actions/action 1"] == 4 / 5
    other.load_state(histogram.state())
    other.on_training_start({}, {})
    other.locals = {"actions": np.array([0]), "dones": np.array([True])}
    other.on_step()
    assert other.logger.name_to_value["actions/action 1"] == 3 / 5
    with pytest.raises(ValueError, match="of 5 agent steps"):
        ActionHistogram(6).load_state(histogram.state())


def test_names() -> None:
    atari = AleVecEnv("breakout", 1)
    assert action_names(atari, 4) == ["NOOP", "FIRE", "RIGHT", "LEFT"]
    atari.close()
    assert action_names(make_vec_env("CartPole-v1"), 2) == ["action 0", "action 1"]
    model = DQN("MlpPolicy", make_vec_env("CartPole-v1"))
    with pytest.raises(UserError, match="2 actions need as many names, given 1"):
        model.learn(10, callback=ActionHistogram(names=["left"]))
