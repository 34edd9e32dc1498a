"""`evaluate`, `enjoy` and `record_video` on what `train` left."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from dqn_zoo_ext.enjoy import main as enjoy
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.experiment.agents.agent import Agent
from dqn_zoo_ext.record_video import main as record_video

CART_POLE = ["--algo", "double_dqn", "--env", "CartPole-v1"]
PONG = ["--algo", "dqn", "--env", "Pong"]


@pytest.mark.parametrize("which", [[], ["--load-best"], ["--exp-id", "1"]])
def test_evaluate_prints_one_object_last(logs: Path, which: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate([*CART_POLE, "-f", str(logs), "--episodes", "3", "--json", *which]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(found["episodes"]) == 3
    assert found["mean"] == pytest.approx(np.mean(found["episodes"]))
    assert found["std"] == pytest.approx(np.std(found["episodes"]))
    assert found["result"] == pytest.approx(found["mean"] - found["std"])
    assert found["protocol"] == "greedy"


def test_evaluate_plays_the_same_games_for_the_same_seed(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def episodes(seed: int) -> list[float]:
        words = [*PONG, "-f", str(logs), "--episodes", "2", "--json", "--seed", str(seed), "--verbose", "0"]
        evaluate([*words, "--protocol", "course-unit3"])
        found = json.loads(capsys.readouterr().out)
        assert found["protocol"] == "course-unit3"
        return [*found["episodes"], *found["lengths_in_agent_steps"]]

    assert episodes(4) == episodes(4)
    assert all(-21 <= score <= 21 for score in episodes(4)[:2])


def test_evaluate_does_not_judge_pong_by_the_courses_mark(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is a score of Space Invaders (tests/sharing/test_round_trip.py)."""
    evaluate([*PONG, "-f", str(logs), "--episodes", "1", "--protocol", "course-unit3"])
    assert "the course asks" not in capsys.readouterr().out


def test_evaluate_a_checkpoint(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate([*PONG, "-f", str(logs), "--episodes", "1", "--load-checkpoint", "400"]) == 0
    assert "rl_model_400_steps.zip" in capsys.readouterr().out


def test_enjoy_without_a_window(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enjoy([*CART_POLE, "-f", str(logs), "--no-render", "-n", "600"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("game 1: score ")
    assert "games ended, mean score " in lines[-1]


def test_enjoy_with_other_env_kwargs_and_a_bar(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*CART_POLE, "-f", str(logs), "--no-render", "-n", "600", "--seed", "2"]

    def said(*more: str) -> str:
        assert enjoy([*words, *more]) == 0
        return capsys.readouterr().out

    assert said("--env-kwargs", "sutton_barto_reward:true") != said()
    assert said("-P") == said()
    with pytest.raises(UserError, match=r"^--env-kwargs: env_kwargs\.render_mode: 'human' is refused: "):
        said("--env-kwargs", "render_mode:human")
    with pytest.raises(UserError, match=r"does not take env_kwargs \{'no_such': 1\}"):
        said("--env-kwargs", "no_such:1")


def test_enjoy_for_less_than_a_game(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enjoy([*CART_POLE, "-f", str(logs), "--no-render", "-n", "5"]) == 0
    assert capsys.readouterr().out == "0 games ended, score so far 5 in 5 agent steps\n"


def test_few_games_are_said_to_say_little(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate([*CART_POLE, "-f", str(logs), "--episodes", "1"]) == 0
    out = capsys.readouterr().out
    assert "1 game by protocol greedy" in out
    assert "1 game of the 20 that greedy asks for: so few say little" in out
    assert evaluate([*CART_POLE, "-f", str(logs), "--episodes", "20"]) == 0
    assert "say little" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("verb", "words", "expected"),
    [(enjoy, [], 1), (record_video, [], 1), (record_video, ["--beside-random"], 2)],
)
def test_a_failure_leaves_no_environment_open(
    verb: Callable[[list[str]], int], words: list[str], expected: int, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[VecEnv] = []
    closed: list[VecEnv] = []
    open_one = Agent.venv

    def opening(agent: Agent, *rules: Any, **how: Any) -> VecEnv:
        opened.append(open_one(agent, *rules, **how))
        return opened[-1]

    monkeypatch.setattr(Agent, "venv", opening)
    monkeypatch.setattr(DummyVecEnv, "close", lambda venv: closed.append(venv))  # a method

    def failing(*_: object, **__: object) -> None:
        raise UserError("no room")

    monkeypatch.setattr("dqn_zoo_ext.enjoy.check_display", lambda: None)
    monkeypatch.setattr("dqn_zoo_ext.enjoy.Window", failing)
    monkeypatch.setattr("dqn_zoo_ext.record_video.write_mp4", failing)
    with pytest.raises(UserError, match="no room"):
        verb([*CART_POLE, "-f", str(logs), *words])
    assert len(opened) == len(closed) == expected


@pytest.mark.parametrize(
    ("algo", "expected"), [("rndom", "'random'"), ("baseline", "'baselines'"), ("ranbow", "'rainbow'")]
)
def test_evaluate_an_algorithm_that_is_none(algo: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        evaluate(["--algo", algo, "--env", "CartPole-v1", "-f", str(tmp_path)])
    assert str(caught.value) == f"unknown algorithm '{algo}'; did you mean {expected}?"


def test_the_help_of_evaluate_names_the_baselines(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        evaluate(["--help"])
    unbroken = "".join(capsys.readouterr().out.split())
    assert "withoutanagentrandom,best-constant-action,baselines" in unbroken


@pytest.mark.parametrize("agent", [CART_POLE, PONG])
def test_enjoy_in_a_window(logs: Path, agent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # SDL's own window without a screen
    assert enjoy([*agent, "-f", str(logs), "-n", "5"]) == 0


@pytest.mark.parametrize(
    ("words", "size", "fps", "pictures_of_a_step"),
    [
        (PONG, (480, 630), 60.0, 4),  # every frame, three pixels for one
        ([*PONG, "--view", "network"], (3 * (4 * 84 + 3) + 1, 3 * 84), 15.0, 1),  # four frames, gaps, an even width
        ([*PONG, "--view", "attention"], (320 + 8 + 420, 420), 60.0, 4),
        ([*PONG, "--beside-random", "--scale", "1"], (2 * 160 + 8, 210), 60.0, 4),
        (CART_POLE, (600, 400), 50.0, 1),
    ],
)
def test_record_video(
    logs: Path, tmp_path: Path, words: list[str], size: tuple[int, int], fps: float, pictures_of_a_step: int
) -> None:
    assert record_video([*words, "-f", str(logs), "-o", str(tmp_path / "videos"), "-n", "20"]) == 0
    (video,) = (tmp_path / "videos").glob("*.mp4")
    reader = imageio_ffmpeg.read_frames(str(video))
    facts = next(reader)
    assert (facts["codec"], facts["size"], facts["fps"]) == ("h264", size, fps)
    assert facts["pix_fmt"].startswith("yuv420p")
    pictures = [np.frombuffer(picture, np.uint8) for picture in reader]
    assert 10 <= len(pictures) / pictures_of_a_step <= 21
    assert not np.array_equal(pictures[0], pictures[-1])


def test_record_video_into_the_run_folder(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record_video([*CART_POLE, "-f", str(logs), "-n", "10"]) == 0
    video = logs / "double_dqn" / "CartPole-v1_1" / "replay.mp4"
    assert str(video) in capsys.readouterr().out
    assert video.stat().st_size > 1000


def test_record_video_as_an_animation_too(logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record_video([*PONG, "-f", str(logs), "-o", str(tmp_path), "-n", "30", "--gif"]) == 0
    (animation,) = tmp_path.glob("*.gif")
    assert str(animation) in capsys.readouterr().out
    reader = imageio_ffmpeg.read_frames(str(animation))
    facts = next(reader)
    assert (facts["codec"], facts["size"], facts["fps"]) == ("gif,", (320, 420), 20.0)
    assert len(list(reader)) == pytest.approx(30 * 4 / 3, abs=2)  # 121 frames, a third of them


@pytest.mark.parametrize(("name", "written"), [("x.mp4", {"x.mp4"}), ("x.gif", {"x.mp4", "x.gif"})])
def test_record_video_to_a_file_of_a_name(name: str, written: set[str], logs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "no" / "such"
    assert record_video([*CART_POLE, "-f", str(logs), "-o", str(folder / name), "-n", "10"]) == 0
    assert {path.name for path in folder.iterdir() if path.is_file()} == {path.name for path in folder.iterdir()}
    assert {path.name for path in folder.iterdir()} == written


@pytest.mark.parametrize("wrong", [["--view", "attention"], ["--device", "nonsense"]])
def test_record_video_that_cannot_be_made_leaves_no_folder(wrong: list[str], logs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        record_video([*CART_POLE, "-f", str(logs), "-o", str(tmp_path / "new"), *wrong])
    assert not (tmp_path / "new").exists()


def test_record_video_into_a_folder_with_the_name_of_a_film(logs: Path, tmp_path: Path) -> None:
    (tmp_path / "x.mp4").mkdir()
    assert record_video([*CART_POLE, "-f", str(logs), "-o", str(tmp_path / "x.mp4"), "-n", "10"]) == 0
    assert [path.name for path in (tmp_path / "x.mp4").iterdir()] == ["double_dqn-CartPole-v1.mp4"]


def test_record_video_with_one_agent_step_has_every_frame_of_it(logs: Path, tmp_path: Path) -> None:
    assert record_video([*PONG, "-f", str(logs), "-o", str(tmp_path), "-n", "1"]) == 0
    (video,) = tmp_path.glob("*.mp4")
    reader = imageio_ffmpeg.read_frames(str(video))
    next(reader)
    assert len(list(reader)) == 1 + 4  # the first screen, and four
