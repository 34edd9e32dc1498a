"""The picture on a model card."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.agents import curve
from dqn_zoo_ext.experiment.agents.curve import draw_curve
from dqn_zoo_ext.report.chart import Chart, draw


def test_mean_and_deviation_of_each_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    charts: list[Chart] = []

    def drawn(chart: Chart) -> Figure:
        charts.append(chart)
        return draw(chart)

    monkeypatch.setattr(curve, "draw", drawn)
    np.savez(tmp_path / "evaluations.npz", timesteps=[100, 200], results=[[1.0, 3.0], [4.0, 4.0]])
    assert draw_curve(tmp_path / "evaluations.npz", "nature-2015", "dqn on Pong", tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    (chart,) = charts
    (line,) = chart.curves
    assert (chart.title, chart.axis) == ("dqn on Pong", "agent_steps")
    assert (list(line.x), list(line.score)) == ([100, 200], [2, 4])
    assert line.low is not None
    assert line.high is not None
    assert (list(line.low), list(line.high)) == ([1, 4], [3, 4])
    assert "Points: evaluations of 2 games by nature-2015." in chart.notes


def test_no_picture_without_evaluations(tmp_path: Path) -> None:
    assert not draw_curve(tmp_path / "evaluations.npz", "greedy", "", tmp_path / "curve.png")
    np.savez(tmp_path / "evaluations.npz", timesteps=[], results=np.zeros((0, 2)))
    assert not draw_curve(tmp_path / "evaluations.npz", "greedy", "", tmp_path / "curve.png")
    (tmp_path / "evaluations.npz").write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(UserError, match=r"evaluations\.npz cannot be read as evaluations: cut short or damaged"):
        draw_curve(tmp_path / "evaluations.npz", "greedy", "", tmp_path / "curve.png")
    assert not (tmp_path / "curve.png").exists()
