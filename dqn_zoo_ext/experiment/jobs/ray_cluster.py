"""Jobs on a Ray cluster: a task for each, with the CPUs, the memory and the share of a GPU that it asks for.

Ray starts a task anew when its machine is lost; the task then goes on from the run's last checkpoint. So the log folder
must lie where all machines see it. Needs the extra ``ray``.
"""

import importlib.util
import os
import socket
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dqn_zoo_ext.errors import UserError, first_line
from dqn_zoo_ext.experiment.jobs.job import GoOn, Job, Outcome, carry_out, reason_of

_MOST_AT_ONCE = 1_000
_SECONDS_TO_CONNECT = 10.0
_RETRIES = 10  # of machines lost under one run


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one job asks Ray for. gpus: may be a fraction. memory: bytes; 0 asks for none."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory: int = 0


class RayCluster:
    """Carries out jobs as Ray tasks. It may be called in several threads at once.

    address: as ``ray.init`` takes it; ``auto`` for the cluster that this machine belongs to, ``local`` for one of this
    machine alone. UserError if Ray is not installed, or there is no cluster at that address.
    """

    def __init__(self, address: str, share: Share) -> None:
        if importlib.util.find_spec("ray") is None:
            raise UserError("--ray: Ray is not installed: pip install 'dqn_zoo_ext[ray]'")
        import ray

        self._ray = ray
        if not ray.is_initialized():
            os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to Ray's makers unasked
            try:
                _demand_an_answer(address)
                ray.init(address=address, log_to_driver=False, configure_logging=False)
            except (OSError, ValueError, RuntimeError) as error:
                raise UserError(f"--ray: no cluster at '{address}': {first_line(error)}") from error
        self._task = ray.remote(
            num_cpus=share.cpus,
            num_gpus=share.gpus,
            memory=share.memory,
            max_retries=_RETRIES,
            max_calls=1,  # a process for each run, as on one machine
        )(_to_the_next_rung)
        self._share = share
        self._running: set[Any] = set()
        self._stopping = False
        self._lock = threading.Lock()

    def slots(self) -> int:
        """How many jobs the cluster, as large as it is now, has CPUs and GPUs for at a time."""
        there: dict[str, float] = self._ray.cluster_resources()  # type: ignore[no-untyped-call]
        of_cpus = there.get("CPU", 0.0) / self._share.cpus if self._share.cpus > 0 else float("inf")
        of_gpus = there.get("GPU", 0.0) / self._share.gpus if self._share.gpus > 0 else float("inf")
        return max(1, int(min(of_cpus, of_gpus, _MOST_AT_ONCE)))

    def __call__(self, job: Job, go_on: GoOn = lambda _: False) -> Outcome:
        """Carry out one job; at each rung its task ends, and another one goes on if `go_on` says so."""
        rungs = job.rungs
        while True:
            outcome = self._one_task(job, rungs)
            if outcome.state != "paused" or outcome.results is None:
                return outcome
            record = outcome.results.evaluations[-1]
            rungs = tuple(rung for rung in rungs if rung > record.agent_steps)
            if not go_on(record):
                return outcome

    def stop(self) -> None:
        """Ask all runs to stop with a checkpoint, and begin no more; said twice, it is said once."""
        with self._lock:
            told, self._stopping = self._stopping, True
            for task in () if told else self._running:
                self._ray.cancel(task)

    def _one_task(self, job: Job, rungs: tuple[int, ...]) -> Outcome:
        with self._lock:
            if self._stopping:
                return Outcome(state="stopped")
            task = self._task.remote(job, rungs)
            self._running.add(task)
        try:
            outcome: Outcome = self._ray.get(task)
        except self._ray.exceptions.TaskCancelledError:
            return Outcome(state="stopped")
        except self._ray.exceptions.RayError as error:
            return Outcome(state="stopped" if self._stopping else "failed", reason=reason_of(error))
        finally:
            with self._lock:
                self._running.discard(task)
        return outcome


def _demand_an_answer(address: str) -> None:
    """OSError if nobody listens at ``host:port``, which Ray itself would go on trying for minutes.

    ``auto`` is what the environment says, or else the cluster that was last started here, which may be gone.
    """
    last = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray" / "ray_current_cluster"
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or (last.read_text().strip() if last.is_file() else "")
    host, colon, port = address.partition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_SECONDS_TO_CONNECT).close()


def _to_the_next_rung(job: Job, rungs: tuple[int, ...]) -> Outcome:
    """What a task does."""
    return carry_out(replace(job, rungs=rungs), lambda _: False)
