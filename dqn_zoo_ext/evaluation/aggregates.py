"""Scores over games and seeds as a few numbers with intervals, by the library rliable.

Scores are matrices (runs, games), normalised (``scores.human_normalised``); a game is a stratum: runs are drawn anew
within each game. Source: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice".
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dqn_zoo_ext.errors import UserError

Numbers = npt.NDArray[np.float64]

CONFIDENCE = 0.95
REPETITIONS = 2_000
FEWEST_RUNS = 3
"""Of fewer runs a bootstrap draws the same two again and again: an interval of no width, or of their distance."""
TOO_FEW = "too few seeds for an interval"


@dataclass(frozen=True)
class Estimate:
    """A number and its stratified bootstrap interval of 95 %; without one below `FEWEST_RUNS` of each game."""

    value: float
    low: float | None
    high: float | None

    @property
    def told(self) -> str:
        """For a place with room: the number, and its interval or why there is none."""
        return f"{self}, {TOO_FEW}" if self.low is None else str(self)

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Aggregates:
    """What several runs on several games come to.

    median: of the games' mean scores. iqm: mean of the middle half of all runs. optimality_gap: how much of a person's
    score is missing on average, more than that score counting as that score.
    """

    runs: int
    games: int
    median: Estimate
    iqm: Estimate
    mean: Estimate
    optimality_gap: Estimate


@dataclass(frozen=True)
class PerformanceProfile:
    """The share of runs above each threshold, all (n,), with the interval of 95 %."""

    thresholds: Numbers
    share: Numbers
    low: Numbers
    high: Numbers


def score_matrix(scores: Mapping[str, Sequence[float]]) -> Numbers:
    """(runs, games) from the scores of each game's runs, games in alphabetical order.

    UserError if there are none, or one game has more runs than another: a mean over games would hide it.
    """
    counts = {game: len(runs) for game, runs in scores.items()}
    if not counts or 0 in counts.values():
        raise UserError(f"there are no scores to aggregate: {counts or 'no games'}")
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{game} {count}" for game, count in sorted(counts.items()))
        raise UserError(f"every game needs the same number of runs; given {listed}")
    return np.array([scores[game] for game in sorted(scores)], dtype=np.float64).T


def aggregate(scores: Numbers, seed: int = 0, repetitions: int = REPETITIONS) -> Aggregates:
    """Median, IQM, mean and optimality gap of (runs, games), with intervals. The same seed gives the same intervals."""
    _check(scores)
    _, metrics = _rliable()

    def numbers(matrix: Numbers) -> Numbers:
        return np.array(
            [
                metrics.aggregate_median(matrix),
                metrics.aggregate_iqm(matrix),
                metrics.aggregate_mean(matrix),
                metrics.aggregate_optimality_gap(matrix),
            ]
        )

    return Aggregates(*scores.shape, *_estimates(scores, numbers, seed, repetitions))


def performance_profile(
    scores: Numbers, thresholds: Sequence[float], seed: int = 0, repetitions: int = REPETITIONS
) -> PerformanceProfile:
    """For each threshold the share of (runs, games) above it."""
    _check(scores)
    library, _ = _rliable()
    given = np.asarray(thresholds, dtype=np.float64)
    with _seeded(seed):
        share, interval = library.create_performance_profile({"": scores}, given, reps=repetitions)
    return PerformanceProfile(given, share[""], interval[""][0], interval[""][1])


def probability_of_improvement(
    scores: Numbers, over: Numbers, seed: int = 0, repetitions: int = REPETITIONS
) -> Estimate:
    """How probable it is that a run of the one is better than a run of the other, on a game taken at random.

    Both (runs, games), the games the same; runs may differ in number. Ties count as half.
    """
    _check(scores)
    _check(over)
    if scores.shape[1] != over.shape[1]:
        raise UserError(f"both must be of the same games; given {scores.shape[1]} and {over.shape[1]} games")
    library, _ = _rliable()
    if min(len(scores), len(over)) < FEWEST_RUNS:
        return Estimate(mean_share_of_pairs_won(scores, over), None, None)
    with _seeded(seed):
        value, interval = library.get_interval_estimates(
            {"": (scores, over)},
            mean_share_of_pairs_won,
            reps=repetitions,
            confidence_interval_size=CONFIDENCE,
        )
    return Estimate(float(value[""]), *(float(each) for each in interval[""].ravel()))


def mean_share_of_pairs_won(scores: Numbers, over: Numbers) -> float:
    """What ``rliable.metrics.probability_of_improvement`` is, a hundred times as fast: that asks for a U test a game.

    Both (runs, games).
    """
    differences = scores[:, None] - over[None]
    return float((differences > 0).mean() + 0.5 * (differences == 0).mean())


def _estimates(scores: Numbers, numbers: Callable[[Numbers], Numbers], seed: int, repetitions: int) -> list[Estimate]:
    if len(scores) < FEWEST_RUNS:
        return [Estimate(float(value), None, None) for value in numbers(scores)]
    library, _ = _rliable()
    with _seeded(seed):
        values, intervals = library.get_interval_estimates(
            {"": scores}, numbers, reps=repetitions, confidence_interval_size=CONFIDENCE
        )
    low, high = intervals[""]
    return [Estimate(*map(float, each)) for each in zip(values[""], low, high, strict=True)]


def _check(scores: Numbers) -> None:
    if scores.ndim != 2 or scores.size == 0 or not np.isfinite(scores).all():
        raise UserError(f"scores must be a matrix (runs, games) of finite numbers, not of shape {scores.shape}")


def _rliable() -> tuple[Any, Any]:
    """Its modules library and metrics; UserError if it is not installed."""
    try:
        from rliable import library, metrics
    except ImportError as error:
        raise UserError(f"aggregates need rliable: pip install 'dqn_zoo_ext[scores]' ({error})") from error
    return library, metrics


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Lend numpy's global generator, from which rliable draws whatever random_state it is given; then put it back."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
