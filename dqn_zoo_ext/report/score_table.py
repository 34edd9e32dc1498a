"""Scores that were measured, beside each other and beside what is published of the same players."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from dqn_zoo_ext.evaluation.evaluate import Evaluation
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.evaluation.published_scores import PublishedScore, scores_of
from dqn_zoo_ext.evaluation.scores import human_normalised_of

_NOTHING = "-"
_OTHER_RULES = "~"
FOOTNOTE = (
    f"{_OTHER_RULES} before a published score: measured by other rules than these (starts, sticky actions, cap), or by "
    "rules that are not stated; not to be compared"
)


@dataclass(frozen=True)
class Measured:
    """Who played, and what came of it. name: an algorithm or a baseline, by which published scores are found.

    note: what else the table says of the player, e.g. the action that it always takes.
    """

    name: str
    evaluation: Evaluation
    note: str = ""


def score_table(
    title: str, game: str | None, players: Sequence[Measured], protocol: Protocol, sticky: float | None
) -> Table:
    """A row for each player, and one for people where their score is known. Scores are means of raw game scores.

    sticky: as in ``Source.same_rules_as``.
    """
    table = Table(title=title, title_justify="left", caption_justify="left")
    for column in ("player", "mean", "+/- std", "human-normalised", "published"):
        table.add_column(column, justify="left" if column in ("player", "published") else "right", no_wrap=True)
    published = scores_of(game) if game is not None else {}
    marked = False
    for player in players:
        known = [each for each in published.values() if each.source.algo == player.name]
        lines = [_cited(each, protocol, sticky) for each in sorted(known, key=lambda each: -each.score)]
        marked = marked or any(line.startswith(_OTHER_RULES) for line in lines)
        name = f"{player.name} ({player.note})" if player.note else player.name
        mean, std = player.evaluation.mean, player.evaluation.std
        cells = [name, f"{mean:,.1f}", f"{std:,.1f}", _normalised(game, mean), "\n".join(lines) or _NOTHING]
        table.add_row(*(Text(cell) for cell in cells))
    if "human" in published:
        human = _cited(published["human"], protocol, sticky)
        marked = marked or human.startswith(_OTHER_RULES)
        table.add_row("human", _NOTHING, _NOTHING, "100%", Text(human))
    if marked:
        table.caption = FOOTNOTE
    return table


def _normalised(game: str | None, score: float) -> str:
    normalised = None if game is None else human_normalised_of(game, score)
    return _NOTHING if normalised is None else f"{normalised:.1%}"


def _cited(each: PublishedScore, protocol: Protocol, sticky: float | None) -> str:
    mark = "" if each.source.same_rules_as(protocol, sticky) else f"{_OTHER_RULES} "
    return f"{mark}{each.score:,.10g} ({each.source.cited})"
