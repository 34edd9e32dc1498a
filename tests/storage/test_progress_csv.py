"""``progress.csv``: what a logger writes into it, and cutting it back to an earlier state."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3.common.logger import CSVOutputFormat, Logger

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.progress_csv import ProgressCsv


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "progress.csv"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(log: ProgressCsv, **values: object) -> None:
    log.write(values, dict.fromkeys(values, ()))


def test_it_reads_like_stable_baselines3s(path: Path) -> None:
    by_sb3 = path.with_name("sb3.csv")
    logger = Logger(None, [ProgressCsv(path), CSVOutputFormat(str(by_sb3))])
    lines: list[dict[str, object]] = [
        {"b": 1, "a": 0.1},
        {"c": 'a, "b"', "a": 1e-9},
        {"a": np.float32(0.1), "b": np.float64(2.5)},
    ]
    for step, line in enumerate(lines):
        for key, value in line.items():
            logger.record(key, value)
        logger.record("time/total_timesteps", step, exclude="tensorboard")
        logger.record("not here", 1, exclude="csv")
        logger.dump(step)
    logger.close()
    mine, theirs = rows(path), rows(by_sb3)
    assert mine == [{key: row[key] for key in mine[0]} for row in theirs]
    assert mine[0].keys() == theirs[0].keys()


def test_new_columns_come_behind_in_alphabetical_order_and_older_lines_are_empty_there(path: Path) -> None:
    log = ProgressCsv(path)
    write(log, m=1, z=2)
    write(log, z=3, b=4, a=5)
    write(log, m=6)
    log.close()
    assert path.read_text() == "m,z,a,b\n1,2,,\n,3,5,4\n6,,,\n"


def test_what_is_no_text_or_number_is_left_out(path: Path) -> None:
    log = ProgressCsv(path)
    write(log, picture=np.zeros((2, 2)), histogram=torch.zeros(3), score=1.5, word="up", flag=True, count=np.int64(3))
    assert rows(path) == [{"score": "1.5", "word": "up", "flag": "True", "count": "3"}]


def test_every_line_is_in_the_file_at_once(path: Path) -> None:
    log = ProgressCsv(path)
    for number in range(3):
        write(log, x=number)
        assert len(rows(path)) == number + 1


def test_cut_back_and_gone_on_it_is_the_file_of_a_run_never_stopped(path: Path) -> None:
    other = path.with_name("undisturbed.csv")
    stopped, undisturbed = ProgressCsv(path), ProgressCsv(other)
    lines: list[dict[str, object]] = [{"b": 1}, {"a": 0.1, "b": "x\ny"}, {"c": "", "a": 3}, {"d": 4}, {"a": 5, "e": 6}]
    for line in lines:
        write(undisturbed, **line)
    write(stopped, **lines[0])
    write(stopped, **lines[1])
    state = stopped.state()
    write(stopped, **lines[2])
    write(stopped, later=7)  # a column that the cut takes away again
    stopped.close()
    resumed = ProgressCsv(path)
    resumed.load_state(state)
    for line in lines[2:]:
        write(resumed, **line)
    assert path.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("torn", ["12", "12,", "12,3", '12,"3'])
def test_a_line_torn_by_a_kill_is_cut_away(torn: str, path: Path) -> None:
    log = ProgressCsv(path)
    write(log, a=1, b=2)
    state = log.state()
    log.close()
    with path.open("a") as file:
        file.write(torn)
    resumed = ProgressCsv(path)
    resumed.load_state(state)
    write(resumed, a=3, b=4)
    assert path.read_text() == "a,b\n1,2\n3,4\n"


def test_cut_back_to_nothing(path: Path) -> None:
    log = ProgressCsv(path)
    state = log.state()
    write(log, a=1)
    log.close()
    resumed = ProgressCsv(path)
    resumed.load_state(state)
    assert path.read_text() == ""
    write(resumed, b=2)
    assert path.read_text() == "b\n2\n"


def test_a_file_that_has_lost_lines_is_refused(path: Path) -> None:
    log = ProgressCsv(path)
    for number in range(3):
        write(log, a=number)
    state = log.state()
    log.close()
    path.write_text("a\n0\n")
    with pytest.raises(UserError, match="has 1 lines, and had 3 when the checkpoint was made"):
        ProgressCsv(path).load_state(state)
    path.unlink()
    with pytest.raises(UserError, match="has 0 lines, and had 3"):
        ProgressCsv(path).load_state(state)


def test_a_file_that_has_lines_is_not_emptied_by_who_does_not_know_them(path: Path) -> None:
    first = ProgressCsv(path)
    write(first, a=1)
    write(first, a=2)
    state = first.state()
    first.close()
    second = ProgressCsv(path)
    with pytest.raises(UserError, match=r"progress\.csv has lines of an earlier log already: go on from its state"):
        write(second, a=3)
    assert [row["a"] for row in rows(path)] == ["1", "2"]
    second.load_state(state)
    write(second, a=3)
    assert [row["a"] for row in rows(path)] == ["1", "2", "3"]


def test_a_disk_that_refuses_is_one_line_with_the_files_name() -> None:
    log = ProgressCsv(Path("/dev/full"))  # a device that is always full
    with pytest.raises(UserError, match=r"cannot write /dev/full: No space left on device"):
        log.write({}, {})
    log.close()
