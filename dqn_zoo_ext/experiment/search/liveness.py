"""Which trials are being worked on, and by whom: a trial whose process has died goes on in another one.

A process writes the time into the trials it works on, every so often, and its own name. A trial that has not been heard
of for two such times, or whose process is seen to be gone from this machine, is failed, and its values are queued
again, under a number of their own. The runs of the new trial go on from the checkpoints of the old one. The clocks of
several machines must agree to within that time.
"""

import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import OptunaError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from dqn_zoo_ext.report.study_attributes import REASON

ALIVE, WORKER = "alive", "worker"
"""A trial's user attributes: when it was last heard of, in seconds since 1970, and whose it is."""
CONTINUES, DEATHS = "continues_trial", "deaths"
"""Its user attributes if it goes on with another one: the number of the first, and how often its process has died."""
_MOST_DEATHS = 5


class Pulse:
    """Keeps the trials that this process works on alive. every: seconds."""

    def __init__(self, study: optuna.Study, every: float) -> None:
        self._study = study
        self._every = every
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
        return [trial for trial in others if self._is_lost(trial) and queue_again(self._study, trial, deaths=1)]

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
    """Fail `trial` and queue its values as another one.

    deaths: of its process, to be counted: after five a trial is no longer queued, for it may be the cause. False if it
    was not queued for that reason, or because somebody else was faster.
    """
    try:
        study.tell(trial.number, state=TrialState.FAIL)
    except (ValueError, UpdateFinishedTrialError):  # it is no longer running
        return False
    deaths += int(trial.user_attrs.get(DEATHS, 0))
    if deaths >= _MOST_DEATHS:
        return False
    kept = {key: value for key, value in trial.user_attrs.items() if key not in (ALIVE, WORKER, REASON)}
    first = trial.user_attrs.get(CONTINUES, trial.number)
    study.add_trial(
        optuna.create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={**kept, CONTINUES: first, DEATHS: deaths},
            intermediate_values=trial.intermediate_values,
        )
    )
    return True


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
