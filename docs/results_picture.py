"""The pictures of a game on docs/results.md: our runs' training and evaluations, published curves behind them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from results_folder import TRAINING, Measured, Published
from results_tables import headline

from dqn_zoo_ext.evaluation.published_scores import curves_of, scores_of
from dqn_zoo_ext.report.chart import Chart, Level, as_svg, draw
from dqn_zoo_ext.report.curves import Curve
from dqn_zoo_ext.report.learning_curves import as_curve, cut

_SHORT = 5_200_000.0  # frames: the points of published curves at 4M and 5M can be seen in the picture
_FRAMES_PER_AGENT_STEP = 4


class Picture(NamedTuple):
    """One to be drawn. words: for the runs in it. file: its name."""

    game: str
    runs: Sequence[Published]
    words: str
    file: str

    def svg(self) -> str:
        """The chart as SVG."""
        return as_svg(draw(chart(self.game, self.runs)))


def pictures(game: str, runs: Sequence[Published]) -> Iterator[Picture]:
    """One of the runs of the course's budget, and one of longer ones, beside which those would be a corner."""
    short = [run for run in runs if float(run.run["frames"]) <= _SHORT]
    long = [run for run in runs if run not in short]
    if short:
        yield Picture(game, short, "runs", f"results_{game}.svg")
    if long:
        yield Picture(game, long, "longer runs", f"results_{game}_long.svg")


def chart(game: str, runs: Sequence[Published]) -> Chart:
    """A line for each run's training games, and a point with a bar for each evaluation after it."""
    empty = Chart("", "frames", ())
    curves: list[Curve] = []
    colours: list[str] = []
    for index, run in enumerate(runs):
        colour = empty.colours[index % len(empty.colours)]
        rows = [row for row in run.curve if row["training_mean"] is not None]
        x, score = (np.array([row[name] for row in rows], dtype=float) for name in ("frames", "training_mean"))
        of_run = [Curve(run.name, x, score, "mean of the last 100 training games")] if rows else []
        of_run += [_point(run, each) for each in headline(run) if each.network != TRAINING]
        curves += of_run
        colours += [colour] * len(of_run)
    end = max(_SHORT, *(float(run.run["frames"]) for run in runs))
    of_others = curves_of(game, {run.run["algo"] for run in runs})
    behind = [cut(as_curve(each, "frames", _FRAMES_PER_AGENT_STEP), end) for each in of_others]
    levels = [
        Level(f"random play: {found.score:,.10g} [{found.source.cited}]", found.score, name)
        for name, found in scores_of(game).items()
        if name == "random"  # of half of the games nothing is published
    ]
    env = str(runs[0].run["env"])
    thin = "Thin: published means at the points marked, with the lowest and highest seed where known."
    notes = ["Lines: the mean of the last 100 training games.", *_of_points(runs), thin]
    return replace(empty, title=env, curves=curves, behind=behind, levels=levels, notes=notes, colours=colours)


def _of_points(runs: Sequence[Published]) -> list[str]:
    after = [each for run in runs for each in headline(run) if each.network != TRAINING]
    how = " or ".join(sorted({f"{each.games} games by {each.protocol}" for each in after}))
    return [f"Points: {how}, after the training; bars: the standard deviation over games."] if after else []


def _point(run: Published, measured: Measured) -> Curve:
    frames = measured.agent_steps * run.frames_per_agent_step
    mean, low, high = (np.array([score]) for score in (measured.mean, measured.result, measured.mean + measured.std))
    what = f"evaluations of {measured.games} games by {measured.protocol}"
    label = f"{run.name}, {measured.network} network: {measured.mean:,.1f} ± {measured.std:,.1f}"
    return Curve(label, np.array([frames]), mean, what, low, high, "standard deviation over games")
