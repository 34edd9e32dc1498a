"""The report page: one HTML file that needs nothing else, to look at rather than to read."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dqn_zoo_ext.report.html import rendered
from dqn_zoo_ext.report.plots import Plot
from dqn_zoo_ext.storage.atomic import write_atomically


@dataclass(frozen=True)
class Row:
    """A line of a table of scores. ours: whether it was measured here. note: protocol and source."""

    name: str
    score: str
    normalised: str
    note: str
    ours: bool = False


@dataclass(frozen=True)
class FilmedGame:
    """The game in the video, step by step. video, random_video: mp4 files; steps_per_second: of the first one's game.

    values: (T, A); surprise: (T,) TD errors; actions: (T,) indices. action_names: (A,).
    """

    video: bytes
    random_video: bytes | None
    steps_per_second: float
    caption: str
    random_caption: str
    mood: Plot
    values: Sequence[Sequence[float]]
    surprise: Sequence[float]
    actions: Sequence[int]
    action_names: Sequence[str]


@dataclass(frozen=True)
class RunSection:
    """One run on the page. facts: short pairs. shares: of the time, by activity. settings: key, value, source.

    no_film: why there is none. untold: a line for each thing that could not be read.
    """

    title: str
    subtitle: str
    facts: Sequence[tuple[str, str]]
    scores: Sequence[Row]
    shares: Sequence[tuple[str, float]]
    settings: Sequence[tuple[str, str, str]] = ()
    warnings: Sequence[str] = ()
    command: str = ""
    film: FilmedGame | None = None
    no_film: str = ""
    untold: Sequence[str] = ()


@dataclass(frozen=True)
class Page:
    """All that stands on it. curves: None if there are none. notes: below them. aggregates: a table over runs, head
    first; empty for none.
    """

    title: str
    curves: Plot | None
    notes: Sequence[str]
    runs: Sequence[RunSection]
    aggregates: Sequence[Sequence[str]] = field(default_factory=tuple)
    made_by: str = ""


def write_page(page: Page, path: Path) -> None:
    """Write the page whole or not at all; UserError if it cannot be written."""
    write_atomically(path, as_html(page))


def as_html(page: Page) -> str:
    """The page, with plotly.js, the videos and all numbers in it. Whatever comes from files is escaped."""
    return rendered("page.html", {"video": _as_video, "moments": _moments}, page=page)


def _as_video(content: bytes) -> str:
    return f"data:video/mp4;base64,{base64.b64encode(content).decode('ascii')}"


def _moments(film: FilmedGame) -> dict[str, Any]:
    """low, high: the range that all bars share, from the rounded values that the page has, and with 0 in it."""
    values = [[round(value, 3) for value in of_step] for of_step in film.values]
    return {
        "pace": film.steps_per_second,
        "low": min(0.0, *map(min, values)),
        "high": max(0.0, *map(max, values)),
        "values": values,
        "surprise": [round(value, 3) for value in film.surprise],
        "actions": list(film.actions),
        "names": list(film.action_names),
    }
