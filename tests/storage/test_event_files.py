"""TensorBoard's files, cut back: no point twice, none lost, and an error of the disk in one line."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stable_baselines3.common.logger import Logger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.event_files import EventFiles


def points(folder: Path) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    # files of one process and one second are read in the order of their names, 10 before 9
    return sorted((event.step, event.value) for event in events.Scalars("x"))


def write(files: EventFiles, *steps: int) -> None:
    logger = Logger(None, [files])
    for step in steps:
        logger.record("x", float(step))
        logger.dump(step)


def test_what_came_after_the_checkpoint_is_cut_away(tmp_path: Path) -> None:
    first = EventFiles(tmp_path)
    write(first, 1, 2, 3)
    state = first.state()
    write(first, 4, 5)
    first.close()
    assert [step for step, _ in points(tmp_path)] == [1, 2, 3, 4, 5]
    second = EventFiles(tmp_path)
    second.load_state(state)
    write(second, 4, 5, 6)
    second.close()
    assert points(tmp_path) == [(step, float(step)) for step in range(1, 7)]


def test_the_files_of_processes_after_the_checkpoint_are_removed(tmp_path: Path) -> None:
    first = EventFiles(tmp_path)
    write(first, 1, 2)
    state = first.state()
    first.close()
    for _ in range(2):  # two processes that were killed before their first checkpoint
        later = EventFiles(tmp_path)
        later.load_state(state)
        write(later, 3, 4)
        later.close()
    last = EventFiles(tmp_path)
    last.load_state(state)
    write(last, 3)
    assert points(tmp_path) == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert len(list(tmp_path.iterdir())) == 2
    assert len(last.state()) == 2


def test_a_point_torn_by_a_kill_is_cut_away(tmp_path: Path) -> None:
    first = EventFiles(tmp_path)
    write(first, 1, 2)
    state = first.state()
    first.close()
    (file,) = tmp_path.iterdir()
    with file.open("ab") as torn:
        torn.write(b"\x18\x00\x00\x00\x00")
    second = EventFiles(tmp_path)
    second.load_state(state)
    write(second, 3)
    second.close()
    assert points(tmp_path) == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_a_file_that_is_gone_or_shorter_does_not_stop_the_run(tmp_path: Path) -> None:
    first = EventFiles(tmp_path)
    write(first, 1, 2)
    state = first.state()
    first.close()
    (file,) = tmp_path.iterdir()
    os.truncate(file, file.stat().st_size - 5)
    second = EventFiles(tmp_path)
    second.load_state(state)
    file.unlink()
    second.load_state(state)
    write(second, 3)
    second.close()
    assert points(tmp_path) == [(3, 3.0)]


_TO_A_LIMIT = """
import resource, signal, sys, time
from pathlib import Path
from stable_baselines3.common.logger import Logger
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.event_files import EventFiles
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
files = None
try:
    files = EventFiles(Path(sys.argv[1]))
    logger = Logger(None, [files])
    for step in range(1000):
        logger.record("x", float(step))
        logger.dump(step)
except UserError as error:
    print(error)
if files is not None:
    files.close()
time.sleep(1)  # for a thread that has something to print
"""


@pytest.mark.parametrize("limit", [10, 9000])  # bytes: nothing fits, some points fit
def test_an_error_of_the_disk_is_one_line_and_no_traceback_of_a_thread(limit: int, tmp_path: Path) -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _TO_A_LIMIT, str(tmp_path), str(limit)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"cannot write event files in {tmp_path}: File too large\n"
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 50  # TensorBoard's queue did not wait for a thread that is gone


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write event files in .*: Not a directory") as told:
        EventFiles(tmp_path / "file" / "tensorboard")
    assert "\n" not in str(told.value)
