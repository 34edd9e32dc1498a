"""Where the games of real trainings are said to have ended, against where a callback saw them end."""

import csv
import json
from pathlib import Path

import pytest
from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext.registry import register_callback
from dqn_zoo_ext.storage.run_history import read_history
from dqn_zoo_ext.train import main as train


@register_callback("notes_ends")
class NotesEnds(BaseCallback):
    """Writes agent steps and score of each game's end."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file = Path(file)

    def _on_step(self) -> bool:
        ended = [info["episode"]["r"] for info in self.locals["infos"] if "episode" in info]
        with self._file.open("a") as file:
            csv.writer(file).writerows((self.num_timesteps, score) for score in ended)
        return True

    def state(self) -> dict[str, object]:
        """Nothing is kept."""
        return {}

    def load_state(self, state: dict[str, object]) -> None:
        """Nothing to take."""


@pytest.mark.parametrize(
    ("env", "n_envs", "params"),
    [
        ("Breakout", 8, ["policy_kwargs.torso:nips", "buffer_size:2000"]),
        ("CartPole-v1", 3, []),
    ],
)
def test_agent_steps_of_the_ends_of_games(tmp_path: Path, env: str, n_envs: int, params: list[str]) -> None:
    seen = tmp_path / "seen.csv"
    callback = f"callback:{json.dumps([{'notes_ends': {'file': str(seen)}}])}"
    words = f"--env {env} -n 3000 --seed 1 -f {tmp_path} --eval-freq -1 --save-freq -1 --verbose 0 --device cpu"
    params = [*params, f"n_envs:{n_envs}", "learning_starts:2000", "train_freq:64", "batch_size:8", callback]
    assert train([*words.split(), "-params", *params]) == 0
    (run,) = (tmp_path / "dqn").iterdir()
    games = read_history(run).games
    assert games is not None
    expected = [(float(steps), float(score)) for steps, score in csv.reader(seen.read_text().splitlines())]
    assert len(expected) > n_envs
    assert sorted(zip(games.agent_steps.tolist(), games.scores.tolist(), strict=True)) == sorted(expected)
