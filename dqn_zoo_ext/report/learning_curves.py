"""From runs to a chart of their learning: which are seeds of one curve, what stands behind them, what must be said."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path

import numpy as np

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.published_scores import PublishedCurve
from dqn_zoo_ext.report.chart import Chart, Level, notes_of
from dqn_zoo_ext.report.curves import Axis, Band, Curve, evaluation_curve, over_seeds, training_curve
from dqn_zoo_ext.storage.run_history import Numbers, RunHistory

_LEAST_FRAMES_BEHIND = 10_000_000
"""Published curves are shown as far as the runs go, and at least so far: they begin at 1M frames."""


@dataclass(frozen=True)
class Style:
    """A way to draw that has a name. None: the usual.

    level_colours: by the level's name. maximum: a dashed line at the highest point of the first curve.
    """

    axis: Axis | None = None
    of_training: bool = False
    last_games: int = 100
    colours: Sequence[str] | None = None
    level_colours: Mapping[str, str] | None = None
    maximum: bool = False


STYLES: dict[str, Style] = {
    "plain": Style(),
    # the chart of Jaśkowski's "Deep Q-Learning (Space Invaders)", 2016
    "games600": Style(
        axis="games",
        of_training=True,
        last_games=600,
        colours=("#000000", "#E69F00", "#009E73", "#CC79A7"),
        level_colours={"random": "#0072B2", "best-constant-action": "#D5301A", "human": "#666666"},
        maximum=True,
    ),
}


@dataclass(frozen=True)
class What:
    """What is to be drawn. axis: None is frames on Atari and agent steps elsewhere. separate: no mean over seeds."""

    axis: Axis | None = None
    of_training: bool = False
    last_games: int = 100
    band: Band = "min-max"
    separate: bool = False


def learning_chart(
    histories: Sequence[RunHistory],
    what: What | None = None,
    style: Style = STYLES["plain"],
    levels: Sequence[Level] = (),
    behind: Sequence[PublishedCurve] = (),
    title: str | None = None,
) -> Chart:
    """The chart of these runs of one game. UserError if they are not, or one lacks what is to be drawn."""
    what = what or What()
    env = same_game(histories)
    axis: Axis = what.axis or ("agent_steps" if histories[0].game is None else "frames")
    curves = curves_of_runs(histories, what, axis)
    lines = [replace(level, colour=(style.level_colours or {}).get(level.name)) for level in levels]
    if style.maximum:
        top = float(np.max(curves[0].score))
        lines.append(Level(f"highest mean: {top:,.1f}", top, colour="#aaaaaa"))
    frames_per_agent_step = histories[0].frames_per_agent_step
    least = _LEAST_FRAMES_BEHIND / (1 if axis == "frames" else frames_per_agent_step)
    end = max(least, *(float(curve.x[-1]) for curve in curves))
    published = [cut(as_curve(each, axis, frames_per_agent_step), end) for each in behind]
    notes = notes_of(curves)
    if published:
        notes.append(
            "Thin: published means at the points marked, bands from the lowest to the highest seed where known."
        )
    chart = Chart(title or env, axis, curves, published, lines, notes)
    return chart if style.colours is None else replace(chart, colours=style.colours)


def curves_of_runs(histories: Sequence[RunHistory], what: What, axis: Axis) -> list[Curve]:
    """A curve for each algorithm and configuration, over its seeds; for each run if they are to be separate."""
    groups = alike_but_for_the_seed(histories, what.separate)
    return [curve_of_seeds(runs, what, axis, label) for label, runs in groups.items()]


def curve_of_seeds(runs: Sequence[RunHistory], what: What, axis: Axis, label: str) -> Curve:
    """The curve of runs that differ in the seed only. UserError if they have none in common, or one lacks it."""
    each = [
        training_curve(run, axis, what.last_games, label) if what.of_training else evaluation_curve(run, axis, label)
        for run in runs
    ]
    return over_seeds(each, what.band)


def alike_but_for_the_seed(histories: Sequence[RunHistory], separate: bool = False) -> dict[str, list[RunHistory]]:
    """Runs of one algorithm with the same configuration, by a name: the algorithm, with its runs where that is not all,
    and with their log folders where two runs of it have one number.

    separate: each run by itself.
    """
    groups: dict[tuple[str, str], list[RunHistory]] = {}
    for history in histories:
        own = str(history.folder) if separate else history.configuration
        groups.setdefault((history.algo, own), []).append(history)
    found: dict[str, list[RunHistory]] = {}
    for algo in dict.fromkeys(algo for algo, _ in groups):
        of_algo = [runs for (other, _), runs in groups.items() if other == algo]
        found.update(zip(_names(algo, of_algo), of_algo, strict=True))
    return found


def same_game(histories: Sequence[RunHistory]) -> str:
    """The environment of all of them; UserError naming what there is if they have several."""
    envs = sorted({history.env for history in histories})
    if len(envs) > 1:
        raise UserError(
            f"one picture shows one environment, and these are runs of {', '.join(envs)}: draw each by itself"
        )
    return envs[0]


def as_curve(published: PublishedCurve, axis: Axis, frames_per_agent_step: int) -> Curve:
    """A published curve on an axis of ours. UserError for an axis on which it was not published."""
    if axis not in ("frames", "agent_steps"):
        raise UserError(f"published curves are over frames, so not over {axis}; use --x frames or --x agent_steps")
    scale = 1 if axis == "frames" else frames_per_agent_step
    low = np.array([nan if point.lowest is None else point.lowest for point in published.points])
    high = np.array([nan if point.highest is None else point.highest for point in published.points])
    known = bool(np.isfinite(low).all() and np.isfinite(high).all())
    said = published.source
    seeds = f", {said.seeds} seeds" if said.seeds and said.seeds > 1 else ""
    return Curve(
        label=f"{said.label}{seeds}: {said.reported}, {said.rules or 'other rules'} [{said.cited}]",
        x=np.array([point.frames / scale for point in published.points]),
        score=np.array([point.mean for point in published.points]),
        measured=said.reported,
        low=low if known else None,
        high=high if known else None,
        band="lowest to highest seed" if known else None,
    )


def cut(curve: Curve, end: float) -> Curve:
    """`curve` as far as `end`, with a point there by linear interpolation if it goes on beyond."""
    if curve.x[-1] <= end:
        return curve
    x = np.append(curve.x[curve.x < end], end)

    def up_to_end(values: Numbers | None) -> Numbers | None:
        return None if values is None else np.interp(x, curve.x, values)

    score = np.interp(x, curve.x, curve.score)
    return replace(curve, x=x, score=score, low=up_to_end(curve.low), high=up_to_end(curve.high), cut=True)


def _names(algo: str, groups: Sequence[Sequence[RunHistory]]) -> list[str]:
    """A name for each group of the algorithm's runs; no two are the same."""
    if len(groups) == 1:
        return [algo]
    runs = [run for group in groups for run in group]
    if len({run.folder.name for run in runs}) == len(runs):
        return [f"{algo}, {_numbers(group)}" for group in groups]
    folders = _short({_log_folder(run) for run in runs})
    names = []
    for group in groups:
        of_folder: dict[str, list[RunHistory]] = {}
        for run in group:
            of_folder.setdefault(folders[_log_folder(run)], []).append(run)
        listed = " and ".join(f"{_numbers(its)} in {folder}" for folder, its in of_folder.items())
        names.append(f"{algo}, {listed}")
    return names


def _log_folder(run: RunHistory) -> str:
    return str(run.folder.parent.parent.resolve())


def _short(folders: Collection[str]) -> dict[str, str]:
    """Each of these absolute paths without the beginning that all have, but never without all of it."""
    shared = os.path.commonpath(folders)
    if shared in folders:
        shared = str(Path(shared).parent)
    return {folder: os.path.relpath(folder, shared) for folder in folders}


def _numbers(runs: Sequence[RunHistory]) -> str:
    numbers = [run.folder.name.removeprefix(f"{run.env}_") for run in runs]
    return f"run {numbers[0]}" if len(numbers) == 1 else f"runs {', '.join(numbers)}"
