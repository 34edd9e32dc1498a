"""The contracts in pyproject.toml see what they are there to see."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dqn_zoo_ext

ROOT = Path(dqn_zoo_ext.__path__[0]).parent
LINT = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("envs/rules.py", "", ()),
        ("envs/rules.py", "import dqn_zoo_ext.envs.make", ("No cycles, inside the folders either BROKEN",)),
        ("envs/rules.py", "import dqn_zoo_ext.config.load", ("Imports go down the floors BROKEN",)),
        ("without_a_floor.py", "", ("dqn_zoo_ext.without_a_floor",)),
    ],
)
def test_what_breaks_a_contract(file: str, line: str, broken: tuple[str, ...], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "dqn_zoo_ext", tmp_path / "dqn_zoo_ext", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "dqn_zoo_ext" / file).open("a") as module:
        module.write(f"{line}\n")
    done = subprocess.run([sys.executable, "-c", LINT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == (1 if broken else 0), done.stdout
    for words in broken:
        assert words in done.stdout
