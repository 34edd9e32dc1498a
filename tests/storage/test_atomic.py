import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.atomic import plain_os_errors, replacing, write_atomically


def test_text_and_bytes_arrive_whole_and_nothing_else_lies_there(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.txt", "grün\n")
    write_atomically(tmp_path / "b.bin", b"\x00\xff")
    assert (tmp_path / "a.txt").read_bytes() == "grün\n".encode()
    assert (tmp_path / "b.bin").read_bytes() == b"\x00\xff"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.txt", "b.bin"]


def test_an_exception_keeps_the_old_file_and_removes_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, "old")

    def fail_midway() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            assert path.read_text() == "old"
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail_midway()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_name_is_hidden_and_keeps_the_suffix(tmp_path: Path) -> None:
    with replacing(tmp_path / "rl_model_5_steps.zip") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".rl_model")
        assert temporary.suffix == ".zip"


def test_a_missing_folder_and_a_file_in_the_way_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot write .*a\.txt: No such file or directory") as caught:
        write_atomically(tmp_path / "none" / "a.txt", "x")
    assert "\n" not in str(caught.value)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="Is a directory"):
        write_atomically(tmp_path / "folder", "x")
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """A real limit on the size of files stands for the full disk: the kernel cuts the write short, then refuses it."""
    (tmp_path / "a.txt").write_text("old")
    program = """
import resource, signal, sys
from pathlib import Path
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.atomic import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(Path(sys.argv[1]), b"n" * 100_000)
except UserError as error:
    sys.stdout.write(str(error))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "a.txt"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"cannot write {tmp_path / 'a.txt'}: File too large"
    assert (tmp_path / "a.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_process_killed_while_writing_never_shows_a_half(tmp_path: Path) -> None:
    """A writer rewrites one file as fast as it can and is killed at several moments; the file is always one of its
    whole versions.
    """
    path = tmp_path / "a.bin"
    program = f"""
from pathlib import Path
from dqn_zoo_ext.storage.atomic import write_atomically
while True:
    for letter in (b"a", b"b"):
        write_atomically(Path({str(path)!r}), letter * 3_000_000)
"""
    for milliseconds in (0, 3, 7, 13, 29):
        path.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-c", program])
        while not path.exists():
            time.sleep(0.001)
        time.sleep(milliseconds / 1000)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        content = path.read_bytes()
        assert len(content) == 3_000_000
        assert len(set(content)) == 1


def test_only_os_errors_are_made_plain() -> None:
    with pytest.raises(UserError, match=r"^cannot do it: Permission denied$"), plain_os_errors("cannot do it"):
        raise PermissionError(13, "Permission denied", "/x")
    with pytest.raises(UserError, match=r"^cannot do it: its own words$"), plain_os_errors("cannot do it"):
        raise OSError("its own words")
    with pytest.raises(KeyError), plain_os_errors("cannot do it"):
        raise KeyError("x")
