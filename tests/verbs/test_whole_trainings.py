"""The commands as a user types them, at full length. Minutes long: `make test-all` runs them."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import imageio_ffmpeg
import pytest

pytestmark = pytest.mark.slow


def run(verb: str, words: str, folder: Path) -> str:
    """What the command prints, run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", f"dqn_zoo_ext.{verb}", *words.split()],
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def evaluated(words: str, folder: Path) -> dict[str, object]:
    result: dict[str, object] = json.loads(run("evaluate", f"{words} --json", folder).splitlines()[-1])
    return result


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("algo", ["dqn", "double_dqn"])
def test_cart_pole_is_solved_by_its_yaml(tmp_path: Path, algo: str, seed: int) -> None:
    run("train", f"--algo {algo} --env CartPole-v1 --seed {seed} -f runs", tmp_path)
    result = evaluated(f"--algo {algo} --env CartPole-v1 -f runs --load-best --episodes 20 --seed 12345", tmp_path)
    mean, episodes = result["mean"], result["episodes"]
    assert isinstance(mean, float)
    assert isinstance(episodes, list)
    assert len(episodes) == 20
    assert mean >= 475


def test_the_preset_of_the_keras_post_balances_the_pole(tmp_path: Path) -> None:
    """One seed of those in benchmarks/results/cartpole_keras.json."""
    run("train", "--preset cartpole-keras --seed 1 -f runs --save-freq -1", tmp_path)
    agent = "--algo dqn --env CartPole-v1 -f runs --load-best --episodes 20 --seed 12345 --baselines"
    result = evaluated(agent, tmp_path)
    mean, baselines = result["mean"], result["baselines"]
    assert isinstance(mean, float)
    assert isinstance(baselines, list)
    assert mean >= 475
    (chance,) = [each["mean"] for each in baselines if each["baseline"] == "random"]
    assert 15 < chance < 35


def test_pong_trained_evaluated_and_filmed(tmp_path: Path) -> None:
    agent = "--algo double_dqn --env PongNoFrameskip-v4 -f runs"
    run("train", f"{agent} -n 4000 --seed 1 -params learning_starts:500", tmp_path)
    result = evaluated(f"{agent} --episodes 3", tmp_path)
    assert result["protocol"] == "nature-2015"
    assert isinstance(result["episodes"], list)
    assert all(-21 <= score <= 21 for score in result["episodes"])
    run("record_video", agent, tmp_path)
    facts = next(imageio_ffmpeg.read_frames(str(tmp_path / "runs/double_dqn/PongNoFrameskip-v4_1/replay.mp4")))
    assert facts["codec"] == "h264"
    assert facts["duration"] > 10


def test_equal_seeds_give_equal_bytes_at_the_shipped_settings(tmp_path: Path) -> None:
    def trained(seed: int) -> bytes:
        words = "--algo dqn --env SpaceInvadersNoFrameskip-v4 -n 3000 --eval-freq -1 -f runs"
        run("train", f"{words} --seed {seed} -params learning_starts:1000", tmp_path)
        latest = max((tmp_path / "runs" / "dqn").iterdir(), key=lambda path: path.stat().st_mtime)
        with zipfile.ZipFile(latest / "SpaceInvadersNoFrameskip-v4.zip") as archive:
            return archive.read("policy.pth") + archive.read("policy.optimizer.pth")

    first = trained(1)
    assert trained(1) == first
    assert trained(2) != first
