"""The plug-in beside this file joins through an entry point, without a change to the project, and trains."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which the plug-in is installed: its module on the path, its entry point in its metadata."""
    information = tmp_path / "site" / "soft_dqn-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: soft_dqn\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[dqn_zoo_ext.plugins]\nsoft_dqn = soft_dqn\n")
    for name in ("soft_dqn.py", "soft_dqn.yml"):
        (tmp_path / "site" / name).write_bytes((HERE / name).read_bytes())
    return {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "OMP_NUM_THREADS": "1"}


def run(verb: str, words: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"dqn_zoo_ext.{verb}", *words.split()]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_example_is_one_file_of_at_most_40_lines() -> None:
    assert len((HERE / "soft_dqn.py").read_text().splitlines()) <= 40


def test_it_trains_is_configured_and_evaluated_by_name(installed: dict[str, str], tmp_path: Path) -> None:
    words = "--algo soft_dqn --env CartPole-v1"
    shown = run("config", f"{words} --json", installed, tmp_path)
    assert shown.returncode == 0, shown.stderr
    values = json.loads(shown.stdout.splitlines()[-1])
    assert values["temperature"]["value"] == 0.1
    assert values["temperature"]["source"].endswith("soft_dqn.yml:4")
    trained = run("train", f"{words} -n 400 --seed 1 -f runs -params temperature:0.5", installed, tmp_path)
    assert trained.returncode == 0, trained.stderr
    evaluated = run("evaluate", f"{words} -f runs --episodes 2 --json", installed, tmp_path)
    assert len(json.loads(evaluated.stdout.splitlines()[-1])["episodes"]) == 2
    refused = run("train", f"{words} -n 400 -f runs -params temperature:0", installed, tmp_path)
    assert refused.returncode == 2
    assert "temperature" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_mellowmax_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    from soft_dqn import mellowmax

    q = torch.tensor([[1.0, 3.0]])
    torch.testing.assert_close(mellowmax(q, 2.0), torch.tensor([2 * math.log((math.exp(0.5) + math.exp(1.5)) / 2)]))
    torch.testing.assert_close(mellowmax(q, 1e-3), torch.tensor([3.0]), atol=1e-3, rtol=0)


def test_a_broken_plug_in_is_named(installed: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "site" / "soft_dqn.py").write_text("import a_module_that_is_not_there\n")
    refused = run("config", "--env CartPole-v1", installed, tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: plug-in 'soft_dqn' of soft_dqn cannot be imported: ModuleNotFoundError")
