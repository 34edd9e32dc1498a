"""A picture of learning curves, as PNG or SVG; no display is needed."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.report.curves import AXIS_LABELS, Axis, Curve
from dqn_zoo_ext.storage.atomic import write_atomically

ENDINGS = (".png", ".svg")

# Okabe & Ito's colours, told apart by colour-blind people too
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_BEHIND = ("#8c8c8c", "#b3a58f", "#8fa6ba", "#b59ab0")
_MARKERS = ("o", "s", "^", "D", "v")  # one more than colours, so that both together tell twenty curves apart
_DASHES: tuple[tuple[float, ...], ...] = ((4, 2), (1, 1.5), (6, 2, 1, 2), (2, 2))
_WIDTH, _HEIGHT = 10.0, 5.5  # inches, taller for a long legend
_LEGEND_LETTERS, _LEGEND_LINE, _LEGEND_GAP = 34, 0.145, 0.085  # letters in a line; inches
_INK, _PALE = "#222222", "#666666"
_PIXELS_PER_INCH = 200
_LETTERS_PER_LINE = 108
_SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.edgecolor": _PALE,
    "axes.labelcolor": _INK,
    "xtick.color": _PALE,
    "ytick.color": _PALE,
    "svg.fonttype": "none",
    "svg.hashsalt": "dqn_zoo_ext",  # the same chart: the same file
}


@dataclass(frozen=True)
class Level:
    """A score that does not change along the training: a horizontal line.

    name: by which a style knows its colour. colour: None is that of the text.
    """

    label: str
    score: float
    name: str = ""
    colour: str | None = None


@dataclass(frozen=True)
class Chart:
    """All that a picture shows. curves: of our runs. behind: published ones, thin and pale. levels: horizontal lines.

    axis: one of those along a training, or else the words for another one.
    notes: sentences below the title: protocol, smoothing, bands. colours: of the curves, in order.
    """

    title: str
    axis: Axis | str
    curves: Sequence[Curve]
    behind: Sequence[Curve] = ()
    levels: Sequence[Level] = ()
    notes: Sequence[str] = ()
    score_label: str = "score of a game"
    colours: Sequence[str] = field(default=_COLOURS)

    @property
    def axis_label(self) -> str:
        """What stands below the axis."""
        return next((label for axis, label in AXIS_LABELS.items() if axis == self.axis), self.axis)


def draw(chart: Chart) -> Figure:
    """The chart as a figure of matplotlib's, 10 by 5.5 inches or higher, whose legend stands beside the axes."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        axes = figure.add_subplot()
        _draw_curves(axes, chart.curves, chart.colours)
        _draw_levels(axes, chart.levels)
        _draw_behind(axes, chart.behind)
        _label(axes, chart)
        handles, labels = axes.get_legend_handles_labels()
        wrapped = [textwrap.fill(label, _LEGEND_LETTERS) for label in labels]
        needed = sum(_LEGEND_GAP + _LEGEND_LINE * (1 + label.count("\n")) for label in wrapped)
        figure.set_figheight(max(_HEIGHT, needed + 0.3))
        figure.legend(handles, wrapped, loc="outside right upper", frameon=False, fontsize=8.5, labelspacing=0.7)
        return figure


def notes_of(curves: Sequence[Curve]) -> list[str]:
    """What must be said of the curves: what a point is, of which curves if they differ, and what a band."""
    of_points: dict[str, list[str]] = {}
    for curve in curves:
        of_points.setdefault(curve.measured, []).append(curve.label)
    bands = dict.fromkeys(
        f"{'Bars' if len(curve.x) == 1 else 'Bands'}: {curve.band}." for curve in curves if curve.band is not None
    )
    alike = len(of_points) == 1
    points = [
        f"Points: {words}." if alike else f"Points of {'; '.join(labels)}: {words}."
        for words, labels in of_points.items()
    ]
    return [*points, *bands]


def as_png(figure: Figure) -> bytes:
    """The picture at 200 pixels to the inch."""
    out = io.BytesIO()
    with mpl.rc_context(_SETTINGS):
        FigureCanvasAgg(figure)
        figure.savefig(out, format="png", dpi=_PIXELS_PER_INCH, metadata={"Software": None})
    return out.getvalue()


def as_svg(figure: Figure) -> str:
    """The picture as SVG with its text as text; equal figures give equal files."""
    out = io.StringIO()
    with mpl.rc_context(_SETTINGS):
        FigureCanvasSVG(figure)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def write_picture(figure: Figure, path: Path) -> None:
    """Write it as the ending of `path` says, whole or not at all. UserError for another ending or if it cannot be."""
    ending = check_ending(path)
    write_atomically(path, as_png(figure) if ending == ".png" else as_svg(figure))


def check_ending(path: Path) -> str:
    """The ending of `path` in lower case; UserError if no picture can be written under it."""
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"a picture must end in .png or .svg, not {path.name!r}{nearest(ending, ENDINGS)}")
    return ending


def _draw_curves(axes: Axes, curves: Sequence[Curve], colours: Sequence[str]) -> None:
    for index, curve in enumerate(curves):
        colour = colours[index % len(colours)]
        marker = "o" if len(curve.x) == 1 else None
        axes.plot(curve.x, curve.score, color=colour, lw=1.8, label=curve.label, zorder=4, marker=marker)
        if curve.low is None or curve.high is None:
            continue
        if len(curve.x) == 1:
            axes.vlines(curve.x, curve.low, curve.high, color=colour, lw=1.8, zorder=3)
        else:
            axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.18, lw=0, zorder=3)


def _draw_behind(axes: Axes, curves: Sequence[Curve]) -> None:
    for index, curve in enumerate(curves):
        colour, dashes = _BEHIND[index % len(_BEHIND)], _DASHES[index % len(_DASHES)]
        marker = _MARKERS[index % len(_MARKERS)]
        (line,) = axes.plot(curve.x, curve.score, color=colour, lw=1.0, dashes=dashes, label=curve.label, zorder=2)
        line.set(marker=marker, markersize=3, markevery=range(len(curve.x) - curve.cut))
        if curve.low is not None and curve.high is not None:
            axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.10, lw=0, zorder=1)


def _draw_levels(axes: Axes, levels: Sequence[Level]) -> None:
    for index, level in enumerate(levels):
        dashes = _DASHES[index % len(_DASHES)]
        axes.axhline(level.score, color=level.colour or _INK, lw=0.9, dashes=dashes, label=level.label, zorder=2)


def _label(axes: Axes, chart: Chart) -> None:
    lines = [line for note in chart.notes for line in textwrap.wrap(note, _LETTERS_PER_LINE)]
    axes.set_title(chart.title, loc="left", fontsize=12.5, fontweight="bold", color=_INK, pad=8 + 12 * len(lines))
    if lines:
        axes.annotate(
            "\n".join(lines), (0, 1), (0, 6), "axes fraction", "offset points", fontsize=8.5, color=_PALE, va="bottom"
        )
    axes.set_xlabel(chart.axis_label)
    axes.set_ylabel(chart.score_label)
    axes.margins(x=0.01)
    axes.set_xlim(left=0)
    axes.grid(axis="y", color="#e6e6e6", lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda score, _: f"{score:,.10g}"))
    if chart.axis in ("agent_steps", "frames", "games"):
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
