"""A job: one run as plain data that another process, on another machine perhaps, can carry out."""

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from rich.console import Console

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.plug_ins import load_plug_ins
from dqn_zoo_ext.experiment.run import Finished, resume, train
from dqn_zoo_ext.experiment.signals import StoppedAtOnce, stop_requests
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.results import EvaluationRecord, RunResults
from dqn_zoo_ext.storage.run_folder import RunFolder
from dqn_zoo_ext.storage.run_lock import Busy, locked

GoOn = Callable[[EvaluationRecord], bool]
"""Told the evaluation at a rung; whether the run is to go on from there now, or to pause."""


_SECONDS_TO_WAIT = 60.0
"""For another process that still works on a run: one whose parent has died, and that saves it."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run to be trained in a folder that has been claimed for it, from its start or from its last checkpoint.

    rungs: agent steps at which it is evaluated and asks whether to go on, ascending, all before its end. threads: of
    PyTorch; 0 for its own choice. modules: plug-ins to import first.
    """

    configuration: Configuration
    options: RunOptions
    folder: RunFolder
    rungs: tuple[int, ...] = ()
    threads: int = 0
    modules: tuple[str, ...] = ()

    @property
    def goes_on(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return CheckpointFolder(self.folder.checkpoint_folder).is_there()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a job.

    paused: at a rung; stopped: by a signal; both can go on. failed: `reason` says why in a line. busy: `reason` says
    which other process is at work on the run, and nothing was done.
    """

    state: Literal["finished", "paused", "stopped", "failed", "busy"]
    reason: str = ""
    results: RunResults | None = field(default=None, repr=False)


class Launcher(Protocol):
    """Carries out jobs somewhere, in several threads at once."""

    def __call__(self, job: Job, go_on: GoOn) -> Outcome:
        """Carry out one, and ask at its rungs."""

    def stop(self) -> None:
        """Stop all with a checkpoint, and begin no more."""


def carry_out(job: Job, go_on: GoOn) -> Outcome:
    """Train, or go on with the training; a run that fails is no exception but an outcome."""
    try:
        with stop_requests() as stop, stop.at_once():
            load_plug_ins(job.modules)
            if job.threads > 0:
                torch.set_num_threads(job.threads)
            with locked(job.folder.path, _SECONDS_TO_WAIT):
                pass  # only now it stands whether there is a checkpoint
        finished = _resumed(job, go_on) if job.goes_on else _trained(job, go_on)
    except StoppedAtOnce:
        return Outcome(state="stopped")
    except Busy as error:
        return Outcome(state="busy", reason=str(error))
    except Exception as error:
        return Outcome(state="failed", reason=reason_of(error))
    finally:
        gc.collect()  # callbacks and model refer to each other, and hold environments and a replay buffer
    return Outcome(state=_state_of(finished), results=finished.results)


def reason_of(error: Exception) -> str:
    """Why something failed, in a line."""
    first_line = (str(error).splitlines() or [""])[0]
    return first_line if isinstance(error, UserError) else f"{type(error).__name__}: {first_line}"


def _trained(job: Job, go_on: GoOn) -> Finished:
    quiet = Console(quiet=True)
    return train(job.configuration, job.options, quiet, job.folder, rungs=job.rungs, go_on=go_on)


def _resumed(job: Job, go_on: GoOn) -> Finished:
    quiet = Console(quiet=True)
    return resume(job.folder, job.configuration, job.options, [], quiet, rungs=job.rungs, go_on=go_on)


def _state_of(finished: Finished) -> Literal["finished", "paused", "stopped"]:
    if finished.paused:
        return "paused"
    return "finished" if finished.stopped_by is None else "stopped"
