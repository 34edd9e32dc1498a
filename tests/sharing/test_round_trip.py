"""What is pushed is what is loaded, through the real client."""

import re
from pathlib import Path

import imageio_ffmpeg
import pytest
import torch
from conftest import SMALL_ATARI
from hub_server import Hub
from pushing import CARTPOLE, load, push, q_values

from dqn_zoo_ext.enjoy import main as enjoy
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.train import main as train


def test_cartpole(packed: Path, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert push(packed) == 0
    assert "pushed: " in capsys.readouterr().out
    assert [commit.summary for commit in hub.store.repos["ann/dqn-CartPole-v1"].commits][1:] == [
        "Agent, scores, video and card"
    ]
    loaded = tmp_path / "elsewhere"
    assert load(loaded) == 0
    assert torch.equal(q_values(packed), q_values(loaded))
    agent = [*CARTPOLE, "-f", str(loaded)]
    assert enjoy([*agent, "--no-render", "-n", "50"]) == 0
    assert evaluate([*agent, "--episodes", "1"]) == 0
    zip_file = loaded / "dqn" / "CartPole-v1_1" / "CartPole-v1.zip"
    assert train([*agent, "-n", "200", "--eval-freq", "-1", "-i", str(zip_file)]) == 0


def test_space_invaders(hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The fast path's agent: screens, the game's own score against the course's mark, a film in real colours."""
    agent = ("--algo", "dqn", "--env", "SpaceInvadersNoFrameskip-v4")
    here, loaded = tmp_path / "here", tmp_path / "elsewhere"
    short = ["-n", "400", "--seed", "1", "--eval-freq", "-1", "-params", *SMALL_ATARI]
    assert train([*agent, "-f", str(here), *short, "preprocessing_kwargs.max_frames_per_game:1200"]) == 0
    assert push(here, "--n-envs", "2", agent=agent) == 0
    said = capsys.readouterr().out
    assert re.search(r"mean - std -?[\d.]+; the course asks .* over 10 games, and 2 are too few to tell$", said, re.M)
    video = here / "dqn" / f"{agent[3]}_1" / "hub" / "ann" / f"dqn-{agent[3]}" / "replay.mp4"
    facts = next(imageio_ffmpeg.read_frames(str(video)))
    assert (facts["fps"], facts["duration"]) == (60.0, pytest.approx((1 + 4 * 30) / 60, abs=0.05))  # every frame
    assert len(hub.store.repos["ann/dqn-SpaceInvadersNoFrameskip-v4"].commits) == 2
    assert load(loaded, agent=agent) == 0
    assert torch.equal(q_values(here, agent), q_values(loaded, agent))
    assert enjoy([*agent, "-f", str(loaded), "--no-render", "-n", "20"]) == 0
    capsys.readouterr()
    assert evaluate([*agent, "-f", str(loaded), "--protocol", "course-unit3", "--episodes", "1"]) == 0
    assert "over 10 games, and 1 is too few to tell" in capsys.readouterr().out
