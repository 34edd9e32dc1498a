"""`evaluate`, `enjoy` and `record_video` on what `train` left."""

import json
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from dqn_zoo_ext.enjoy import main as enjoy
from dqn_zoo_ext.evaluate import main as evaluate
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


def test_evaluate_tells_whether_the_course_is_passed(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate([*PONG, "-f", str(logs), "--episodes", "1", "--protocol", "course-unit3"])
    assert "at least 200: not passed" in capsys.readouterr().out


def test_evaluate_a_checkpoint(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate([*PONG, "-f", str(logs), "--episodes", "1", "--load-checkpoint", "400"]) == 0
    assert "rl_model_400_steps.zip" in capsys.readouterr().out


def test_enjoy_without_a_window(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enjoy([*CART_POLE, "-f", str(logs), "--no-render", "-n", "600"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("game 1: score ")
    assert "games ended, mean score " in lines[-1]


@pytest.mark.parametrize("agent", [CART_POLE, PONG])
def test_enjoy_in_a_window(logs: Path, agent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # SDL's own window without a screen
    assert enjoy([*agent, "-f", str(logs), "-n", "5"]) == 0


@pytest.mark.parametrize(("agent", "size", "fps"), [(PONG, (480, 630), 15.0), (CART_POLE, (600, 400), 50.0)])
def test_record_video(logs: Path, tmp_path: Path, agent: list[str], size: tuple[int, int], fps: float) -> None:
    assert record_video([*agent, "-f", str(logs), "-o", str(tmp_path / "videos"), "-n", "20"]) == 0
    (video,) = (tmp_path / "videos").glob("*.mp4")
    reader = imageio_ffmpeg.read_frames(str(video))
    facts = next(reader)
    assert (facts["codec"], facts["size"], facts["fps"]) == ("h264", size, fps)
    assert facts["pix_fmt"].startswith("yuv420p")
    pictures = [np.frombuffer(picture, np.uint8) for picture in reader]
    assert 10 <= len(pictures) <= 21
    assert not np.array_equal(pictures[0], pictures[-1])


def test_record_video_into_the_run_folder(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record_video([*CART_POLE, "-f", str(logs), "-n", "10"]) == 0
    video = logs / "double_dqn" / "CartPole-v1_1" / "replay.mp4"
    assert str(video) in capsys.readouterr().out
    assert video.stat().st_size > 1000
