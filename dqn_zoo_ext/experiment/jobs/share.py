"""How the runs of one machine share it: how many at a time, and with how many threads each."""

import os
from dataclasses import dataclass

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.doctor import diagnose
from dqn_zoo_ext.experiment.doctor.run_rules import in_units
from dqn_zoo_ext.experiment.options import RunOptions

_PROCESS = 450 * 2**20
"""Bytes of main memory that a run takes without its replay: PyTorch, network, emulators; measured 290 to 320 MiB."""
_PART_OF_FREE = 0.9


@dataclass(frozen=True)
class SideBySide:
    """jobs: runs at a time. threads: of PyTorch for each; 0 for its own choice. memory: bytes that one run needs."""

    jobs: int
    threads: int
    memory: int


def side_by_side(asked: int, runs: int, configuration: Configuration, options: RunOptions, threads: int) -> SideBySide:
    """`asked` runs at a time, -1 for as many as there are cores; never more than there are `runs`.

    threads: what the user asked for, below 1 for nothing: then the cores are divided evenly. UserError if so many runs
    do not fit into the free memory together; with -1 there are only as many as fit.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    jobs = max(1, min(runs, cores if asked < 1 else asked))
    found = diagnose(configuration, options, measure=False)
    needed = _PROCESS + (found.sizes.replay_filled or 0)
    if found.memory is not None:
        most = max(1, int(found.memory.free * _PART_OF_FREE // needed))
        if asked >= 1 and jobs > most:
            raise UserError(
                f"--n-jobs: {jobs} runs of {in_units(needed)} each do not fit into the {in_units(found.memory.free)} "
                f"of memory that are free; at most {most}"
            )
        jobs = min(jobs, most)
    return SideBySide(jobs, threads if threads > 0 else max(1, cores // jobs), needed)
