"""Films of a training: when, of what, and what goes wrong."""

from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from stable_baselines3 import DQN
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import load_results
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.callbacks import Video
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.train import main as train


@pytest.fixture(autouse=True)
def _no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def with_pictures() -> VecEnv:
    return make_vec_env("CartPole-v1")  # with render_mode="rgb_array", if nothing else is said


def agent(n_envs: int = 1) -> DQN:
    return DQN("MlpPolicy", make_vec_env("CartPole-v1", n_envs=n_envs, seed=0), learning_starts=20, seed=0)


def pictures(path: Path) -> tuple[tuple[int, int], float, int]:
    """Size, pictures per second, how many."""
    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    return about["size"], about["fps"], sum(1 for _ in reader)


def test_a_film_every_so_many_agent_steps(tmp_path: Path) -> None:
    film = Video(every=50, max_agent_steps=20, make_venv=with_pictures, folder=tmp_path)
    agent(n_envs=2).learn(120, callback=film)
    # Stable-Baselines3's rollouts of 4 vector steps: it can be filmed after each 8 agent steps
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["agent_steps_00000056.mp4", "agent_steps_00000104.mp4"]


def test_atari_is_filmed_with_every_frame_by_the_runs_protocol(tmp_path: Path) -> None:
    words = (
        f"--algo dqn --env SpaceInvadersNoFrameskip-v4 -n 120 --seed 1 -f {tmp_path} --eval-freq -1 --verbose 0 "
        "-params learning_starts:60 buffer_size:100 policy_kwargs.torso:nips train_freq:32 n_envs:2"
    )
    assert train([*words.split(), "callback:[{video: {every: 100, max_agent_steps: 15}}]"]) == 0
    (film,) = (tmp_path / "dqn" / "SpaceInvadersNoFrameskip-v4_1" / "videos").iterdir()
    assert film.name == "agent_steps_00000100.mp4"
    assert pictures(film) == ((480, 630), 60.0, 1 + 15 * 4)


def test_a_film_after_each_game_of_the_first_environment(tmp_path: Path) -> None:
    words = f"--algo dqn --env CartPole-v1 -n 150 --seed 1 -f {tmp_path} --eval-freq -1 --verbose 0 -params"
    assert train([*words.split(), "callback:[{video: {every: episode, max_agent_steps: 5}}]"]) == 0
    run = tmp_path / "dqn" / "CartPole-v1_1"
    ended_at = np.cumsum(load_results(str(run))["l"]).tolist()
    assert len(ended_at) > 3
    assert sorted(int(path.stem.rpartition("_")[2]) for path in (run / "videos").iterdir()) == ended_at
    assert pictures(run / "videos" / f"agent_steps_{ended_at[0]:08}.mp4")[2] == 6


def test_what_cannot_be_filmed_is_a_line_and_the_training_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()

    def blind() -> VecEnv:
        return make_vec_env("CartPole-v1", env_kwargs={"render_mode": None})

    for keywords, line in (
        ({"make_venv": with_pictures, "folder": tmp_path / "file"}, "cannot make"),
        ({"make_venv": blind, "folder": tmp_path / "films"}, "the environment gives no pictures"),
    ):
        arguments: dict[str, Any] = keywords
        assert agent().learn(60, callback=Video(every=60, **arguments)).num_timesteps == 60
        assert capsys.readouterr().out.startswith(f"warning: no video after 60 agent steps: {line}")


def test_what_is_wrong_from_the_start() -> None:
    with pytest.raises(UserError, match="without a run there are no pictures; give make_venv"):
        agent().learn(10, callback=Video())
    with pytest.raises(UserError, match="unknown evaluation protocol 'nature-2051'; did you mean 'nature-2015'"):
        Video(protocol="nature-2051")
