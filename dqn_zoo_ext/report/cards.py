"""A page of cards: each a question, with charts, a table and what must be said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dqn_zoo_ext.report.html import rendered
from dqn_zoo_ext.report.plots import Plot
from dqn_zoo_ext.storage.atomic import write_atomically


@dataclass(frozen=True)
class Link:
    """A cell that leads somewhere. href: relative to the page's folder, and quoted as URLs are."""

    text: str
    href: str


Cell = str | Link


@dataclass(frozen=True)
class Card:
    """words: sentences at its head. table: head first; empty for none. notes: small, at its foot."""

    title: str
    words: Sequence[str] = ()
    plots: Sequence[Plot] = ()
    table: Sequence[Sequence[Cell]] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class CardsPage:
    """All that stands on it. facts: short pairs, of a name and a value."""

    title: str
    facts: Sequence[tuple[str, str]]
    cards: Sequence[Card]
    made_by: str = ""


def write_cards(page: CardsPage, path: Path) -> None:
    """Write the page whole or not at all; UserError if it cannot be written."""
    write_atomically(path, cards_as_html(page))


def cards_as_html(page: CardsPage) -> str:
    """The page, with plotly.js and all numbers in it. Whatever comes from files is escaped."""
    return rendered("cards.html", page=page)
