"""How to search for hyperparameters, as RL-Zoo's options have it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

Sampler = Literal["random", "tpe", "gp", "cma-es", "nsga-ii", "qmc", "grid"]
Pruner = Literal["hyperband", "halving", "median", "percentile", "patient", "wilcoxon", "none"]
SAMPLERS: tuple[str, ...] = get_args(Sampler)
PRUNERS: tuple[str, ...] = get_args(Pruner)


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """Where a study is kept, how it chooses values, and which trials it gives up.

    storage: a database URL or the path of a journal (``.log``); None keeps the study in memory. n_startup_trials:
    trials with random values before the sampler, and full ones before the pruner that compares with a quantile, take
    over; the population of nsga-ii. n_rungs: how often a trial reports, None for as many as ``pruners.rungs_of`` finds
    right. reduction_factor: of hyperband and halving, one trial in so many goes on at each rung. objectives: what is
    looked for, by name.
    """

    storage: str | None = None
    name: str | None = None
    sampler: Sampler = "tpe"
    pruner: Pruner = "median"
    n_startup_trials: int = 10
    n_rungs: int | None = None
    reduction_factor: int = 4
    objectives: tuple[str, ...] = ("score",)


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How many trials, how long, where they are kept.

    n_trials: of this process. max_total_trials: of the study, over all processes and sessions, failed ones not counted;
    it replaces n_trials, and the process then stays until none is under way in another one. n_jobs: trials at once.
    log_path: where the trials' log folders go, None for the study's own. plots: whether there is a page.
    confirm_seeds: fresh ones for the best trial and for the untuned values; 0 to leave that out.
    heartbeat: seconds between two signs of life of a trial.
    """

    n_trials: int = 500
    max_total_trials: int | None = None
    n_jobs: int = 1
    log_path: Path | None = None
    plots: bool = True
    confirm_seeds: int = 2
    heartbeat: float = 60.0
    study: StudyOptions = field(default_factory=StudyOptions)
