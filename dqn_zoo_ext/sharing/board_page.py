"""A leaderboard as a web page: one HTML file for any web server or a Space, which asks for nothing until a click."""

import base64
import hashlib
import importlib.resources
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from dqn_zoo_ext.sharing.leaderboard import NOT_STATED, BoardEntry, Leaderboard
from dqn_zoo_ext.sharing.package import VIDEO
from dqn_zoo_ext.storage.atomic import write_atomically

_SHARE_ON_THE_AXIS = 0.98
"""Of the agents whose whole range is drawn: a card that claims a billion must not press all others together."""


@dataclass(frozen=True)
class BoardPage:
    """All that stands on it. game: its name to read. endpoint: the Hub's address, to which every link goes.

    pass_mark: the mean - std that the course asks for on this game, if it does.
    """

    board: Leaderboard
    game: str
    endpoint: str
    made: date
    pass_mark: float | None = None

    @property
    def passed(self) -> int:
        """How many agents are at or above the mark."""
        return sum(self.pass_mark is not None and entry.result >= self.pass_mark for entry in self.board.entries)

    @property
    def owners(self) -> int:
        """Users and organizations with an agent here."""
        return len({entry.owner.casefold() for entry in self.board.entries})

    @property
    def algos(self) -> list[str]:
        """The most frequent names of algorithms, for the page's choice."""
        names = [entry.algo for entry in self.board.entries]
        return sorted(set(names), key=lambda name: (-names.count(name), name.casefold()))[:12]

    @cached_property
    def axis(self) -> tuple[float, float]:
        """Scores at the left and right end of the drawn ranges."""
        entries = self.board.entries
        highs = sorted(entry.mean + entry.std for entry in entries)
        lows = sorted(entry.result for entry in entries)
        last = int(_SHARE_ON_THE_AXIS * (len(entries) - 1)) if entries else 0
        high = highs[last] if highs else 1.0
        low = min(0.0, lows[len(lows) - 1 - last] if lows else 0.0)
        return low, max(high, low + 1.0)

    def share(self, score: float) -> float:
        """Where a score lies on the axis, in percent, the ends included."""
        low, high = self.axis
        return 100 * min(1.0, max(0.0, (score - low) / (high - low)))

    def link(self, entry: BoardEntry) -> str:
        """The agent's page on the Hub."""
        return f"{self.endpoint}/{entry.repo_id}"

    def video(self, entry: BoardEntry) -> str:
        """The agent's replay on the Hub."""
        return f"{self.link(entry)}/resolve/main/{VIDEO}"


def write_board_page(page: BoardPage, path: Path) -> None:
    """Write the page whole or not at all; UserError if it cannot be written."""
    write_atomically(path, as_html(page))


def as_html(page: BoardPage) -> str:
    """The page. Whatever comes from cards is escaped, and its policy lets no script run but its own."""
    script = (importlib.resources.files("dqn_zoo_ext.sharing") / "templates" / "leaderboard.js").read_text()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _TEMPLATES.get_template("leaderboard.html").render(
        page=page, script=script, digest=digest, not_stated=NOT_STATED
    )


_TEMPLATES = Environment(
    loader=PackageLoader("dqn_zoo_ext.sharing"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
