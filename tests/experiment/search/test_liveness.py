"""Whose trials are whose: a dead process's trial is queued again once, and not for ever."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import TrialState

from dqn_zoo_ext.experiment.search.liveness import ALIVE, CONTINUES, DEATHS, WORKER, Pulse, _this_process, queue_again
from dqn_zoo_ext.report.study_attributes import INTERRUPTED, REASON

SPACE: Mapping[str, BaseDistribution] = {"rate": FloatDistribution(0.0, 1.0)}


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(direction="maximize")


def begun_by(study: optuna.Study, worker: object, alive: float) -> optuna.Trial:
    trial = study.ask(dict(SPACE))
    trial.set_user_attr(WORKER, worker)
    trial.set_user_attr(ALIVE, alive)
    return trial


def dead_process() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_a_process_that_is_gone_from_this_machine_is_dead_at_once(study: optuna.Study) -> None:
    trial = begun_by(study, {**_this_process(), "process": dead_process()}, time.time())
    trial.report(3.0, 100)
    assert [each.number for each in Pulse(study, every=60.0).revive()] == [0]
    old, new = study.trials
    assert (old.state, new.state) == (TrialState.FAIL, TrialState.WAITING)
    assert new.params == old.params
    assert new.intermediate_values == {100: 3.0}
    assert (new.user_attrs[CONTINUES], new.user_attrs[DEATHS]) == (0, 1)
    assert WORKER not in new.user_attrs
    again = study.ask(dict(SPACE))  # the queued one comes first, with its values
    assert (again.number, again.params) == (1, old.params)


@pytest.mark.parametrize(
    ("worker", "silent_for", "lost"),
    [
        (_this_process(), 0.0, False),
        ({**_this_process(), "process": 2**22, "numbers": "a container"}, 0.0, False),
        ({"host": "elsewhere", "process": 1}, 0.0, False),
        ({"host": "elsewhere", "process": 1}, 119.0, False),
        ({"host": "elsewhere", "process": 1}, 121.0, True),
        (None, 121.0, True),
    ],
)
def test_a_trial_that_is_silent_is_lost(
    study: optuna.Study, worker: object, silent_for: float, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    begun_by(study, worker, now)
    monkeypatch.setattr(time, "time", lambda: now + silent_for)
    assert len(Pulse(study, every=60.0).revive()) == lost
    assert len(study.trials) == 1 + lost


def test_of_two_that_find_it_dead_one_queues_it(study: optuna.Study) -> None:
    trial = begun_by(study, {**_this_process(), "process": dead_process()}, time.time())
    seen = study.trials[trial.number]
    assert queue_again(study, seen, deaths=1)
    assert not queue_again(study, seen, deaths=1)
    assert len(study.trials) == 2


class Killed(BaseException):
    """The process is not there any more."""


@pytest.mark.parametrize("writes", [0, 1])
def test_values_outlive_a_process_that_is_killed_while_it_queues_them(
    writes: int, study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = begun_by(study, {**_this_process(), "process": dead_process()}, time.time())
    left = [writes]

    def or_killed(write: Callable[..., Any]) -> Callable[..., Any]:
        def written(*words: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return write(*words, **more)

        return written

    with monkeypatch.context() as patch:
        for name in ("create_new_trial", "set_trial_state_values"):
            patch.setattr(study._storage, name, or_killed(getattr(study._storage, name)))
        with pytest.raises(Killed):
            Pulse(study, every=60.0).revive()
    Pulse(study, every=60.0).revive()  # by the next process
    old, new = study.trials
    assert (old.state, new.state) == (TrialState.FAIL, TrialState.WAITING)
    assert new.params == trial.params
    assert new.user_attrs[DEATHS] == 1


def test_of_two_that_queue_it_at_one_moment_one_takes_it_back(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun_by(study, {**_this_process(), "process": dead_process()}, time.time())
    (seen,) = study.trials
    create, others = study._storage.create_new_trial, list[bool]()

    def after_another(*words: Any, **more: Any) -> int:
        if not others:
            others.append(True)
            assert queue_again(study, seen, deaths=1)
        return create(*words, **more)

    monkeypatch.setattr(study._storage, "create_new_trial", after_another)
    assert not queue_again(study, seen, deaths=1)
    assert [each.state.name for each in study.trials] == ["FAIL", "WAITING", "FAIL"]
    assert study.trials[2].user_attrs[REASON] == INTERRUPTED


def test_a_trial_that_is_given_up_is_told_before_it_is_failed(study: optuna.Study) -> None:
    trial = begun_by(study, {**_this_process(), "process": dead_process()}, time.time())
    trial.set_user_attr(DEATHS, 3)
    given_up: list[TrialState] = []
    pulse = Pulse(study, 60.0, lambda each: given_up.append(study.trials[each.number].state))
    pulse.revive()
    again = study.ask(dict(SPACE))
    again.set_user_attr(WORKER, {**_this_process(), "process": dead_process()})
    assert given_up == []
    pulse.revive()
    assert given_up == [TrialState.RUNNING]  # a kill before it is failed only tells it again
    assert [each.state for each in study.trials] == [TrialState.FAIL] * 2


def test_a_trial_that_kills_its_processes_is_given_up(study: optuna.Study) -> None:
    gone = {**_this_process(), "process": dead_process()}
    begun_by(study, gone, time.time())
    for _ in range(9):
        Pulse(study, every=60.0).revive()
        if not study.get_trials(states=[TrialState.WAITING]):
            break
        trial = study.ask(dict(SPACE))
        trial.set_user_attr(WORKER, gone)
        trial.set_user_attr(ALIVE, time.time())
    assert [trial.state for trial in study.trials] == [TrialState.FAIL] * 5
    assert len({trial.params["rate"] for trial in study.trials}) == 1


def test_ones_own_trials_are_kept_alive(study: optuna.Study) -> None:
    pulse = Pulse(study, every=0.05)
    trial = study.ask(dict(SPACE))
    with pulse.beating(), pulse.of(trial):
        first = study.trials[0].user_attrs[ALIVE]
        deadline = time.monotonic() + 10
        while study.trials[0].user_attrs[ALIVE] == first and time.monotonic() < deadline:
            time.sleep(0.02)
        assert study.trials[0].user_attrs[ALIVE] > first
        assert pulse.revive() == []
