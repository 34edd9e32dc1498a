"""Trials that are taken over, given up, or whose study's database is lost: what is done with their runs."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import StorageInternalError

from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.experiment.jobs import job as of_jobs
from dqn_zoo_ext.experiment.jobs.job import GoOn, Job, Launcher, Outcome, carry_out
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.plug_ins import load_plug_ins
from dqn_zoo_ext.experiment.search.liveness import ALIVE, CONTINUES, DEATHS, WORKER, _this_process, queue_again
from dqn_zoo_ext.experiment.search.options import SearchOptions, StudyOptions
from dqn_zoo_ext.experiment.search.problem import Problem
from dqn_zoo_ext.experiment.search.space import Space, search_space
from dqn_zoo_ext.experiment.search.sweep import Sweep
from dqn_zoo_ext.experiment.search.trial_runs import Stopped
from dqn_zoo_ext.experiment.signals import StopRequest
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.results import EvaluationRecord, read_results
from dqn_zoo_ext.storage.run_lock import locked

RUNG = EvaluationRecord(100, "gymnasium", (9.0,), 9.0, 0.0, 9.0)


def loaded(overrides: Mapping[str, object]) -> Configuration:
    small = {"n_timesteps": 200, "learning_starts": 50, "train_freq": 8, "gradient_steps": 1, "eval_episodes": 1}
    return load("dqn", resolve("CartPole-v1"), overrides={**small, "policy_kwargs.net_arch": [8], **overrides})


class Carried:
    """A launcher for runs in this process, which does `before` each."""

    def __init__(self, before: Callable[[Job, GoOn], None] = lambda *_: None) -> None:
        self._before = before
        self._stopped = False

    def __call__(self, job: Job, go_on: GoOn) -> Outcome:
        if self._stopped:
            return Outcome(state="stopped")
        self._before(job, go_on)
        return carry_out(job, go_on)

    def stop(self) -> None:
        self._stopped = True


def pause(_: object) -> bool:
    return False


def space() -> Space:
    load_plug_ins([])
    return search_space(loaded, {})


def sweep_of(study: optuna.Study, folder: Path, launch: Launcher, n_trials: int = 1, n_jobs: int = 1) -> Sweep:
    load_plug_ins([])
    options = RunOptions(log_folder=folder, seed=1, device="cpu", log_interval=None, command="tune", arguments={})
    problem = Problem("dqn", [resolve("CartPole-v1")], [loaded], {}, [1], ["score"], options)
    how = SearchOptions(
        max_total_trials=n_trials, n_jobs=n_jobs, heartbeat=60.0, study=StudyOptions(pruner="none", sampler="random")
    )
    return Sweep(study, space(), problem, (100, 200), how, launch, folder / "trials", lambda *_: None)


def study_of(storage: str | None = None) -> optuna.Study:
    return optuna.create_study(
        storage=storage, study_name="cart", direction="maximize", sampler=optuna.samplers.RandomSampler(1)
    )


def left_by_the_dead(study: optuna.Study) -> optuna.Trial:
    """A trial whose process is not there any more."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    trial = study.ask(dict(space()))
    trial.set_user_attr(WORKER, {**_this_process(), "process": dead.pid})
    trial.set_user_attr(ALIVE, time.time())
    return trial


def job_of(sweep: Sweep, trial: optuna.Trial, folder: Path) -> Job:
    (job,) = sweep.problem.jobs(trial.params, folder)
    return job


@pytest.mark.parametrize("kept", ["checkpoint", "nothing yet"])
def test_a_run_that_is_still_alive_is_waited_for(kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its trial was thought dead, as its process could not reach the database; here this test holds the run."""
    monkeypatch.setattr(of_jobs, "_SECONDS_TO_WAIT", 0.1)
    study = study_of()
    trial = left_by_the_dead(study)
    sweep = sweep_of(study, tmp_path, Carried())
    live = job_of(sweep, trial, tmp_path / "trials" / "trial_0")
    if kept == "checkpoint":
        assert carry_out(replace(live, rungs=(100,)), pause).state == "paused"
    mark = live.folder.path / "of_the_live_run"
    work = threading.Thread(target=lambda: sweep.run(StopRequest()))
    with locked(live.folder.path):
        mark.touch()
        work.start()
        time.sleep(2)
        assert mark.is_file()
        assert [each.state.name for each in study.trials] == ["FAIL", "RUNNING"]
        assert CheckpointFolder(live.folder.checkpoint_folder).is_there() == (kept == "checkpoint")
    work.join(60)
    assert [each.state.name for each in study.trials] == ["FAIL", "COMPLETE"]
    assert study.trials[1].user_attrs[CONTINUES] == 0
    assert mark.is_file() == (kept == "checkpoint")  # gone on with, or begun anew
    results = read_results(live.folder.results)
    assert [each.agent_steps for each in results.evaluations] == [100, 200]
    assert not live.folder.checkpoint_folder.exists()  # it has ended for good


@pytest.mark.parametrize("noticed", ["at a rung", "at its end", "when it fails", "when it is stopped"])
def test_a_trial_that_was_taken_over_is_the_others(noticed: str, tmp_path: Path) -> None:
    """The first process learns of it while its run is under way; the run is then the next trial's."""
    study, gone_on_with = study_of(), list[bool]()

    def before(job: Job, go_on: GoOn) -> None:
        gone_on_with.append(job.goes_on)
        if len(gone_on_with) > 1:
            return
        assert carry_out(replace(job, rungs=(100,)), pause).state == "paused"
        assert queue_again(study, study.trials[0], deaths=1)  # by another process, which has not heard of this one
        if noticed == "at a rung":
            go_on(RUNG)
        if noticed == "at its end":
            assert carry_out(replace(job, rungs=()), pause).state == "finished"
        if noticed == "when it fails":
            raise ZeroDivisionError
        if noticed == "when it is stopped":
            raise Stopped

    sweep_of(study, tmp_path, Carried(before)).run(StopRequest())
    assert gone_on_with == [False, True]
    assert [each.state.name for each in study.trials] == ["FAIL", "COMPLETE"]
    assert [path.name for path in (tmp_path / "trials").iterdir()] == ["trial_0"]


def test_a_trial_that_is_given_up_leaves_no_checkpoints(tmp_path: Path) -> None:
    study = study_of()
    trial = left_by_the_dead(study)
    trial.set_user_attr(CONTINUES, 0)
    trial.set_user_attr(DEATHS, 4)
    sweep = sweep_of(study, tmp_path, Carried())
    left = job_of(sweep, trial, tmp_path / "trials" / "trial_0").folder
    (left.checkpoint_folder / "replay").mkdir(parents=True)
    sweep.run(StopRequest())
    assert [each.state.name for each in study.trials] == ["FAIL", "COMPLETE"]
    assert study.trials[1].params != study.trials[0].params
    assert left.path.is_dir()
    assert not left.checkpoint_folder.exists()


def test_studies_that_share_a_folder_keep_their_trials_runs(tmp_path: Path) -> None:
    """Of one name, in two databases: the names of studies alone do not tell them apart."""
    for number in (1, 2):
        sweep_of(study_of(), tmp_path, Carried()).run(StopRequest())
        assert len(list(tmp_path.glob("trials/*/dqn/CartPole-v1_1/results.json"))) == number


def test_a_database_that_is_lost_stops_all_and_fails_no_trial(tmp_path: Path) -> None:
    """Lost for a moment even: one trial is left as if its process had been killed, the other is put back."""
    database = tmp_path / "study.db"
    study, together = study_of(f"sqlite:///{database}"), threading.Barrier(2)
    begun, stopped_in_time, stop = list[Job](), list[bool](), StopRequest()

    def before(job: Job, go_on: GoOn) -> None:
        begun.append(job)
        if len(begun) > 2:  # nothing has stopped them
            stop.signal = signal.SIGTERM
            raise Stopped
        assert carry_out(replace(job, rungs=(100,)), pause).state == "paused"
        if together.wait(30) == 0:
            whole = database.read_bytes()
            database.write_bytes(b"no database any more" * 1000)
            try:
                go_on(RUNG)
            finally:
                database.write_bytes(whole)
        else:
            deadline = time.monotonic() + 20
            while not launch._stopped and time.monotonic() < deadline:  # it would train for hours
                time.sleep(0.02)
            stopped_in_time.append(launch._stopped)
            raise Stopped

    launch = Carried(before)
    with pytest.raises(StorageInternalError):
        sweep_of(study, tmp_path, launch, n_trials=2, n_jobs=2).run(stop)
    assert stopped_in_time == [True]
    assert sorted(each.state.name for each in study.trials) == ["FAIL", "RUNNING", "WAITING"]
    assert len(list(tmp_path.rglob("agent_steps_000000000100"))) == 2
