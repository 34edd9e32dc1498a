"""A callback of Stable-Baselines3's that measures a part of a training from inside, and writes what it found."""

import json
import resource
import sys
import time
from pathlib import Path

import torch
from stable_baselines3.common.callbacks import BaseCallback


class Stopwatch(BaseCallback):
    """From the first vector step at which `begin` agent steps are made to the first at which `end` are.

    output: a file for one JSON object: agent steps and updates between the two, seconds by the clock, CPU seconds of
    all of the process's threads, and the process's peak memory until then. It does nothing in between.
    """

    def __init__(self, begin: int, end: int, output: str) -> None:
        super().__init__()
        self._begin, self._end, self._output = begin, end, Path(output)
        self._begun: dict[str, float] | None = None
        self._done = False

    def _on_step(self) -> bool:
        if self._begun is None and self.num_timesteps >= self._begin:
            self._begun = self._now()
        elif self._begun is not None and not self._done and self.num_timesteps >= self._end:
            ended = self._now()
            between = {name: ended[name] - self._begun[name] for name in ended}
            self._output.write_text(json.dumps({**between, "peak_resident_bytes": peak_resident_bytes()}))
            self._done = True
        return True

    def _now(self) -> dict[str, float]:
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "agent_steps": self.num_timesteps,
            "updates": self.model._n_updates,
            "seconds": time.perf_counter(),
            "cpu_seconds": used.ru_utime + used.ru_stime,
        }


def peak_resident_bytes() -> int:
    """The most main memory that this program has had.

    The operating system's count for the process begins with what its parent had, before the program was loaded.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        (peak,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
