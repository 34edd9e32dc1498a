"""What docs/extending.md shows is what is there, and its examples train."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from guide_commands import DOCS, ROOT, commands_in, files_of, shortened

PAGE = DOCS / "extending.md"
EXAMPLE = ROOT / "tests" / "plugin_example"
SHORT = {"tune": "-n 300 --n-trials 2 --n-startup-trials 1 --confirm-seeds 1 --eval-episodes 1"}
"""Words that are put after a command's own, so that it takes seconds."""


def test_the_algorithm_is_quoted_as_it_is_tested() -> None:
    blocks = re.findall(r"```(?:python|yaml)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for name in ("soft_dqn.py", "soft_dqn.yml"):
        assert (EXAMPLE / name).read_text(encoding="utf-8") in blocks


@pytest.mark.slow
def test_the_commands_of_the_page_work_with_its_files(tmp_path: Path) -> None:
    """Each in a process of its own, as registered names stay."""
    shown = files_of(PAGE)
    assert set(shown) == {"my_envs.py", "my_parts.py", "my_parts.yml"}
    for name, text in shown.items():
        (tmp_path / name).write_text(text)
    for name in ("soft_dqn.py", "soft_dqn.yml"):
        (tmp_path / name).write_bytes((EXAMPLE / name).read_bytes())
    commands = list(commands_in(PAGE))
    assert [each.verb for each in commands] == ["train", "train", "train", "evaluate", "tune"]
    printed = {}
    for each in commands:
        if "--gym-packages" not in each.words:
            _install(tmp_path)
        words = [sys.executable, "-m", f"dqn_zoo_ext.{each.verb}", *shortened(each.words, SHORT.get(each.verb, ""))]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, (each, done.stderr)
        printed[each.verb] = done.stdout
    assert "three-games" in printed["evaluate"]
    (winner,) = (tmp_path / "logs" / "studies").glob("*/winner.yml")
    assert "temperature" in winner.read_text()
    config = (tmp_path / "logs" / "dqn" / "CartPole-v1_1" / "CartPole-v1" / "config.yml").read_text()
    for part in ("scaled_rewards", "tanh", "normed", "nadam", "cosine", "log_cosh", "three-games"):
        assert part in config


def _install(folder: Path) -> None:
    """What pip would write for a package with the page's entry point, in the folder that Python looks in first."""
    (entry_points,) = re.findall(r"```toml\n\[project\.entry-points\.\"(.*?)```", PAGE.read_text(), re.DOTALL)
    group, lines = entry_points.split('"]\n')
    about = folder / "soft_dqn-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: soft_dqn\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{group}]\n{lines}".replace('"', ""))
