"""One process at a time in a run folder, whatever happened to the one before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.run_lock import Busy, locked

_HOLD = """
import sys
from pathlib import Path
from dqn_zoo_ext.storage.run_lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> "subprocess.Popen[str]":
    """Another process that holds the folder until its input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_is_refused_with_the_name_of_the_first(tmp_path: Path) -> None:
    with (
        holder(tmp_path) as first,
        pytest.raises(Busy, match=rf"is being trained in by process {first.pid} on \S+$") as told,
        locked(tmp_path),
    ):
        pytest.fail("two at once")
    assert "\n" not in str(told.value)
    assert str(tmp_path) in str(told.value)
    with locked(tmp_path):  # the first has left
        assert f"process {os.getpid()} " in (tmp_path / ".lock").read_text()


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        with locked(tmp_path):
            pass


def test_the_block_lets_go_also_when_it_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with locked(tmp_path):
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    with locked(tmp_path):
        pass


def test_children_do_not_keep_the_lock_of_a_parent_that_is_gone(tmp_path: Path) -> None:
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'])"
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD.replace("    print", f"    {child}; print"), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.wait()
        with locked(tmp_path):
            pass
        process.stdout.close()


def test_where_no_lock_can_be_made_it_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot lock .*: No such file or directory"), locked(tmp_path / "gone"):
        pytest.fail("nothing to hold")
    (tmp_path / ".lock").mkdir()
    with pytest.raises(UserError, match=r"cannot lock .*: Is a directory"), locked(tmp_path):
        pytest.fail("nothing to hold")
