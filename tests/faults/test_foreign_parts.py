"""Parts that others bring into a run: an environment that draws where it should not, a callback that logs pictures."""

from pathlib import Path
from typing import Any

import at_step  # noqa: F401  # registers the callback
import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from short_runs import CART_POLE, differences, the_run
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Image, Video
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dqn_zoo_ext.registry import register_callback
from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.train import main as train


class GlobalDraws(CartPoleEnv):
    """Moves the generator that belongs to nobody, from which Stable-Baselines3's replay draws its batches."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        np.random.random()  # noqa: NPY002
        obs, info = super().reset(seed=seed, options=options)
        return np.asarray(obs), info


gymnasium.register("GlobalDraws-v0", f"{__name__}:GlobalDraws", max_episode_steps=500)


@register_callback("pictures")
class Pictures(BaseCallback):
    """Logs a video and an image at every step, as Stable-Baselines3's guide shows it."""

    def _on_step(self) -> bool:
        texts = ("stdout", "log", "json", "csv")
        frames = torch.zeros(1, 2, 3, 8, 8, dtype=torch.uint8)
        self.logger.record("pictures/video", Video(frames, fps=10), exclude=texts)
        self.logger.record("pictures/image", Image(np.zeros((8, 8, 3), np.uint8), "HWC"), exclude=texts)
        self.logger.record("pictures/made", self.n_calls)
        return True

    def state(self) -> State:
        """Nothing is kept."""
        return {}

    def load_state(self, state: State) -> None:
        """Nothing to take."""


def stopped_and_resumed(words: list[str], folder: Path, at: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AT_STEP", f"{at} SIGTERM")
    assert train([*words, "-f", str(folder)]) == 75
    monkeypatch.delenv("AT_STEP")
    run = the_run(folder)
    assert train(["--resume", str(run)]) == 0
    return run


def test_an_environment_that_draws_from_numpys_own_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [word.replace("frame_ring", "sb3").replace("CartPole-v1", "GlobalDraws-v0") for word in CART_POLE]
    words.append("callback:[at_step]")
    assert train([*words, "-f", str(tmp_path / "undisturbed")]) == 0
    run = stopped_and_resumed(words, tmp_path / "stopped", 317, monkeypatch)
    assert differences(the_run(tmp_path / "undisturbed"), run) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of moviepy, where it is there
def test_a_callback_that_logs_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.replace("600", "330") for word in CART_POLE]
    words.append("callback:[pictures, at_step]")
    assert train([*words, "-f", str(tmp_path / "undisturbed")]) == 0
    run = stopped_and_resumed(words, tmp_path / "stopped", 217, monkeypatch)
    undisturbed = the_run(tmp_path / "undisturbed")
    assert "warning: " not in capsys.readouterr().out
    for each, steps in ((undisturbed, [300, 330]), (run, [300, 330])):
        folder = CheckpointFolder(each / "checkpoints")
        assert sorted(folder.unchecked()) == steps
        assert folder.newest()[1] == []
    assert differences(undisturbed, run) == []
    shown = EventAccumulator(str(undisturbed / "tensorboard"))
    shown.Reload()
    assert "pictures/image" in shown.Tags()["images"]
    assert "pictures/made" in shown.Tags()["scalars"]
