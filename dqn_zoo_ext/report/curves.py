"""Learning curves as data: a run's history becomes a curve over agent steps, frames, games or hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.storage.run_history import Numbers, RunHistory
from dqn_zoo_ext.words import counted

Axis: TypeAlias = Literal["agent_steps", "frames", "games", "hours"]
Band: TypeAlias = Literal["min-max", "standard-error"]

AXES: tuple[Axis, ...] = get_args(Axis)
BANDS: tuple[Band, ...] = get_args(Band)
AXIS_LABELS: dict[Axis, str] = {
    "agent_steps": "agent steps",
    "frames": "emulator frames",
    "games": "games played",
    "hours": "hours of training",
}

_POINTS = 600  # of a curve of training games in a picture
_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Curve:
    """Scores along a training. x, score, low, high: (n,), x ascending; low and high are None without a band.

    measured: what one point is, e.g. ``evaluations by nature-2015``. band: what lies between low and high.
    cut: the last point was not measured: it lies on the way to one beyond the picture.
    """

    label: str
    x: Numbers
    score: Numbers
    measured: str
    low: Numbers | None = None
    high: Numbers | None = None
    band: str | None = None
    cut: bool = False


def evaluation_curve(history: RunHistory, axis: Axis = "agent_steps", label: str | None = None) -> Curve:
    """The mean score of each evaluation. UserError if the run has none, or `axis` cannot be known."""
    if history.evaluations is None:
        raise UserError(f"run {str(history.folder)!r} has no evaluations; its training games may still be drawn")
    scores = history.evaluations.scores
    by = "an unnamed protocol" if history.protocol is None else history.protocol
    return Curve(
        label=label or history.algo,
        x=along(history, history.evaluations.agent_steps, axis),
        score=scores.mean(axis=1),
        measured=f"evaluations of {counted(scores.shape[1], 'game')} by {by}",
    )


def training_curve(history: RunHistory, axis: Axis = "games", last_games: int = 100, label: str | None = None) -> Curve:
    """The mean score of the last `last_games` training games, of all so far while they are fewer.

    Thinned to some hundreds of points. UserError if no training game was logged, or `axis` cannot be known.
    """
    if history.games is None:
        raise UserError(f"run {str(history.folder)!r} has no finished game in a monitor.csv")
    if last_games < 1:
        raise UserError(f"a moving mean needs at least 1 game, given {last_games}")
    means = trailing_mean(history.games.scores, last_games)
    kept = np.unique(np.linspace(0, len(means) - 1, _POINTS).round().astype(np.int64))
    x = np.arange(1.0, len(means) + 1) if axis == "games" else along(history, history.games.agent_steps, axis)
    return Curve(
        label=label or history.algo,
        x=x[kept],
        score=means[kept],
        measured=f"mean of the last {last_games} training games, of all so far while they are fewer",
    )


def trailing_mean(values: npt.ArrayLike, last: int) -> Numbers:
    """(n,) means of each value and the `last` - 1 before it, of all so far while they are fewer."""
    sums = np.concatenate([[0.0], np.cumsum(np.asarray(values, dtype=np.float64))])
    ends = np.arange(1, len(sums))
    starts = np.maximum(ends - last, 0)
    means: Numbers = (sums[ends] - sums[starts]) / (ends - starts)
    return means


def over_seeds(curves: Sequence[Curve], band: Band = "min-max", label: str | None = None) -> Curve:
    """The mean of several seeds' curves and a band around it, as far as all of them go.

    At the points of all curves, linearly interpolated between a curve's own. standard-error: of the mean, n - 1 below
    the line. One curve is returned as it is, without a band. UserError if the curves have no stretch in common.
    """
    if band not in BANDS:
        raise UserError(f"unknown band '{band}'{nearest(band, BANDS)}")
    first = curves[0]
    if len(curves) == 1:
        return first
    begin, end = max(curve.x[0] for curve in curves), min(curve.x[-1] for curve in curves)
    points = np.unique(np.concatenate([curve.x for curve in curves]))
    x = points[(points >= begin) & (points <= end)]
    if x.size == 0:
        raise UserError(f"the runs of '{label or first.label}' have no stretch of training in common")
    scores = np.stack([np.interp(x, curve.x, curve.score) for curve in curves])
    mean = scores.mean(axis=0)
    if band == "min-max":
        low, high, what = scores.min(axis=0), scores.max(axis=0), "lowest to highest seed"
    else:
        error = scores.std(axis=0, ddof=1) / np.sqrt(len(curves))
        low, high, what = mean - error, mean + error, "mean +/- standard error over seeds"
    name = f"{label or first.label} ({len(curves)} seeds)"
    return Curve(name, x, mean, first.measured, low, high, what)


def along(history: RunHistory, agent_steps: Numbers, axis: Axis) -> Numbers:
    """(n,) where those agent steps lie on `axis`. Games and hours are interpolated between the games that ended."""
    if axis not in AXES:
        raise UserError(f"unknown axis '{axis}'{nearest(axis, AXES)}")
    if axis == "agent_steps":
        return agent_steps
    if axis == "frames":
        return agent_steps * history.frames_per_agent_step
    if history.games is None:
        unknown = f"so where its evaluations lie in {AXIS_LABELS[axis]} is unknown"
        raise UserError(f"run {str(history.folder)!r} has no finished game in a monitor.csv, {unknown}")
    ended = history.games.agent_steps
    of_games = np.arange(1.0, len(ended) + 1) if axis == "games" else history.games.seconds / _SECONDS_PER_HOUR
    found: Numbers = np.interp(agent_steps, np.concatenate([[0.0], ended]), np.concatenate([[0.0], of_games]))
    return found
