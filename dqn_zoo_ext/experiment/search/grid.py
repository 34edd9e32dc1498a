"""Every combination of the values of a space, once."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.search.space import Space
from dqn_zoo_ext.report.study_attributes import INTERRUPTED, REASON

MOST_POINTS = 100_000
"""A grid may have so many."""

Point = tuple[Any, ...]


class Grid(BaseSampler):
    """The points of a grid in an order that follows from the seed; a trial has the one of its number.

    Where that one has been tried already, or no point has that number, it has one of those that are left. What was
    tried is read off the trials' values: a study may come from another sampler, another seed or a smaller grid.
    Optuna's GridSampler numbers the points by its seed, and calls ``study.stop``, which only ``optimize`` allows.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._space = dict(space)
        values = [values_of(distribution, key) for key, distribution in space.items()]
        size = math.prod(map(len, values))
        if size > MOST_POINTS:
            raise UserError(
                f"--sampler grid: the search block has {size:,} combinations, and {MOST_POINTS:,} are allowed; "
                "give fewer choices, or a larger step"
            )
        points = list(itertools.product(*values))
        self._points = [points[index] for index in np.random.default_rng(seed).permutation(len(points))]

    def infer_relative_search_space(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """All of it."""
        return self._space

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        """The trial's point."""
        tried = self._tried(study)
        point = self._points[trial.number % len(self._points)]
        if point in tried:
            left = [each for each in self._points if each not in tried] or self._points
            point = left[trial.number % len(left)]
        return dict(zip(self._space, point, strict=True))

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value that is not of the grid: at random."""
        return RandomSampler(trial.number).sample_independent(study, trial, param_name, param_distribution)

    def is_exhausted(self, study: optuna.Study) -> bool:
        """Whether every point has been tried or is being tried; one that was interrupted has not."""
        return self._tried(study).issuperset(self._points)

    def _tried(self, study: optuna.Study) -> set[Point]:
        trials = study._get_trials(deepcopy=False, use_cache=False)  # the whole study's, also in a Hyperband bracket
        return {
            tuple(trial.params.get(key) for key in self._space)
            for trial in trials
            if not (trial.state == TrialState.FAIL and trial.user_attrs.get(REASON) == INTERRUPTED)
        }


def values_of(distribution: BaseDistribution, key: str) -> Sequence[Any]:
    """A grid's values of one hyperparameter. UserError for a range that has no steps."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    assert isinstance(distribution, FloatDistribution | IntDistribution)  # a search block makes no others
    if distribution.single():
        return (distribution.low,)
    if distribution.log or distribution.step is None:
        raise UserError(f"--sampler grid: {key}: {_advice(distribution)}")
    steps = round((distribution.high - distribution.low) / distribution.step)
    values = [distribution.low + index * distribution.step for index in range(steps + 1)]
    return values if isinstance(distribution, IntDistribution) else [float(f"{value:.12g}") for value in values]


def _advice(distribution: FloatDistribution | IntDistribution) -> str:
    low, high = distribution.low, distribution.high
    middle = math.sqrt(low * high) if distribution.log else (low + high) / 2
    kind = "int" if isinstance(distribution, IntDistribution) else "float"
    if kind == "int":
        middle = round(middle)
    listed = f"{{type: categorical, choices: [{low:g}, {middle:.3g}, {high:g}]}}"
    if distribution.log:
        return f"a range with log: true has no steps; list its values, e.g. {listed}"
    stepped = f"{{type: {kind}, low: {low:g}, high: {high:g}, step: {(high - low) / 4:g}}}"
    return f"a float range needs a step, e.g. {stepped}, or a list, e.g. {listed}"
