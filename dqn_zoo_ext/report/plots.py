"""Charts that answer the pointer: plain data for plotly.js, which the report page carries."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dqn_zoo_ext.evaluation.aggregates import Estimate
from dqn_zoo_ext.report.chart import Chart
from dqn_zoo_ext.report.curves import Curve

Plot = dict[str, Any]

_INK, _PALE, _GRID = "#1f2933", "#7b8794", "#e4e7eb"
_BLUE, _ORANGE, _GREEN = "#0072B2", "#D55E00", "#009E73"  # Okabe & Ito
_DASHES = ("dash", "dot", "dashdot", "longdash")
_APART = 0.02  # of single points that would cover each other, as a part of their place
_DIGITS = 6  # of a number in the page


def curves_plot(chart: Chart) -> Plot:
    """The same chart as ``report.chart.draw`` makes a picture of.

    Curves of one point have a bar for their band. If all are such, they stand side by side, a little off their place.
    """
    traces: list[Plot] = []
    for index, curve in enumerate(chart.behind):
        line = {"color": _PALE, "width": 1, "dash": _DASHES[index % len(_DASHES)]}
        traces.append(_line(curve, line))
    for index, curve in enumerate(chart.curves):
        colour = chart.colours[index % len(chart.colours)]
        if curve.low is not None and curve.high is not None and len(curve.x) > 1:
            traces.append(_band(curve, colour))
        traces.append({**_line(curve, {"color": colour, "width": 2.5}), **_bar(curve)})
    points = len(chart.curves) > 1 and all(len(curve.x) == 1 for curve in chart.curves)
    if points:
        for index, trace in enumerate(traces[len(chart.behind) :]):
            trace["x"] = [x * (1 + _APART * (index - (len(chart.curves) - 1) / 2)) for x in trace["x"]]
    layout = layout_of(chart.axis_label, chart.score_label)
    layout["shapes"] = [_level(level.score, level.colour or _PALE) for level in chart.levels]
    layout["annotations"] = [_name_of_level(level.label, level.score) for level in chart.levels]
    if points:
        layout["hovermode"] = "closest"
    return {"data": traces, "layout": layout}


def mood_plot(values: Sequence[Sequence[float]], surprise: Sequence[float], rewards: Sequence[float]) -> Plot:
    """What the agent expected in each agent step of a game, above by how much it was wrong, and where it scored.

    values: (T, A); surprise, rewards: (T,). The first shape is the line that a page moves along with the video.
    """
    steps = list(range(len(surprise)))
    expected = np.asarray(values).max(axis=1)
    scored = [step for step in steps if rewards[step] != 0]
    if len(scored) > len(steps) / 2:  # a reward for each step says nothing
        scored = []
    gains = [f"{rewards[step]:+g} points" for step in scored]
    traces: list[Plot] = [
        {
            "x": steps, "y": _short(expected), "name": "expected return", "mode": "lines",
            "line": {"color": _BLUE, "width": 2}, "hovertemplate": "%{y:.2f}<extra>expected return</extra>",
        },
        {
            "x": scored, "y": _short(expected[scored]), "name": "points", "mode": "markers", "text": gains,
            "marker": {"color": _GREEN, "size": 6}, "hovertemplate": "%{text}<extra></extra>",
        },
        {
            "x": steps, "y": _short(surprise), "name": "surprise", "type": "bar", "yaxis": "y2",
            "marker": {"color": _ORANGE, "line": {"width": 0}}, "hovertemplate": "%{y:+.2f}<extra>surprise</extra>",
        },
    ]  # fmt: skip
    layout = layout_of("agent steps of the game", "expected return")
    layout["yaxis"]["domain"] = [0.42, 1.0]
    layout["yaxis2"] = {**layout["yaxis"], "domain": [0.0, 0.34], "title": {"text": "surprise"}}
    layout["shapes"] = [{
        "type": "line", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "yref": "paper", "line": {"color": _INK, "width": 1.5},
    }]  # fmt: skip
    layout["xaxis"]["anchor"] = "y2"
    layout |= {"bargap": 0, "hoversubplots": "axis"}
    return {"data": traces, "layout": layout}


def intervals_plot(estimates: Mapping[str, Estimate], title: str) -> Plot:
    """A dot for each number, with its interval, the first one above. Names may have lines, broken by ``<br>``."""
    names, numbers = list(estimates)[::-1], list(estimates.values())[::-1]
    above = [0.0 if number.high is None else number.high - number.value for number in numbers]
    below = [0.0 if number.low is None else number.value - number.low for number in numbers]
    trace = {
        "x": _short([number.value for number in numbers]), "y": names, "type": "scatter", "mode": "markers",
        "showlegend": False, "marker": {"color": _BLUE, "size": 10}, "text": [str(number) for number in numbers],
        "error_x": {
            "type": "data", "symmetric": False, "array": _short(above), "arrayminus": _short(below),
            "color": _BLUE, "thickness": 2.5, "width": 0,
        },
        "hovertemplate": "%{text}<extra>%{y}</extra>",
    }  # fmt: skip
    layout = layout_of(title, "")
    lines = max(name.count("<br>") for name in names) + 1
    layout |= {"hovermode": "closest", "height": 90 + (18 + 16 * lines) * len(names)}
    layout["margin"] |= {"t": 8}
    layout["xaxis"] |= {"rangemode": "normal"}
    layout["yaxis"] |= {"type": "category", "range": [-0.6, len(names) - 0.4]}
    return {"data": [trace], "layout": layout}


def probabilities_plot(estimates: Mapping[str, Estimate], title: str) -> Plot:
    """The same of probabilities: from 0 to 1, with a line at 0.5."""
    plot = intervals_plot(estimates, title)
    line = {"color": _PALE, "width": 1, "dash": "dot"}
    plot["layout"]["shapes"] = [{"type": "line", "x0": 0.5, "x1": 0.5, "y0": 0, "y1": 1, "yref": "paper", "line": line}]
    plot["layout"]["xaxis"]["range"] = [-0.03, 1.03]
    return plot


def _line(curve: Curve, line: Plot) -> Plot:
    return {
        "x": _short(curve.x), "y": _short(curve.score), "name": curve.label, "mode": "lines+markers" if
        len(curve.x) == 1 else "lines", "line": line, "hovertemplate": f"%{{y:,.6~g}}<extra>{curve.measured}</extra>",
    }  # fmt: skip


def _bar(curve: Curve) -> Plot:
    if curve.low is None or curve.high is None or len(curve.x) > 1:
        return {}
    above, below = _short(curve.high - curve.score), _short(curve.score - curve.low)
    error = {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 2, "width": 5}
    return {"error_y": error}


def _band(curve: Curve, colour: str) -> Plot:
    assert curve.low is not None
    assert curve.high is not None
    there_and_back = np.concatenate([curve.x, curve.x[::-1]])
    outline = np.concatenate([curve.high, curve.low[::-1]])
    return {
        "x": _short(there_and_back), "y": _short(outline), "fill": "toself", "fillcolor": f"{colour}2e",
        "line": {"width": 0}, "mode": "lines", "name": curve.band, "hoverinfo": "skip", "showlegend": False,
    }  # fmt: skip


def _level(score: float, colour: str) -> Plot:
    line = {"color": colour, "width": 1, "dash": "dot"}
    return {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": score, "y1": score, "line": line}


def _name_of_level(label: str, score: float) -> Plot:
    return {
        "text": label, "x": 1, "xref": "paper", "xanchor": "right", "y": score, "yanchor": "bottom",
        "showarrow": False, "font": {"size": 11, "color": _PALE},
    }  # fmt: skip


def layout_of(x_title: str, y_title: str) -> Plot:
    """The looks of every plot."""
    axis = {"gridcolor": _GRID, "zerolinecolor": _GRID, "automargin": True}
    return {
        "xaxis": {**axis, "title": {"text": x_title}, "rangemode": "tozero"},
        "yaxis": {**axis, "title": {"text": y_title}},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": _INK},
        "margin": {"l": 50, "r": 12, "t": 36, "b": 45},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "x unified",
        "legend": {"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom"},
    }


def _short(numbers: Any) -> list[float]:
    return [float(f"{number:.{_DIGITS}g}") for number in np.asarray(numbers, dtype=np.float64)]
