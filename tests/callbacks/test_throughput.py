"""Speeds in the log: since its last line, and in the right units."""

import time
from itertools import pairwise
from typing import Any

import pytest
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_atari_env, make_vec_env
from stable_baselines3.common.logger import KVWriter, Logger

from dqn_zoo_ext.callbacks import Throughput
from dqn_zoo_ext.callbacks.throughput import frames_per_agent_step
from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.rules import AtariRules


class Lines(KVWriter):
    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:  # noqa: ARG002
        self.written.append({**key_values, "agent steps": step})

    def close(self) -> None:
        pass


class Clock(BaseCallback):
    """A second for each of the first 20 vector steps, 4 seconds for each later one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def _on_step(self) -> bool:
        self.now += 1.0 if self.n_calls <= 20 else 4.0
        return True


def test_speeds_are_those_since_the_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Lines()
    venv = make_vec_env("CartPole-v1", n_envs=2)
    model = DQN("MlpPolicy", venv, learning_starts=5, train_freq=1, gradient_steps=3, seed=1)
    model.set_logger(Logger(None, [lines]))
    model.learn(200, callback=[Clock(monkeypatch), Throughput(frames_per_agent_step=4)], log_interval=1)
    # two games that end with one step are two lines, and nothing has happened before the second
    written = [now for before, now in pairwise([{}, *lines.written]) if now["agent steps"] != before.get("agent steps")]
    early = [line for line in written if line["agent steps"] <= 40]
    late = [line for line in written if line["agent steps"] > 40]
    assert early
    assert len(late) >= 2
    for line in early:
        assert line["time/agent_steps_per_second"] == pytest.approx(2.0)
        assert line["time/frames_per_second"] == pytest.approx(8.0)
    for line in late[1:]:  # the first may span both paces
        assert line["time/agent_steps_per_second"] == pytest.approx(0.5)
        assert line["time/updates_per_second"] == pytest.approx(0.75)


def test_frames_of_an_agent_step() -> None:
    ours = AleVecEnv("pong", 1, AtariRules(frame_skip=3))
    theirs = make_atari_env("PongNoFrameskip-v4", wrapper_kwargs={"frame_skip": 2})
    none = make_vec_env("CartPole-v1")
    assert [frames_per_agent_step(venv) for venv in (ours, theirs, none)] == [3, 2, 1]
    for venv in (ours, theirs, none):
        venv.close()
