"""For all tests: two short runs to look at, and PyTorch's threads waiting without spinning."""

from pathlib import Path

import pytest

import dqn_zoo_ext  # noqa: F401  # before any test imports PyTorch, as in the commands

# a small network and ring, so that a run takes seconds
SMALL_ATARI = ["learning_starts:200", "buffer_size:2000", "policy_kwargs.torso:nips", "train_freq:16", "n_envs:4"]


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log folder with a run of dqn on Pong and one of double_dqn on CartPole."""
    from dqn_zoo_ext.train import main as train  # not for tests that need no run

    folder = tmp_path_factory.mktemp("logs")
    pong = f"--algo dqn --env PongNoFrameskip-v4 -n 600 --seed 1 -f {folder} --eval-episodes 1 --save-freq 400"
    assert train([*pong.split(), "-params", *SMALL_ATARI, "preprocessing_kwargs.max_frames_per_game:1200"]) == 0
    assert train(f"--algo double_dqn --env CartPole-v1 -n 2500 --seed 1 -f {folder} --save-replay-buffer".split()) == 0
    return folder
