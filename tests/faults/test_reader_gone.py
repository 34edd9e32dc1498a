"""Trainings whose output nobody reads any more (``train | head -n 1``): they train on, and lose nothing."""

import subprocess
import time
from pathlib import Path

import pytest
from short_runs import CART_POLE, differences, start, the_run

from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.train import main as train

LONGER = [word.replace("600", "2000") for word in CART_POLE]
_SILENT = ["--eval-freq", "-1", *(word for word in LONGER if word not in ("--eval-freq", "250"))]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run whose output is read."""
    folder = tmp_path_factory.mktemp("read")
    assert train([*LONGER, "-f", str(folder)]) == 0
    return the_run(folder)


def read_one_line(process: "subprocess.Popen[str]") -> None:
    """As ``head -n 1`` does, and then it is gone."""
    assert process.stdout is not None
    assert process.stdout.readline().startswith("double_dqn on CartPole-v1")
    process.stdout.close()


def wait_for_checkpoint(folder: Path, process: "subprocess.Popen[str]") -> None:
    while not any(folder.glob("*/*/checkpoints/agent_steps_000000000300")):
        assert process.poll() is None
        time.sleep(0.002)


def test_the_training_goes_on_to_its_end(read: Path, tmp_path: Path) -> None:
    process = start(*LONGER, "-f", tmp_path, stderr=subprocess.PIPE)
    read_one_line(process)
    _, complaints = process.communicate(timeout=120)
    assert (process.returncode, complaints) == (0, "")
    assert differences(read, the_run(tmp_path)) == []


def test_only_the_last_lines_find_nobody(tmp_path: Path) -> None:
    """A run that says nothing between its beginning and its end."""
    process = start(*_SILENT, "-f", tmp_path, stderr=subprocess.PIPE)
    wait_for_checkpoint(tmp_path, process)
    read_one_line(process)
    _, complaints = process.communicate(timeout=120)
    assert (process.returncode, complaints) == (0, "")
    results = read_results(the_run(tmp_path) / "results.json")
    assert (results.agent_steps, results.finished) == (2000, True)


def test_it_can_be_stopped_and_gone_on_with(read: Path, tmp_path: Path) -> None:
    process = start(*LONGER, "-f", tmp_path, stderr=subprocess.PIPE)
    read_one_line(process)
    wait_for_checkpoint(tmp_path, process)
    process.terminate()
    _, complaints = process.communicate(timeout=120)
    assert (process.returncode, complaints) == (75, "")
    run = the_run(tmp_path)
    assert train(["--resume", str(run)]) == 0
    assert differences(read, run) == []
