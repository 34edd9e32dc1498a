"""How a study chooses the values of its next trial, by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.trial import FrozenTrial, TrialState

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.experiment.search.grid import Grid
from dqn_zoo_ext.experiment.search.options import SAMPLERS, StudyOptions
from dqn_zoo_ext.experiment.search.space import Space

Make = Callable[[int, int], BaseSampler]
"""Makes the sampler of one trial, from a seed that is the trial's own and the trial's number."""


class SeededByTrial(BaseSampler):
    """A sampler whose draws follow from the seed, the trial's number and the trials before.

    They do not follow from what this process has drawn already: a study that is resumed with its seed does not try the
    same values again, and several processes with one seed do not all try the same. Each trial has a sampler of its own,
    so `make` must make one that keeps what it learns in the study, as all of Optuna's do.
    """

    def __init__(self, make: Make, seed: int) -> None:
        self._make = make
        self._seed = seed
        self._of_trial: dict[int, BaseSampler] = {}

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Make the trial's own sampler."""
        self._of_trial[trial.number] = self._made(trial.number)
        self._of_trial[trial.number].before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The values that are drawn together."""
        return self._of_trial[trial.number].infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw them."""
        return self._of_trial[trial.number].sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one of the others."""
        return self._of_trial[trial.number].sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Let the trial's sampler go; another process may have asked for the trial."""
        sampler = self._of_trial.pop(trial.number, None) or self._made(trial.number)
        sampler.after_trial(study, trial, state, values)

    def is_exhausted(self, study: optuna.Study) -> bool:
        """Whether a grid has no point left."""
        sampler = self._made(0)
        return isinstance(sampler, Grid) and sampler.is_exhausted(study)

    def _made(self, number: int) -> BaseSampler:
        seed = np.random.SeedSequence((self._seed % 2**64, number)).generate_state(1)[0]
        return self._make(int(seed), number)


def sampler_of(
    options: StudyOptions, space: Space, seed: int, n_objectives: int = 1, several_workers: bool = False
) -> SeededByTrial:
    """The sampler that `options` name.

    several_workers: trials run at the same time, and a running one counts as a bad one, so that its neighbourhood is
    left to it. UserError if the sampler is unknown, does not know several objectives, or cannot search `space`.
    """
    name = options.sampler
    if name not in _MAKERS:
        raise UserError(f"--sampler: unknown sampler '{name}'{nearest(name, SAMPLERS)}")
    if n_objectives > 1 and name in _ONE_OBJECTIVE:
        others = ", ".join(each for each in SAMPLERS if each not in _ONE_OBJECTIVE)
        raise UserError(f"--sampler: {name} knows one objective, not {n_objectives}; choose one of {others}")
    asked = _Asked(options, space, seed, n_objectives, several_workers)
    return SeededByTrial(_MAKERS[name](asked), seed)


def is_exhausted(study: optuna.Study) -> bool:
    """Whether another trial could only repeat one: to be asked before each. Only a grid ever is."""
    return isinstance(study.sampler, SeededByTrial) and study.sampler.is_exhausted(study)


@dataclass(frozen=True)
class _Asked:
    options: StudyOptions
    space: Space
    seed: int
    n_objectives: int
    several_workers: bool


class _Sobol(QMCSampler):
    """A scrambled Sobol sequence, of which a trial has the point of its number.

    Optuna counts the points in the study, where two processes may read the same count; and it draws the first trial
    from another sampler, because it does not know the space.
    """

    def __init__(self, space: Space, seed: int, number: int) -> None:
        super().__init__(
            scramble=True,
            seed=seed,
            independent_sampler=RandomSampler(seed=seed + number),
            warn_independent_sampling=False,
        )
        self._space = {key: distribution for key, distribution in space.items() if not distribution.single()}
        self._number = number

    def infer_relative_search_space(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """All that varies."""
        return self._space

    def _find_sample_id(
        self,
        study: optuna.Study,  # noqa: ARG002
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> int:
        return self._number


def _random(_: _Asked) -> Make:
    return lambda seed, _: RandomSampler(seed=seed)


def _tpe(asked: _Asked) -> Make:
    """Multivariate, but for several objectives, as Optuna has it; no groups, for a search block has no conditions."""
    return lambda seed, _: TPESampler(
        n_startup_trials=asked.options.n_startup_trials,
        seed=seed,
        multivariate=asked.n_objectives == 1,
        constant_liar=asked.several_workers,
    )


def _gp(asked: _Asked) -> Make:
    return lambda seed, _: GPSampler(
        n_startup_trials=asked.options.n_startup_trials, seed=seed, warn_independent_sampling=False
    )


def _cma_es(asked: _Asked) -> Make:
    """It learns from trials that were given up where the pruner compares equals with equals (optuna/optuna#1229)."""
    ranges = [
        key
        for key, distribution in asked.space.items()
        if not isinstance(distribution, CategoricalDistribution) and not distribution.single()
    ]
    if len(ranges) < 2:
        found = ", ".join(ranges) or "none"
        raise UserError(f"--sampler cma-es: needs two ranges of numbers in the search block, and it has {found}")
    return lambda seed, _: CmaEsSampler(
        n_startup_trials=asked.options.n_startup_trials,
        seed=seed,
        warn_independent_sampling=False,
        consider_pruned_trials=asked.options.pruner in ("hyperband", "halving"),
    )


def _nsga_ii(asked: _Asked) -> Make:
    return lambda seed, _: NSGAIISampler(population_size=max(2, asked.options.n_startup_trials), seed=seed)


def _qmc(asked: _Asked) -> Make:
    return lambda _, number: _Sobol(asked.space, asked.seed % 2**32, number)


def _grid(asked: _Asked) -> Make:
    grid = Grid(asked.space, asked.seed % 2**32)
    return lambda _seed, _number: grid


_MAKERS: Mapping[str, Callable[[_Asked], Make]] = {
    "random": _random,
    "tpe": _tpe,
    "gp": _gp,
    "cma-es": _cma_es,
    "nsga-ii": _nsga_ii,
    "qmc": _qmc,
    "grid": _grid,
}
_ONE_OBJECTIVE = ("cma-es",)
