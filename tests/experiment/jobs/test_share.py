"""How many runs at a time, with how many threads each."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.doctor import diagnosis
from dqn_zoo_ext.experiment.doctor.resources import Memory
from dqn_zoo_ext.experiment.jobs.share import side_by_side
from dqn_zoo_ext.experiment.options import RunOptions

GIGABYTE = 2**30
ATARI = load("dqn", resolve("Pong"))  # a replay of 7 GB
SMALL = replace(ATARI, hyperparameters=replace(ATARI.hyperparameters, buffer_size=10_000))
OPTIONS = RunOptions(log_folder=Path("logs"), seed=1, device="cpu")


@pytest.fixture(autouse=True)
def _eight_cores_and_forty_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(diagnosis, "main_memory", lambda: Memory(64 * GIGABYTE, 40 * GIGABYTE))


@pytest.mark.parametrize(
    ("asked", "runs", "threads", "expected"),
    [
        (-1, 100, 0, (5, 1)),  # 36 of the 40 GB, 7.1 each
        (-1, 2, 0, (2, 4)),
        (1, 100, 0, (1, 8)),
        (4, 100, 0, (4, 2)),
        (4, 100, 3, (4, 3)),
    ],
)
def test_cores_and_memory_are_divided(asked: int, runs: int, threads: int, expected: tuple[int, int]) -> None:
    found = side_by_side(asked, runs, [SMALL, ATARI], OPTIONS, threads)
    assert (found.jobs, found.threads) == expected
    assert 7 * GIGABYTE < found.memory < 8 * GIGABYTE


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match=r"--n-jobs: 8 runs of [\d.]+ GB each do not fit into the 42.9 GB .* at most 5"):
        side_by_side(8, 8, [ATARI], OPTIONS, 0)


def test_a_small_replay_is_no_limit() -> None:
    assert side_by_side(-1, 100, [SMALL], OPTIONS, 0).jobs == 8
