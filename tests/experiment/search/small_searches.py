"""Searches on CartPole that take seconds, with the real Optuna, and what they leave."""

import csv
from pathlib import Path
from typing import Any

import optuna
import yaml

from dqn_zoo_ext.train import main as train
from dqn_zoo_ext.tune import main as tune

RANDOM = "--sampler random --pruner none --verbose 0"
SMALL = """\
n_timesteps: 200
learning_starts: 50
train_freq: 8
gradient_steps: 1
eval_episodes: 2
policy_kwargs: {activation: tanh}
optimizer: deepmind_rmsprop
optimizer_kwargs: {decay: 0.9, eps: 0.02}
"""


class Place:
    """A folder with a configuration to search with, and what the searches leave."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conf = folder / "mine.yml"
        self.conf.write_text(SMALL)
        self.logs = folder / "logs"

    def optimize(self, words: str) -> int:
        """By ``train -optimize``, with RL-Zoo's options."""
        given = f"--algo dqn --env CartPole-v1 -optimize --seed 1 -conf {self.conf} -f {self.logs} --confirm-seeds 0"
        return train([*given.split(), *words.split()])

    def tune(self, words: str) -> int:
        """By ``tune``."""
        env = "" if "--env " in words else "--env CartPole-v1 "  # typed twice, it would name two
        given = f"--algo dqn {env}--seeds 1 -conf {self.conf} -f {self.logs} --confirm-seeds 0"
        return tune([*given.split(), *words.split()])

    @property
    def path(self) -> Path:
        """The folder of the newest study."""
        return max((self.logs / "studies").iterdir(), key=lambda path: path.stat().st_ctime_ns)

    @property
    def study(self) -> optuna.Study:
        """The newest study, in a database of its own."""
        return optuna.load_study(study_name=self.path.name, storage=f"sqlite:///{self.path / 'study.db'}")

    def rows(self) -> list[dict[str, str]]:
        """trials.csv."""
        with (self.path / "trials.csv").open() as file:
            return list(csv.DictReader(file))

    def winner(self) -> dict[str, Any]:
        """winner.yml."""
        found: dict[str, Any] = yaml.safe_load((self.path / "winner.yml").read_text())
        return found

    def run(self, trial: int) -> Path:
        """The only run of a trial."""
        (path,) = (self.path / "trials" / f"trial_{trial}").glob("*/CartPole-v1_1")
        return path
