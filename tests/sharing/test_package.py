"""What a package has in it, and what its card says."""

import json
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import safetensors.torch
import torch
import yaml
from hub_server import Hub
from pushing import load, package_of, push, q_values, run_of

from dqn_zoo_ext.__main__ import VERBS
from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.enjoy import main as enjoy
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.storage.agent_file import read_policy_weights

FILES = {
    "README.md",
    "args.yml",
    "config.yml",
    "dqn-CartPole-v1.zip",
    "env_kwargs.yml",
    "learning_curve.png",
    "manifest.json",
    "model.safetensors",
    "replay.mp4",
    "results.json",
    "train_eval_metrics.zip",
}


def front_matter(card: str) -> dict[str, object]:
    _, matter, _ = card.split("---\n", 2)
    found: dict[str, object] = yaml.safe_load(matter)
    return found


def test_the_files(trained: Path) -> None:
    package = package_of(trained)
    assert {path.name for path in package.iterdir()} == FILES
    listed = json.loads((package / "manifest.json").read_text())["files"]
    assert listed.keys() == FILES - {"README.md", "manifest.json"}
    with zipfile.ZipFile(package / "train_eval_metrics.zip") as archive:
        assert {"evaluations.npz", "0.monitor.csv"} <= set(archive.namelist())
    for name in ("config.yml", "args.yml", "env_kwargs.yml"):
        assert isinstance(yaml.safe_load((package / name).read_text()), dict)
    assert (package / "learning_curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_metadata_is_what_the_hub_and_its_leaderboards_read(trained: Path) -> None:
    scores = json.loads((package_of(trained) / "results.json").read_text())["scores"]
    games = np.array(scores[0]["episodes"])
    assert scores[0]["protocol"] == "course-unit3"
    card = (package_of(trained) / "README.md").read_text()
    assert front_matter(card) == {
        "library_name": "stable-baselines3",
        "tags": ["CartPole-v1", "deep-reinforcement-learning", "reinforcement-learning", "stable-baselines3"],
        "model-index": [
            {
                "name": "DQN",
                "results": [
                    {
                        "task": {"type": "reinforcement-learning", "name": "reinforcement-learning"},
                        "dataset": {"name": "CartPole-v1", "type": "CartPole-v1"},
                        "metrics": [
                            {
                                "type": "mean_reward",
                                "value": f"{games.mean():.2f} +/- {games.std():.2f}",
                                "name": "mean_reward",
                                "verified": False,
                                "args": {"protocol": "course-unit3", "games": len(games)},
                            }
                        ],
                    }
                ],
            }
        ],
    }


def test_what_the_card_says_is_true(trained: Path) -> None:
    card = (package_of(trained) / "README.md").read_text()
    run = json.loads((run_of(trained) / "results.json").read_text())
    machine, versions = run["machine"]["cpu"], run["versions"]["torch"]
    for fact in (run["command"], f"{run['updates']:,} updates, seed 1", machine, versions):
        assert fact in card
    for score in json.loads((package_of(trained) / "results.json").read_text())["scores"]:
        row = f"| {score['protocol']} | {score['mean']:.2f} +/- {score['std']:.2f} | {score['result']:.2f} |"
        assert row in card
    for picture in re.findall(r"!\[[^]]*\]\(([^)]*)\)", card):
        assert (package_of(trained) / picture).is_file()
    shown = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", card, re.DOTALL)[0])
    config = yaml.safe_load((run_of(trained) / "CartPole-v1" / "config.yml").read_text())
    assert shown.items() <= config.items()
    assert config.keys() - shown.keys() == {"complete", "search"}


def test_the_commands_on_the_card_load_this_agent(
    packed: Path, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As typed; the first one in a process of its own, that knows the Hub by HF_ENDPOINT alone."""
    assert push(packed) == 0
    (block,) = re.findall(r"```sh\n(.*?)```", (package_of(packed) / "README.md").read_text(), re.DOTALL)
    first, second, third = (shlex.split(line) for line in block.splitlines())
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    done = subprocess.run([sys.executable, *first[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert hub.requests("GET", "/resolve/")
    assert second[:3] == ["python", "-m", "dqn_zoo_ext.enjoy"]
    assert enjoy([*second[3:], "--no-render", "-n", "20"]) == 0
    assert third[:3] == ["python", "-m", "dqn_zoo_ext.evaluate"]
    assert evaluate([*third[3:], "--episodes", "1"]) == 0


def test_the_policy_as_plain_tensors_is_the_agents(trained: Path) -> None:
    weights = read_policy_weights(run_of(trained) / "CartPole-v1.zip")
    plain = safetensors.torch.load_file(package_of(trained) / "model.safetensors")
    assert plain.keys() == weights.keys()
    assert all(torch.equal(plain[name], weights[name]) for name in plain)


def test_the_zip_is_the_agent_with_room_for_one_transition(trained: Path) -> None:
    ours = DQN.load(package_of(trained) / "dqn-CartPole-v1.zip")
    theirs = DQN.load(run_of(trained) / "CartPole-v1.zip")
    assert (ours.buffer_size, theirs.buffer_size) == (1, 100_000)
    assert ours.num_timesteps == theirs.num_timesteps == 2000
    assert all(torch.equal(*pair) for pair in zip(ours.policy.parameters(), theirs.policy.parameters(), strict=True))


def test_the_video_plays_in_every_browser(trained: Path) -> None:
    video = package_of(trained) / "replay.mp4"
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    told = subprocess.run([ffmpeg, "-i", str(video)], capture_output=True, text=True, check=False).stderr
    assert re.search(r"Video: h264 .*yuv420p", told)
    content = video.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_a_dry_run_says_the_score_and_speaks_to_nobody(
    packed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert push(packed, "--dry-run") == 0
    said = capsys.readouterr().out
    assert re.search(r"^2 games by protocol course-unit3, for this package: mean [\d.]+, std [\d.]+,", said, re.M)
    assert f"the package lies in {package_of(packed)}; the token was not looked at" in said


def test_the_package_is_made_anew_when_the_agent_changed(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--dry-run", "--protocols", "greedy"]
    assert push(packed, *more) == 0
    assert "playing 2 games by protocol greedy" in capsys.readouterr().out
    (package_of(packed) / "replay.mp4").write_bytes(b"damaged")
    assert push(packed, *more) == 0
    assert "filming a game" in capsys.readouterr().out
    agent = run_of(packed) / "CartPole-v1.zip"
    DQN.load(agent, buffer_size=10).save(agent)
    assert push(packed, *more) == 0
    assert "playing 2 games" in capsys.readouterr().out
    assert push(packed, *more) == 0
    assert "playing" not in capsys.readouterr().out


def test_a_package_that_cannot_be_made_leaves_nothing(packed: Path) -> None:
    (run_of(packed) / "evaluations.npz").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"evaluations\.npz cannot be read as evaluations"):
        push(packed, "--dry-run", "--repo-name", "another")
    assert [path.name for path in package_of(packed).parent.iterdir()] == ["dqn-CartPole-v1"]


def test_no_video_and_no_curve(packed: Path) -> None:
    (run_of(packed) / "evaluations.npz").unlink()
    assert push(packed, "--dry-run", "-n", "0") == 0
    there = {path.name for path in package_of(packed).iterdir()}
    assert there == FILES - {"replay.mp4", "learning_curve.png"}
    card = (package_of(packed) / "README.md").read_text()
    assert "replay.mp4" not in card
    assert "learning_curve" not in card


def test_the_same_agent_once_more_is_the_next_run(
    packed: Path, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(packed) == 0
    logs = tmp_path / "elsewhere"
    capsys.readouterr()
    assert load(logs) == 0
    assert "already" not in capsys.readouterr().out
    assert load(logs) == 0
    assert f"; the same agent lies in {logs}/dqn/CartPole-v1_1 already" in capsys.readouterr().out
    assert {path.name for path in (logs / "dqn").iterdir()} == {"CartPole-v1_1", "CartPole-v1_2"}
    assert torch.equal(q_values(logs), q_values(packed))
    assert hub.requests("GET", "/resolve/")


def test_both_verbs_are_listed() -> None:
    assert {"push_to_hub", "load_from_hub"} <= VERBS.keys()
