import json

import numpy as np
import pytest

from dqn_zoo_ext.evaluation.aggregates import Estimate
from dqn_zoo_ext.report.chart import Chart, Level
from dqn_zoo_ext.report.curves import Curve
from dqn_zoo_ext.report.plots import curves_plot, intervals_plot, mood_plot, probabilities_plot


def curve(label: str, *scores: float, band: bool = False) -> Curve:
    x, score = np.arange(float(len(scores))), np.array(scores)
    if band:
        return Curve(label, x, score, "evaluations", score - 1, score + 1, "lowest to highest seed")
    return Curve(label, x, score, "evaluations")


def test_the_curves_lie_over_their_bands_and_before_the_published_ones() -> None:
    chart = Chart("Pong", "frames", [curve("dqn", 1, 2, 3, band=True)], [curve("DQN", 9, 9)], [Level("random", -20.7)])
    plot = curves_plot(chart)
    published, band, ours = plot["data"]
    assert (published["name"], ours["name"]) == ("DQN", "dqn")
    assert (published["line"]["color"], ours["line"]["color"]) == ("#7b8794", "#0072B2")
    assert band["x"] == [0, 1, 2, 2, 1, 0]
    assert band["y"] == [2, 3, 4, 2, 1, 0]
    assert ours["y"] == [1, 2, 3]
    assert plot["layout"]["xaxis"]["title"]["text"] == "emulator frames"
    assert [(shape["y0"], shape["y1"]) for shape in plot["layout"]["shapes"]] == [(-20.7, -20.7)]
    assert [each["text"] for each in plot["layout"]["annotations"]] == ["random"]
    json.dumps(plot, allow_nan=False)


def test_a_curve_of_one_point_can_be_seen() -> None:
    (only,) = curves_plot(Chart("Pong", "agent_steps", [curve("dqn", 5)]))["data"]
    assert only["mode"] == "lines+markers"


@pytest.mark.parametrize(
    ("rewards", "marked"), [((0.0, 5.0, 0.0, 0.0), [1]), ((1.0, 1.0, 1.0, 0.0), []), ((0.0, 0.0, 0.0, 0.0), [])]
)
def test_the_mood_of_a_game(rewards: tuple[float, ...], marked: list[int]) -> None:
    values = [[0.0, 1.0], [2.5, 1.0], [-1.0, -3.0], [1 / 3, 0.0]]
    plot = mood_plot(values, [0.1, -0.2, 0.3, -0.4], rewards)
    expected, points, surprise = plot["data"]
    assert expected["y"] == [1, 2.5, -1, 0.333333]
    assert points["x"] == marked
    assert points["text"] == [f"{rewards[step]:+g} points" for step in marked]
    assert surprise["y"] == [0.1, -0.2, 0.3, -0.4]
    line = plot["layout"]["shapes"][0]  # what the page moves
    assert (line["x0"], line["x1"], line["yref"]) == (0, 0, "paper")
    json.dumps(plot, allow_nan=False)


def test_intervals_reach_from_low_to_high_and_the_first_is_above() -> None:
    estimates = {"a<br>over b": Estimate(0.5, 0.25, 1.0), "alone": Estimate(0.75, None, None)}
    (dots,) = intervals_plot(estimates, "IQM")["data"]
    assert dots["y"] == ["alone", "a<br>over b"]  # plotly begins below
    assert dots["x"] == [0.75, 0.5]
    assert (dots["error_x"]["array"], dots["error_x"]["arrayminus"]) == ([0, 0.5], [0, 0.25])
    assert dots["text"] == ["0.750", "0.500 [0.250, 1.000]"]
    plot = probabilities_plot(estimates, "probability")
    assert plot["data"] == [dots]
    assert [shape["x0"] for shape in plot["layout"]["shapes"]] == [0.5]
    json.dumps(plot, allow_nan=False)
