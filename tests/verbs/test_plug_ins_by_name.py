"""``--gym-packages``: a module in the folder where one is, by either form of the commands."""

import subprocess
import sys
from pathlib import Path

import pytest

WORDS = ["--algo", "dqn", "--env", "CartPole-v1", "--gym-packages"]
TRAIN = "train --algo dqn --env CartPole-v1 -n 40 --seed 1 --eval-freq -1 --verbose 0 --gym-packages mine"


def called(words: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """As the console script does it: the folder is not on the path by itself."""
    script = (
        "import sys; sys.path = [p for p in sys.path if p]; from dqn_zoo_ext.__main__ import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", script, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_module_in_this_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise ImportError('mine is read')\n")
    done = called(["config", *WORDS, "mine"], tmp_path)
    assert (done.returncode, done.stderr.strip()) == (2, "error: --gym-packages: cannot import 'mine': mine is read")


NO_NAME = "is not the name of a module, such as my_envs for my_envs.py in the current folder, or my_package.envs"
A_FILE = "is a file; give its module's name, mine, without .py, which is looked for in the current folder"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", NO_NAME),
        (".", NO_NAME),
        ("mine.py", A_FILE),
        ("./mine.py", A_FILE),
        ("envs/mine.py", f"{A_FILE}; go to 'envs' first"),
    ],
)
def test_what_is_no_modules_name_is_one_line_and_nothing_is_imported(typed: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import pathlib\npathlib.Path('read').touch()\n")
    done = called(["config", *WORDS, typed], tmp_path)
    assert (done.returncode, done.stderr) == (2, f"error: --gym-packages: '{typed}' {said}\n")
    assert not (tmp_path / "read").exists()


def test_a_module_that_is_no_python_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("x = 1\ndef f(:\n")
    done = called(["config", *WORDS, "mine"], tmp_path)
    assert (done.returncode, done.stderr) == (2, "error: --gym-packages: mine.py:2: SyntaxError: invalid syntax\n")
    (tmp_path / "mine.py").write_text("def f():\nreturn 1\n")
    done = called(["config", *WORDS, "mine"], tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --gym-packages: mine.py:2: IndentationError: expected an indented block")


def test_a_name_that_is_taken_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "clash.py").write_text(
        "from dqn_zoo_ext.registry import losses\nlosses.add('huber', lambda td_error: td_error)\n"
    )
    done = called(["config", *WORDS, "clash"], tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: --gym-packages: clash: loss 'huber' is registered already, by ")


def test_a_resume_asks_for_the_module_again(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import pathlib\npathlib.Path('read').touch()\n")
    assert called(TRAIN.split(), tmp_path).returncode == 0
    (tmp_path / "read").unlink()
    resume = ["train", "--resume", "logs/dqn/CartPole-v1_1", "-n", "80", "--allow-change", "n_timesteps"]
    refused = called(resume, tmp_path)
    assert (refused.returncode, refused.stderr) == (
        2,
        "error: --resume: the run was begun with --gym-packages mine, and code is run only where you name it; if it is "
        "yours, type --gym-packages mine again\n",
    )
    assert not (tmp_path / "read").exists()
    done = called([*resume, "--gym-packages", "mine"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "read").exists()
