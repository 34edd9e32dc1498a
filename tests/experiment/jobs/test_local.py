"""Runs in processes of their own: rungs, pauses, faults, and a parent that dies."""

import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from job_of_cart_pole import job

from dqn_zoo_ext.experiment.jobs.job import Job, Outcome
from dqn_zoo_ext.experiment.jobs.local import LocalProcesses
from dqn_zoo_ext.storage.agent_file import read_policy_weights
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.results import EvaluationRecord


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Outcome]:
    """The run without any rung."""
    alone = job(tmp_path_factory.mktemp("straight"))
    return alone, LocalProcesses()(alone)


def the_same(one: Job, other: Job) -> bool:
    here, there = (read_policy_weights(each.folder.final_model) for each in (one, other))
    return all(torch.equal(here[name], there[name]) for name in here)


def test_it_ends_with_results(straight: tuple[Job, Outcome]) -> None:
    alone, outcome = straight
    assert (outcome.state, outcome.reason) == ("finished", "")
    assert outcome.results is not None
    assert outcome.results.agent_steps == 300
    assert 100 * 2**20 < outcome.results.most_memory < 2 * 2**30
    assert alone.folder.final_model.is_file()


def test_a_run_that_goes_on_at_each_rung_is_the_straight_one(tmp_path: Path, straight: tuple[Job, Outcome]) -> None:
    rungs, asked = replace(job(tmp_path), rungs=(100, 200)), []

    def go_on(record: EvaluationRecord) -> bool:
        asked.append(record.agent_steps)
        return True

    outcome = LocalProcesses()(rungs, go_on)
    assert outcome.state == "finished"
    assert asked == [100, 200]
    assert outcome.results is not None
    assert [each.agent_steps for each in outcome.results.evaluations] == [100, 200, 300]
    assert straight[1].results is not None
    assert outcome.results.final == straight[1].results.final
    assert the_same(rungs, straight[0])


def test_a_run_that_paused_at_each_rung_is_the_straight_one(tmp_path: Path, straight: tuple[Job, Outcome]) -> None:
    whole, launch = job(tmp_path), LocalProcesses()
    for rung in (100, 150):  # at one with a checkpoint of its own, and between two
        outcome = launch(replace(whole, rungs=(rung,)))
        assert outcome.state == "paused"
        assert outcome.results is not None
        assert outcome.results.agent_steps == rung
        assert outcome.results.evaluations[-1].agent_steps == rung
        assert CheckpointFolder(whole.folder.checkpoint_folder).is_there()
    outcome = launch(whole)
    assert outcome.state == "finished"
    assert outcome.results is not None
    assert [each.agent_steps for each in outcome.results.evaluations] == [100, 150, 300]
    with np.load(whole.folder.evaluations) as stored:
        assert stored["timesteps"].tolist() == [100, 150, 300]
    assert the_same(whole, straight[0])


def test_a_rung_is_asked_about_again_where_the_answer_was_lost(tmp_path: Path) -> None:
    whole, launch = job(tmp_path), LocalProcesses()
    assert launch(replace(whole, rungs=(100,))).state == "paused"
    asked = []

    def go_on(record: EvaluationRecord) -> bool:
        asked.append(record.agent_steps)
        return False

    assert launch(replace(whole, rungs=(100, 200)), go_on).state == "paused"
    assert asked == [100]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("killed", "its process was ended by SIGKILL; the system does that when memory is full"),
        ("raises", "LookupError: no more"),
    ],
)
def test_a_run_that_falls_over_says_why_and_takes_none_along(tmp_path: Path, how: str, reason: str) -> None:
    launch = LocalProcesses()
    bad = job(tmp_path, callback=[{"falls_over": {"how": how, "at": 120}}])
    good = job(tmp_path)
    outcomes: dict[str, Outcome] = {}
    threads = [
        threading.Thread(target=lambda each=each: outcomes.setdefault(each.folder.path.name, launch(each)))
        for each in (bad, good)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes["CartPole-v1_1"].state == "failed"
    assert outcomes["CartPole-v1_1"].reason == reason
    assert outcomes["CartPole-v1_2"].state == "finished"


def test_stop_ends_with_a_checkpoint_and_begins_no_more(tmp_path: Path) -> None:
    launch, long = LocalProcesses(), job(tmp_path, n_timesteps=1_000_000)
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(launch(long)))
    thread.start()
    while not CheckpointFolder(long.folder.checkpoint_folder).is_there():
        time.sleep(0.05)
    launch.stop()
    thread.join(60)
    assert outcomes[0].state == "stopped"
    assert launch(job(tmp_path)).state == "stopped"


def test_runs_stop_with_a_checkpoint_when_their_parent_dies(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        textwrap.dedent(
            f"""
            import os, sys, threading, time
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            from pathlib import Path
            from job_of_cart_pole import job
            from dqn_zoo_ext.experiment.jobs.local import LocalProcesses
            from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
            if __name__ == "__main__":
                long, launch = job(Path({str(tmp_path)!r}), n_timesteps=1_000_000), LocalProcesses()
                threading.Thread(target=launch, args=(long,), daemon=True).start()
                while not CheckpointFolder(long.folder.checkpoint_folder).is_there():
                    time.sleep(0.05)
                os._exit(9)
            """
        )
    )
    assert subprocess.run([sys.executable, str(program)], timeout=120, check=False).returncode == 9
    lock = tmp_path / "dqn" / "CartPole-v1_1" / "results.json"
    for _ in range(600):  # written when it has stopped in order
        if lock.is_file():
            break
        time.sleep(0.1)
    again = job(tmp_path, n_timesteps=1_000_000)
    steps = max(CheckpointFolder(lock.parent / "checkpoints").unchecked())
    assert steps > 0
    assert f'"agent_steps": {steps}' in lock.read_text()
    again.folder.discard()
