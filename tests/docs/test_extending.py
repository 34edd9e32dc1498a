"""What docs/extending.md shows is what is there, and its examples train."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from guide_commands import DOCS, ROOT, commands_in, files_of

PAGE = DOCS / "extending.md"
EXAMPLE = ROOT / "tests" / "plugin_example"


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
    commands = [each for each in commands_in(PAGE) if each.verb != "tune"]
    assert [each.verb for each in commands] == ["train", "train", "train", "evaluate"]
    printed = ""
    for each in commands:
        words = [sys.executable, "-m", f"dqn_zoo_ext.{each.verb}", *each.words]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, (each, done.stderr)
        printed = done.stdout
    assert "three-games" in printed
    config = (tmp_path / "logs" / "dqn" / "CartPole-v1_1" / "CartPole-v1" / "config.yml").read_text()
    for part in ("scaled_rewards", "tanh", "normed", "nadam", "cosine", "log_cosh", "three-games"):
        assert part in config
