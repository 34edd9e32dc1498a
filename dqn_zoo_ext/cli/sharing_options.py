"""Where many runs are carried out, on the command line: side by side on this machine, or on a Ray cluster."""

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.cli.values import number, whole_number
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.jobs.share import SideBySide, side_by_side
from dqn_zoo_ext.experiment.options import RunOptions

if TYPE_CHECKING:
    from dqn_zoo_ext.experiment.jobs.job import Launcher


def add_sharing_options(parser: Parser, default_jobs: int) -> None:
    """How many runs at a time, and where."""
    group = parser.add_argument_group("where the runs are carried out")
    group.add_argument(
        "--n-jobs",
        type=whole_number(),
        default=default_jobs,
        metavar="N",
        help="runs at once, each in a process of its own, which share the cores; -1: one per core, as far as memory "
        f"goes (default: {default_jobs})",
    )
    group.add_argument(
        "--ray",
        nargs="?",
        const="auto",
        metavar="ADDRESS",
        help="on a Ray cluster, whose machines all see the log folder; without an address that of this machine, local "
        "for a cluster of its own (needs the extra ray)",
    )
    group.add_argument(
        "--ray-cpus", type=number(0), default=1.0, metavar="N", help="CPUs that a run asks for (default: 1)"
    )
    group.add_argument("--ray-gpus", type=number(0), default=0.0, metavar="N", help="GPUs, e.g. 0.25 (default: 0)")


def launcher_of(
    options: Namespace, runs: int, configurations: Sequence[Configuration], run_options: RunOptions
) -> "tuple[Launcher, SideBySide]":
    """What carries the runs out, and how they share the machine.

    UserError if so many do not fit into the memory together, or there is no such cluster.
    """
    if options.n_jobs < 1 and options.n_jobs != -1:
        raise UserError(f"--n-jobs must be at least 1, or -1 for one per core, not {options.n_jobs}")
    if options.ray is None:
        from dqn_zoo_ext.experiment.jobs.local import LocalProcesses

        return LocalProcesses(), side_by_side(options.n_jobs, runs, configurations, run_options, options.num_threads)
    from dqn_zoo_ext.experiment.jobs.ray_cluster import RayCluster, Share

    alone = side_by_side(1, 1, configurations, run_options, options.num_threads)
    cluster = RayCluster(options.ray, Share(cpus=options.ray_cpus, gpus=options.ray_gpus, memory=alone.memory))
    threads = options.num_threads if options.num_threads > 0 else max(1, int(options.ray_cpus))
    jobs = options.n_jobs if options.n_jobs > 0 else cluster.slots()
    return cluster, SideBySide(min(jobs, runs), threads, alone.memory)
