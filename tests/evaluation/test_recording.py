"""Games recorded as pictures are the games that are evaluated."""

import dataclasses
import os
from pathlib import Path

import gymnasium
import imageio_ffmpeg
import numpy as np
import pytest
from stable_baselines3 import DQN
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.evaluate import evaluate
from dqn_zoo_ext.evaluation.protocols import get
from dqn_zoo_ext.evaluation.recording import record_game
from dqn_zoo_ext.storage.video_file import write_mp4

GREEDY = get("greedy")


def cart_pole(render_mode: str | None = "rgb_array") -> DummyVecEnv:
    return DummyVecEnv([lambda: Monitor(gymnasium.make("CartPole-v1", render_mode=render_mode))])


@pytest.fixture(scope="module")
def model() -> DQN:
    return DQN("MlpPolicy", "CartPole-v1", buffer_size=10, seed=0)


def test_a_recorded_game_is_the_evaluated_one(model: DQN) -> None:
    """A picture after the reset and after every agent step but the last, whose picture is the next game's already."""
    protocol = dataclasses.replace(GREEDY, epsilon=0.2)
    lengths = evaluate(model, cart_pole(), protocol, episodes=2, seed=3).lengths_in_agent_steps
    pictures = list(record_game(model, cart_pole(), protocol, seed=3))
    assert len(pictures) == lengths[0]
    assert all(picture.shape == (400, 600, 3) and picture.dtype == np.uint8 for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) > len(pictures) // 2
    assert len(list(record_game(model, cart_pole(), protocol, seed=3, games=2))) == sum(lengths)
    again = record_game(model, cart_pole(), protocol, seed=3)
    assert all((one == other).all() for one, other in zip(pictures, again, strict=True))


def test_a_recording_ends_at_the_steps_asked_for(model: DQN) -> None:
    assert len(list(record_game(model, cart_pole(), GREEDY, seed=3, max_agent_steps=4))) == 5
    assert len(list(record_game(model, cart_pole(), GREEDY, seed=3, max_agent_steps=0))) == 1


def test_as_many_games_as_there_are_steps_for(model: DQN) -> None:
    """The last picture of each game is the next one's first."""
    told: list[int] = []
    recorded = record_game(
        model, cart_pole(), GREEDY, 3, None, max_agent_steps=60, tell=lambda game: told.append(game.agent_steps)
    )
    pictures = list(recorded)
    assert len(pictures) == 61
    played = evaluate(model, cart_pole(), GREEDY, episodes=3, seed=3)
    assert played.lengths_in_agent_steps[0] < 30
    assert told[:3] == list(played.lengths_in_agent_steps)
    assert 0 <= 60 - sum(told) < 30
    same = record_game(model, cart_pole(), GREEDY, seed=3, games=60, max_agent_steps=60)
    assert all((one == other).all() for one, other in zip(pictures, same, strict=True))


def test_an_environment_without_pictures_is_one_line(model: DQN) -> None:
    with pytest.raises(UserError, match="make it with render_mode='rgb_array'"):
        next(record_game(model, cart_pole(render_mode=None), GREEDY, seed=0))


def test_a_game_becomes_a_video_without_a_display(model: DQN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", os.fspath(tmp_path))  # no system ffmpeg either
    write_mp4(record_game(model, cart_pole(), GREEDY, seed=0), tmp_path / "replay.mp4", fps=50)
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "replay.mp4"))
    assert next(reader)["size"] == (600, 400)
    assert len(list(reader)) == evaluate(model, cart_pole(), GREEDY, 1, seed=0).lengths_in_agent_steps[0]
