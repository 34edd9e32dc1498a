"""An agent file after each game: at the right step, as many as are to stay, and on after a resume."""

from pathlib import Path

import pytest
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger

from dqn_zoo_ext.callbacks import EpisodeFiles
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.agent_file import read_counters


class Ends(BaseCallback):
    """The agent steps after which games ended."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[int] = []

    def _on_step(self) -> bool:
        if any("episode" in info for info in self.locals["infos"]):
            self.at.append(self.num_timesteps)
        return True


def trained(folder: Path, *callbacks: BaseCallback, steps: int = 300) -> None:
    model = DQN("MlpPolicy", make_vec_env("CartPole-v1", n_envs=2, seed=0), learning_starts=2000, seed=0)
    model.set_logger(Logger(str(folder), []))
    model.learn(steps, callback=list(callbacks))


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.zip")}


def test_a_file_for_each_game(tmp_path: Path) -> None:
    ends = Ends()
    trained(tmp_path, ends, EpisodeFiles())
    assert len(ends.at) > 4
    assert files(tmp_path) == {f"rl_model_{steps}_steps.zip" for steps in ends.at}
    assert {read_counters(tmp_path / f"rl_model_{steps}_steps.zip").num_timesteps for steps in ends.at} == set(ends.at)


def test_only_the_last_ones_stay_those_of_before_a_resume_too(tmp_path: Path) -> None:
    ends, first = Ends(), EpisodeFiles(keep=3)
    trained(tmp_path, ends, first)
    assert files(tmp_path) == {f"rl_model_{steps}_steps.zip" for steps in ends.at[-3:]}
    (tmp_path / "best_model.zip").touch()
    again, second = Ends(), EpisodeFiles(keep=3)
    second.load_state(first.state())
    trained(tmp_path, again, second, steps=ends.at[0])  # the same games once more, until one or two have ended
    assert 1 <= len(again.at) < 3
    kept = [f"rl_model_{steps}_steps.zip" for steps in (*ends.at, *again.at)][-3:]
    assert files(tmp_path) == {*kept, "best_model.zip"}


def test_a_full_disk_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise UserError("cannot write it: No space left on device")

    monkeypatch.setattr("dqn_zoo_ext.callbacks.episode_files.write_agent", no_room)
    lines: list[str] = []
    trained(tmp_path, EpisodeFiles(say=lines.append), steps=100)
    assert lines
    assert lines[0].startswith("warning: no agent file after ")
    assert lines[0].endswith("cannot write it: No space left on device")
