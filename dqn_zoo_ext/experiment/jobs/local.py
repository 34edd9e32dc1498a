"""Jobs in processes of this machine."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from dqn_zoo_ext.experiment.jobs.job import GoOn, Job, Outcome, carry_out
from dqn_zoo_ext.experiment.signals import StopRequest
from dqn_zoo_ext.process import modules_of_ours
from dqn_zoo_ext.storage.results import EvaluationRecord

_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


class LocalProcesses:
    """Carries out jobs, each in a process of its own, so that one which crashes or eats all memory takes none along.

    It may be called in several threads at once. The processes heed neither Ctrl-C nor a closed terminal, which reach
    this one; they stop, with a checkpoint, when ``stop`` says so, when a SIGTERM comes (to all, from a scheduler), or
    when this process has died.
    """

    def __init__(self) -> None:
        self._context: Any = multiprocessing.get_context(_METHOD)
        if _METHOD == "forkserver":
            self._context.set_forkserver_preload(modules_of_ours())
        self._running: set[BaseProcess] = set()
        self._stopping = False
        self._lock = threading.Lock()

    def __call__(self, job: Job, go_on: GoOn = lambda _: False) -> Outcome:
        """Carry out one job; `go_on` is asked in this process, at each rung."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, job), name=f"run {job.folder.path.name}")
        with ours, self._counted(process) as started:
            if not started:
                return Outcome(state="stopped")
            theirs.close()
            outcome = _listen(ours, process, go_on)
            process.join()
        if outcome is None and self._stopping and process.exitcode == -signal.SIGTERM:
            return Outcome(state="stopped")  # told before it could heed that: nothing new is lost
        return outcome or Outcome(state="failed", reason=_why_it_died(process.exitcode))

    def stop(self) -> None:
        """Ask all runs to stop with a checkpoint, and begin no more; said twice, it is said once."""
        with self._lock:
            told, self._stopping = self._stopping, True
            for process in () if told else self._running:
                process.terminate()  # a second one would end them without a checkpoint

    @contextlib.contextmanager
    def _counted(self, process: BaseProcess) -> Iterator[bool]:
        with self._lock:
            if not self._stopping:
                with _deaf():
                    process.start()
                self._running.add(process)
            started = not self._stopping
        try:
            yield started
        finally:
            with self._lock:
                self._running.discard(process)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Processes that this thread begins within the block are deaf to signals that are meant to stop.

    The one from which all others are forked is begun with the first of them. It would die of a signal that a terminal
    or a scheduler sends to all, and nobody would hear of the others any more. It ends with this one.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else it is begun within the block, and makes the thread hear again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _listen(ours: Connection, process: BaseProcess, go_on: GoOn) -> Outcome | None:
    """Answer the process's questions until it has said what came of the job; None if it died before."""
    try:
        while True:
            wait([ours, process.sentinel])
            if not ours.poll():  # it has died without a word
                return None
            said: Any = ours.recv()
            if isinstance(said, Outcome):
                return said
            ours.send(go_on(said))
    except (EOFError, ConnectionError):
        return None


def _work(theirs: Connection, job: Job) -> None:
    """What the process does."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    stop = StopRequest(once=True)
    signal.signal(signal.SIGTERM, stop.note)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=_stop_without_parent, args=(stop,), daemon=True).start()

    def go_on(record: EvaluationRecord) -> bool:
        try:
            theirs.send(record)
            return bool(theirs.recv())
        except (EOFError, OSError):  # nobody is left to answer
            return False

    outcome = carry_out(job, go_on)
    with contextlib.suppress(OSError):  # nobody is left to hear it; the run's folder says it too
        theirs.send(outcome)


def _stop_without_parent(stop: StopRequest) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    if stop.asked():  # it has been told twice, and did not wait
        os._exit(128 + signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)


def _why_it_died(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        out_of_memory = "; the system does that when memory is full" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{out_of_memory}"
    return f"its process ended with exit code {exit_code}"
