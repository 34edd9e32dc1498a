"""Real trainings that are told to stop: exit code 75, a checkpoint, and a resume that ends as if nothing had been."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from short_runs import CART_POLE, SPACE_INVADERS, differences, finish, start, the_run

from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.train import main as train

if TYPE_CHECKING:
    import subprocess

LONGER = [word.replace("600", "2000") for word in CART_POLE]  # agent steps


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert train([*LONGER, "-f", str(folder)]) == 0
    return the_run(folder)


def wait_for(there: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 120
    while not there():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.002)


def checkpoint_at(folder: Path, agent_steps: int) -> Callable[[], bool]:
    return lambda: any(folder.glob(f"*/*/checkpoints/agent_steps_{agent_steps:012d}"))


def holds_its_folder(folder: Path, process: "subprocess.Popen[str]") -> Callable[[], bool]:
    return lambda: any(f"process {process.pid} " in lock.read_text() for lock in folder.glob("*/*/.lock"))


@pytest.mark.parametrize(
    ("number", "at"),
    [
        (signal.SIGTERM, "in the middle"),
        pytest.param(signal.SIGINT, "in the middle", marks=pytest.mark.slow),
        (signal.SIGTERM, "at once"),
    ],
)
def test_a_stopped_run_goes_on_as_if_it_had_not_been(
    number: signal.Signals, at: str, undisturbed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = start(*LONGER, "-f", tmp_path)
    ready = checkpoint_at(tmp_path, 300) if at == "in the middle" else holds_its_folder(tmp_path, process)
    wait_for(ready, process)
    process.send_signal(number)
    code, output = finish(process)
    assert code == 75, output
    run = the_run(tmp_path)
    assert "stopping after this step, with a checkpoint" in output
    command = rf"\S+ -m dqn_zoo_ext.train --resume {run}"
    assert re.search(rf"stopped by {number.name}; go on with: {command}$", output, re.MULTILINE)
    assert "Traceback" not in output
    checkpoint, wrong = CheckpointFolder(run / "checkpoints").newest()
    assert checkpoint is not None
    assert wrong == []
    stopped_at = checkpoint.agent_steps
    assert 300 <= stopped_at < 2000 if at == "in the middle" else stopped_at < 300
    assert f"\n{stopped_at:,} agent steps and " in output  # where it stopped is where it was saved
    assert train(["--resume", str(run)]) == 0
    assert f"going on after {stopped_at:,} agent steps" in capsys.readouterr().out
    assert differences(undisturbed, run) == []


@pytest.mark.slow
def test_stopped_twice_and_resumed_by_the_same_words(undisturbed: Path, tmp_path: Path) -> None:
    """As a scheduler requeues it: one command line, again and again."""
    words = [*LONGER, "-f", str(tmp_path), "--resume"]
    for agent_steps in (300, 750):
        process = start(*words)
        wait_for(checkpoint_at(tmp_path, agent_steps), process)
        process.terminate()
        code, output = finish(process)
        assert code == 75, output
    code, output = finish(start(*words))
    assert code == 0, output
    assert differences(undisturbed, the_run(tmp_path)) == []


def test_stopped_amid_an_evaluation_the_evaluation_is_made_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for word in CART_POLE if word not in ("--eval-episodes", "2")]
    words[words.index("150")] = "250"  # a checkpoint just before the evaluation
    words = ["--eval-episodes", "150", *words]  # a second and more
    process = start(*words, "-f", tmp_path / "stopped")
    wait_for(checkpoint_at(tmp_path / "stopped", 250), process)
    process.terminate()
    code, output = finish(process)
    assert code == 75, output
    assert "evaluation after" not in output
    assert "\n250 agent steps and " in output
    run = the_run(tmp_path / "stopped")
    assert train(["--resume", str(run)]) == 0
    assert "evaluation after 250 agent steps" in capsys.readouterr().out
    assert train([*words, "-f", str(tmp_path / "undisturbed")]) == 0
    assert differences(the_run(tmp_path / "undisturbed"), run) == []


def test_a_second_signal_ends_it_at_once_and_the_last_checkpoint_is_good(tmp_path: Path) -> None:
    large = [*LONGER, "policy_kwargs.net_arch:[1500,1500]"]  # a good part of a second to write
    process = start(*large, "-f", tmp_path)
    wait_for(checkpoint_at(tmp_path, 300), process)
    process.terminate()
    assert process.stdout is not None
    while not process.stdout.readline().startswith("stopping after this step"):
        assert process.poll() is None
    wait_for(lambda: any(tmp_path.glob("*/*/checkpoints/.writing_*")), process)
    process.send_signal(signal.SIGINT)
    code, output = finish(process)
    assert code == 128 + signal.SIGINT, output
    run = the_run(tmp_path)
    checkpoint, wrong = CheckpointFolder(run / "checkpoints").newest()
    assert checkpoint is not None
    assert checkpoint.agent_steps >= 300
    assert all("half-written" in line for line in wrong)
    process = start("--resume", run)
    assert process.stdout is not None
    while not process.stdout.readline().startswith(f"going on after {checkpoint.agent_steps:,} agent steps"):
        assert process.poll() is None
    process.terminate()
    code, output = finish(process)
    assert code == 75, output


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_space_invaders_stopped_and_resumed(number: signal.Signals, tmp_path: Path) -> None:
    assert train([*SPACE_INVADERS, "-f", str(tmp_path / "undisturbed")]) == 0
    process = start(*SPACE_INVADERS, "-f", tmp_path / "stopped")
    wait_for(checkpoint_at(tmp_path / "stopped", 120), process)
    process.send_signal(number)
    code, output = finish(process)
    assert code == 75, output
    run = the_run(tmp_path / "stopped")
    assert train(["--resume", str(run)]) == 0
    assert differences(the_run(tmp_path / "undisturbed"), run) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_whole_group_of_processes(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, a closed terminal or a scheduler reach the processes of the environments too."""
    words = [*CART_POLE, "n_envs:2", "--vec-env", "subproc"]
    assert train([*words, "-f", str(tmp_path / "undisturbed")]) == 0
    process = start(*words, "-f", tmp_path / "stopped", start_new_session=True)
    wait_for(checkpoint_at(tmp_path / "stopped", 150), process)
    os.killpg(process.pid, number)
    code, output = finish(process)
    assert code == 75, output
    assert "Traceback" not in output
    run = the_run(tmp_path / "stopped")
    assert train(["--resume", str(run)]) == 0
    assert differences(the_run(tmp_path / "undisturbed"), run) == []
