"""A job in a folder where another attempt at it has been, or is still at work."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from job_of_cart_pole import job

from dqn_zoo_ext.experiment.jobs import job as of_jobs
from dqn_zoo_ext.experiment.jobs.job import Job, Outcome, carry_out
from dqn_zoo_ext.experiment.jobs.local import LocalProcesses
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.storage.run_history import read_games
from dqn_zoo_ext.storage.run_lock import locked


def pause(_: object) -> bool:
    return False


def games_of(job_: Job) -> tuple[list[float], list[int]]:
    games = read_games(job_.folder.path)
    assert games is not None
    return list(games.scores), list(games.agent_steps)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_a_lost_attempt_has_left_is_not_added_to(tmp_path: Path) -> None:
    """Ray does that when a machine is lost: the same task with the same arguments, here without any checkpoint."""
    alone = job(tmp_path / "alone", algo="sb3_dqn")
    assert LocalProcesses()(alone).state == "finished"
    lost = job(tmp_path / "lost", algo="sb3_dqn", callback=[{"falls_over": {"how": "killed", "at": 90}}])
    assert LocalProcesses()(lost).state == "failed"
    (lost.folder.path / "progress.csv").write_text("of the lost attempt")
    again = replace(lost, configuration=alone.configuration)
    assert LocalProcesses()(again).state == "finished"
    assert games_of(again) == games_of(alone)
    assert len(list(again.folder.tensorboard.iterdir())) == 1
    assert len(again.folder.command.read_text().splitlines()) == 1
    assert "of the lost attempt" not in (again.folder.path / "progress.csv").read_text()


def test_a_run_that_another_process_is_at_work_on_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_jobs, "_SECONDS_TO_WAIT", 0.3)
    begun, paused = job(tmp_path), replace(job(tmp_path), rungs=(100,))
    begun.folder.monitor.write_text("of the live run")
    assert carry_out(paused, pause).state == "paused"
    for each in (begun, paused):
        before = sorted(each.folder.path.rglob("*"))
        with locked(each.folder.path):
            outcome = carry_out(each, pause)
        assert outcome.state == "busy"
        assert f"is being trained in by process {os.getpid()}" in outcome.reason
        assert sorted(path for path in each.folder.path.rglob("*") if path.name != ".lock") == [
            path for path in before if path.name != ".lock"
        ]
    assert begun.folder.monitor.read_text() == "of the live run"


def test_it_goes_on_from_a_checkpoint_that_was_made_while_it_waited(tmp_path: Path) -> None:
    paused = replace(job(tmp_path), rungs=(100,))
    assert carry_out(paused, pause).state == "paused"
    checkpoints, elsewhere = paused.folder.checkpoint_folder, tmp_path / "elsewhere"
    checkpoints.rename(elsewhere)
    outcomes: list[Outcome] = []
    with locked(paused.folder.path):
        waiting = threading.Thread(target=lambda: outcomes.append(carry_out(replace(paused, rungs=()), pause)))
        waiting.start()
        time.sleep(0.5)
        elsewhere.rename(checkpoints)
    waiting.join(60)
    assert outcomes[0].state == "finished"
    assert outcomes[0].results is not None
    assert [each.agent_steps for each in outcomes[0].results.evaluations] == [100, 300]  # not begun anew


def test_a_run_that_is_told_to_stop_while_it_waits_is_stopped(tmp_path: Path) -> None:
    """It has nothing to save, and has not failed."""
    waits, launch, outcomes = job(tmp_path), LocalProcesses(), list[Outcome]()
    with locked(waits.folder.path):
        thread = threading.Thread(target=lambda: outcomes.append(launch(waits)))
        thread.start()
        until(lambda: len(launch._running) == 1)
        time.sleep(0.5)
        launch.stop()
        thread.join(20)
    assert [outcome.state for outcome in outcomes] == ["stopped"]
    assert waits.folder.path.is_dir()


@pytest.mark.slow
def test_the_most_memory_is_the_runs_and_not_that_of_whoever_reads_it(tmp_path: Path) -> None:
    """Of a run that pauses, goes on with less, and is asked for again when it has ended."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from dataclasses import replace\n"
        "from job_of_cart_pole import job\n"
        "from dqn_zoo_ext.experiment.jobs.job import carry_out\n"
        "ballast = bytearray(int(sys.argv[2]) * 2**20)\n"
        "for index in range(0, len(ballast), 4096): ballast[index] = 1\n"
        "made = job(Path(sys.argv[1]))\n"
        "made.folder.discard()\n"
        "first = replace(made.folder, path=made.folder.path.with_name('CartPole-v1_1'))\n"
        "first.config_folder.mkdir(parents=True, exist_ok=True)\n"
        "of_first = replace(made, folder=first, rungs=tuple(map(int, sys.argv[3:])))\n"
        "outcome = carry_out(of_first, lambda _: False)\n"
        "print(outcome.state, outcome.results.most_memory // 2**20)\n"
    )
    here, root = Path(__file__).parent, Path(__file__).parents[3]
    path = os.pathsep.join(map(str, (here, root)))

    def said(*words: object) -> list[str]:
        command = [sys.executable, "-c", program, str(tmp_path), *map(str, words)]
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    state, most = said(1000, 100)
    assert (state, int(most) > 1000) == ("paused", True)
    for _ in range(2):  # the second only reads what came of it
        state, again = said(1)
        assert state == "finished"
        assert int(again) == pytest.approx(int(most), abs=8)  # the pause itself took some, too
    stored = read_results(tmp_path / "dqn" / "CartPole-v1_1" / "results.json").most_memory
    assert stored // 2**20 == int(again)
