"""A signal that a terminal or a scheduler sends to all processes of a command, at any moment of it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder

NUMBERS = [signal.SIGINT, signal.SIGTERM]
CART_POLE = ["--env", "CartPole-v1", "-n", "200000", "--num-threads", "1", "--device", "cpu", "--n-jobs", "2"]


def start(*words: str) -> "subprocess.Popen[str]":
    """In a group of its own, as a shell has for each command."""
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "dqn_zoo_ext", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_until(process: "subprocess.Popen[str]", beginning: str) -> str:
    """What it printed up to the line that begins so."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if line.startswith(beginning):
            return printed
    raise AssertionError(printed)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_campaign_whose_first_runs_are_being_begun(number: signal.Signals, tmp_path: Path) -> None:
    process = start("campaign", "--algos", "dqn", "double_dqn", "--seeds", "1", "-f", str(tmp_path), *CART_POLE)
    printed = read_until(process, "run 1 of 2")
    time.sleep(0.2)  # the process from which all runs are forked imports
    os.killpg(process.pid, number)
    printed += process.communicate(timeout=120)[0]
    assert process.returncode == 75, printed
    assert "Traceback" not in printed
    assert f"stopped by {number.name}; go on with: " in printed
    assert " --into " in printed
    assert "failed" not in printed


@pytest.mark.parametrize("number", NUMBERS)
def test_a_search_whose_first_trials_are_being_begun(number: signal.Signals, tmp_path: Path) -> None:
    words = ["--n-trials", "4", "--study-name", "cart", "-f", str(tmp_path), *CART_POLE]
    process = start("tune", "--algo", "dqn", *words)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "studies" / "cart" / "trials").glob("*/*/CartPole-v1_1")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, number)
    printed = process.communicate(timeout=120)[0]
    assert process.returncode == 75, printed
    assert "Traceback" not in printed
    assert "failed" not in printed
    assert "2 waiting" in printed  # both that were under way


def test_a_signal_to_all_is_one_request_for_a_run_that_its_parent_stops_too(tmp_path: Path) -> None:
    """Once from the sender and once from the parent; a second one ends a run at once where nobody looks after it."""
    process = start("campaign", "--algos", "dqn", "--seeds", "1", "-f", str(tmp_path), *CART_POLE)
    deadline = time.monotonic() + 120
    monitor = tmp_path / "dqn" / "CartPole-v1_1" / "0.monitor.csv"
    while not monitor.exists() or len(monitor.read_text().splitlines()) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGTERM)
    printed = process.communicate(timeout=120)[0]
    assert process.returncode == 75, printed
    assert ": stopped after " in printed
    assert CheckpointFolder(tmp_path / "dqn" / "CartPole-v1_1" / "checkpoints").is_there()
