"""How the runs of one machine share it: how many at a time, and with how many threads each."""

from collections.abc import Sequence
from dataclasses import dataclass

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.doctor import diagnose
from dqn_zoo_ext.experiment.doctor.resources import gpu_memory
from dqn_zoo_ext.experiment.doctor.run_rules import in_units
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.process import usable_cores

_PROCESS = 450 * 2**20
"""Bytes of main memory that a run takes without its replay: PyTorch, network, emulators; measured 290 to 320 MiB."""
_ON_A_GPU = 2**30
"""Bytes of a GPU's memory beside the replay: its driver's own, and an update's; not measured."""
_PART_OF_FREE = 0.9


@dataclass(frozen=True)
class SideBySide:
    """jobs: runs at a time. threads: of PyTorch for each; 0 for its own choice. memory: bytes that one run needs."""

    jobs: int
    threads: int
    memory: int


def side_by_side(
    asked: int, runs: int, configurations: Sequence[Configuration], options: RunOptions, threads: int
) -> SideBySide:
    """`asked` runs at a time, never more than there are `runs`; -1 for as many as there are cores, or one on a GPU.

    threads: what the user asked for, below 1 for nothing: then the cores are divided evenly. UserError if so many runs
    do not fit into the free memory together, each as large as the largest of `configurations`; with -1 there are only
    as many as fit.
    """
    cores = usable_cores()
    gpu = gpu_memory(options.device)
    most = cores if gpu is None else 1  # four beside each other took no more steps together: docs/speed.md
    jobs = max(1, min(runs, most if asked < 1 else asked))
    looked_at = [diagnose(each, options, measure=False) for each in configurations]
    replay = max(found.sizes.replay_filled or 0 for found in looked_at)
    needed = _PROCESS + (replay if gpu is None else 0)
    for memory, of_a_run in ((looked_at[0].memory, needed), (gpu, _ON_A_GPU + replay)):
        if memory is None:
            continue
        fit = max(1, int(memory.free * _PART_OF_FREE // of_a_run))
        if asked >= 1 and jobs > fit:
            raise UserError(
                f"--n-jobs: {jobs} runs of {in_units(of_a_run)} each do not fit into the {in_units(memory.free)} "
                f"of memory that are free; at most {fit}"
            )
        jobs = min(jobs, fit)
    return SideBySide(jobs, threads if threads > 0 else max(1, cores // jobs), needed)
