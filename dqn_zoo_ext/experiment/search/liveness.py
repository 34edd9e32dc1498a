"""Which trials are being worked on, and by whom: a trial whose process has died goes on in another one.

A process writes the time into the trials it works on, every so often, and its own name. The values of a trial that has
not been heard of for two such times, or whose process is seen to be gone from this machine, are queued again, under a
number of their own, and then it is failed: whenever a process is killed, no values are lost. The runs of the new trial
go on from the checkpoints of the old one. The clocks of several machines must agree to within that time.
"""

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import OptunaError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from dqn_zoo_ext.report.study_attributes import INTERRUPTED, REASON

ALIVE, WORKER = "alive", "worker"
"""A trial's user attributes: when it was last heard of, in seconds since 1970, and whose it is."""
CONTINUES, DEATHS = "continues_trial", "deaths"
"""Its user attributes if it goes on with another one: the number of the first, and how often its process has died."""
_FOLLOWS = "follows_trial"
"""Another one: the number of the one whose values it has been queued with."""
_MOST_DEATHS = 5


class Pulse:
    """Keeps the trials that this process works on alive.

    every: seconds. give_up: is called with a trial whose process has died once too often, before it is failed.
    """

    def __init__(
        self, study: optuna.Study, every: float, give_up: Callable[[FrozenTrial], None] = lambda _: None
    ) -> None:
        self._study = study
        self._every = every
        self._give_up = give_up
        self._trials: dict[int, optuna.Trial] = {}
        self._over = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def beating(self) -> Iterator["Pulse"]:
        """While the block lasts, all trials that are noted are kept alive."""
        thread = threading.Thread(target=self._beat, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    @contextmanager
    def of(self, trial: optuna.Trial) -> Iterator[None]:
        """While the block lasts, `trial` is this process's."""
        trial.set_user_attr(WORKER, _this_process())
        trial.set_user_attr(ALIVE, time.time())
        with self._lock:
            self._trials[trial.number] = trial
        try:
            yield
        finally:
            with self._lock:
                del self._trials[trial.number]

    def revive(self) -> list[FrozenTrial]:
        """Queue the trials again whose processes have died; those that this process has queued."""
        running = self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
        with self._lock:
            others = [trial for trial in running if trial.number not in self._trials]
        lost = [trial for trial in others if self._is_lost(trial)]
        for trial in lost:
            if _deaths(trial) + 1 >= _MOST_DEATHS:
                self._give_up(trial)
        return [trial for trial in lost if queue_again(self._study, trial, deaths=1)]

    def _beat(self) -> None:
        while not self._over.wait(self._every):
            with self._lock:
                trials = list(self._trials.values())
            for trial in trials:
                with suppress(OptunaError, OSError):  # a database that is away for a while; or it was queued again
                    trial.set_user_attr(ALIVE, time.time())

    def _is_lost(self, trial: FrozenTrial) -> bool:
        begun = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
        heard_of = max(float(trial.user_attrs.get(ALIVE, 0.0)), begun)
        return time.time() - heard_of > 2 * self._every or _is_gone(trial.user_attrs.get(WORKER))


def queue_again(study: optuna.Study, trial: FrozenTrial, deaths: int = 0) -> bool:
    """Queue the values of `trial` as another one, and then fail it.

    deaths: of its process, to be counted: after five a trial is no longer queued, for it may be the cause. False if it
    was not queued for that reason, or because somebody else was faster.
    """
    if study.get_trials(deepcopy=False)[trial.number].state != TrialState.RUNNING:
        return False
    queued = _deaths(trial) + deaths < _MOST_DEATHS and _queue(study, trial, deaths)
    with suppress(ValueError, UpdateFinishedTrialError):  # somebody has failed it in the same moment
        study.tell(trial.number, state=TrialState.FAIL)
    return queued


def _queue(study: optuna.Study, trial: FrozenTrial, deaths: int) -> bool:
    """False if somebody else has, whom that may have been the last thing to do."""
    if _followers(study, trial):
        return False
    kept = {key: value for key, value in trial.user_attrs.items() if key not in (ALIVE, WORKER, REASON)}
    first = trial.user_attrs.get(CONTINUES, trial.number)
    waiting = optuna.create_trial(
        state=TrialState.WAITING,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs={**kept, CONTINUES: first, _FOLLOWS: trial.number, DEATHS: _deaths(trial) + deaths},
        intermediate_values=trial.intermediate_values,
    )
    queued = study._storage.create_new_trial(study._study_id, waiting)
    if _followers(study, trial)[0]._trial_id == queued:
        return True
    _take_back(study, queued)
    return False


def _followers(study: optuna.Study, trial: FrozenTrial) -> list[FrozenTrial]:
    """The trials that its values were queued as, the first first; more than one if several did it in one moment."""
    return [each for each in study.get_trials(deepcopy=False) if each.user_attrs.get(_FOLLOWS) == trial.number]


def _take_back(study: optuna.Study, queued: int) -> None:
    """Fail the trial of that id in the storage; unless somebody has begun it, and its values are tried twice."""
    storage = study._storage
    with suppress(UpdateFinishedTrialError):
        if storage.set_trial_state_values(queued, TrialState.RUNNING):  # false unless it waits: only one process can
            storage.set_trial_user_attr(queued, REASON, INTERRUPTED)
            storage.set_trial_state_values(queued, TrialState.FAIL)


def _deaths(trial: FrozenTrial) -> int:
    return int(trial.user_attrs.get(DEATHS, 0))


def _this_process() -> dict[str, Any]:
    return {**_here(), "process": os.getpid()}


def _here() -> dict[str, Any]:
    """Where process numbers mean the same: containers may share a host's name, but not its numbers."""
    namespace = Path("/proc/self/ns/pid")
    return {"host": platform.node(), "numbers": str(namespace.readlink()) if namespace.is_symlink() else ""}


def _is_gone(worker: Any) -> bool:
    """Whether the process is one of this machine, and not there any more."""
    if not isinstance(worker, dict) or not _here().items() <= worker.items():
        return False
    try:
        os.kill(int(worker["process"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
