"""What stands in a picture: read back from the figure and from the SVG's text."""

import struct
from pathlib import Path

import numpy as np
import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.report.chart import Chart, Level, as_png, as_svg, draw, notes_of, write_picture
from dqn_zoo_ext.report.curves import Curve

X = np.array([0.0, 1e6, 2e6])
BANDED = Curve(
    "dqn (3 seeds)", X, X / 1e4, "evaluations of 10 games by greedy", X / 2e4, X / 5e3, "lowest to highest seed"
)
PLAIN = Curve("c51", X, X / 2e4, "evaluations of 10 games by greedy")
PAPER = Curve("DQN, a paper", X, X / 3e4, "training games")
CHART = Chart("Pong", "frames", [BANDED, PLAIN], [PAPER], [Level("random: 12", 12)], notes_of([BANDED, PLAIN]))


def test_lines_and_bands_lie_where_the_numbers_say() -> None:
    (axes,) = draw(CHART).axes
    lines = {str(line.get_label()): line for line in axes.get_lines()}
    assert list(lines) == ["dqn (3 seeds)", "c51", "random: 12", "DQN, a paper"]
    assert np.asarray(lines["c51"].get_ydata()).tolist() == [0, 50, 100]
    assert set(np.asarray(lines["random: 12"].get_ydata())) == {12}
    (band,) = axes.collections
    corners = np.asarray(band.get_paths()[0].vertices)
    assert [2e6, 100] in corners.tolist()
    assert [2e6, 400] in corners.tolist()
    assert len({line.get_color() for line in lines.values()}) == 4


def test_the_picture_says_what_a_point_and_a_band_are() -> None:
    text = as_svg(draw(CHART))
    for words in ("Pong", "emulator frames", "score of a game", "random: 12", "DQN, a paper", "2M"):
        assert f">{words}</text>" in text
    assert "Points: evaluations of 10 games by greedy." in text
    assert "Bands: lowest to highest seed." in text


def test_curves_that_were_measured_otherwise_are_named() -> None:
    assert notes_of([PLAIN, PAPER]) == [
        "Points of c51: evaluations of 10 games by greedy.",
        "Points of DQN, a paper: training games.",
    ]


def test_equal_charts_are_equal_files() -> None:
    assert as_svg(draw(CHART)) == as_svg(draw(CHART))
    assert as_png(draw(CHART)) == as_png(draw(CHART))


def test_a_png_has_two_thousand_pixels(tmp_path: Path) -> None:
    write_picture(draw(CHART), tmp_path / "c.PNG")
    content = (tmp_path / "c.PNG").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (2000, 1100)


def test_other_endings_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"^a picture must end in \.png or \.svg, not 'c\.pgn'; did you mean '\.png'\?$"
    ):
        write_picture(draw(CHART), tmp_path / "c.pgn")
    assert list(tmp_path.iterdir()) == []
