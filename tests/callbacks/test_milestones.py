"""Milestones: once each, at the right game, with the agent of that moment."""

import re
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger

from dqn_zoo_ext.callbacks import Milestones
from dqn_zoo_ext.storage.agent_file import read_counters


class Games(BaseCallback):
    """The score of each game, and the agent steps after which it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.scores: list[float] = []
        self.ended_at: list[int] = []

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "episode" in info:
                self.scores.append(info["episode"]["r"])
                self.ended_at.append(self.num_timesteps)
        return True

    def first_at(self, score: float, games: int) -> int:
        """Agent steps until the mean of the last games reached it."""
        return next(
            self.ended_at[n - 1]
            for n in range(games, len(self.scores) + 1)
            if np.mean(self.scores[n - games : n]) >= score
        )


def agent(folder: Path | None = None) -> DQN:
    model = DQN("MlpPolicy", make_vec_env("CartPole-v1", n_envs=2, seed=0), learning_starts=2000, seed=0)
    model.set_logger(Logger(None if folder is None else str(folder), []))
    return model


def test_each_is_noted_once_where_it_was_first_reached(tmp_path: Path) -> None:
    lines: list[str] = []
    games, model = Games(), agent(tmp_path)
    model.learn(1200, callback=[games, Milestones([21, 12.5, 9000], games=5, say=lines.append)], log_interval=None)  # type: ignore[arg-type]  # None: never
    expected = {"12.5": games.first_at(12.5, 5), "21": games.first_at(21, 5)}
    assert expected["12.5"] < expected["21"] < 1000
    logged = {name: value for name, value in model.logger.name_to_value.items() if name.startswith("milestones/")}
    assert logged == {f"milestones/{name}": agent_steps for name, agent_steps in expected.items()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["milestone_12.5.zip", "milestone_21.zip"]
    for line, (name, agent_steps) in zip(lines, expected.items(), strict=True):
        path = tmp_path / f"milestone_{name}.zip"
        assert read_counters(path).num_timesteps == agent_steps
        said = rf"milestone after {agent_steps} agent steps: the mean of the last 5 games is [\d.]+ and reaches {name}"
        assert re.fullmatch(f"{said}; the agent is in {path}", line)


def test_what_was_reached_before_a_resume_is_not_said_again(tmp_path: Path) -> None:
    lines: list[str] = []
    first = Milestones([12], games=5, folder=tmp_path, say=lines.append)
    agent().learn(400, callback=first)
    assert len(lines) == 1
    second = Milestones([12], games=5, folder=tmp_path, say=lines.append)
    second.load_state(first.state())
    model = agent()
    model.learn(400, callback=second, log_interval=None)  # type: ignore[arg-type]
    assert len(lines) == 1
    assert model.logger.name_to_value["milestones/12"] == first.state()["reached"]["12"]


def test_an_agent_that_cannot_be_written_does_not_end_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = agent().learn(400, callback=Milestones([12], games=5, folder=tmp_path / "no such folder"))
    assert model.num_timesteps == 400
    assert re.search(r"reaches 12; warning: cannot write .*milestone_12.zip: No such file", capsys.readouterr().out)
    agent().learn(400, callback=Milestones([12], games=5))
    assert capsys.readouterr().out.endswith("no agent is kept\n")
