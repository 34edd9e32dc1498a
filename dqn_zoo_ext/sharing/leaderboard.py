"""A leaderboard of a game: what the Hub's agents say of themselves, read with care and ranked by mean - std.

A score here is what its card claims. Nobody has checked it, and a card may say anything: whatever cannot be a score is
left out and counted, by reason.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from dqn_zoo_ext.evaluation.protocols import PROTOCOLS
from dqn_zoo_ext.keywords import one_line
from dqn_zoo_ext.sharing.card import GAMES, MEAN_REWARD, PROTOCOL
from dqn_zoo_ext.sharing.listing import Listing
from dqn_zoo_ext.sharing.package import VIDEO
from dqn_zoo_ext.words import counted

NOT_STATED = "not stated"
_REPO_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}")
_NUMBER = r"[-+]?(?:\d{1,15}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][-+]?\d{1,3})?"
_SCORE = re.compile(rf"\s*({_NUMBER})\s*(?:(?:\+/-|\+-|±)\s*({_NUMBER})\s*)?", re.ASCII)
_LARGEST = 1e9
"""Beyond any game's score."""
_LONGEST_ALGO = 40
_MOST_ENTRIES = 100  # results and metrics of one card that are looked at


class Unusable(ValueError):  # noqa: N818  # a verdict on a card, not a failure
    """A card without a score to rank; the message is the reason, by which such cards are counted."""


@dataclass(frozen=True)
class BoardEntry:
    """An agent, as its card describes it. rank: from 1; equal results share one. games: None if the card says nothing.

    protocol: a name in `PROTOCOLS`, or `NOT_STATED`. updated: of the repository's last commit, None if not known.
    """

    repo_id: str
    algo: str
    mean: float
    std: float
    protocol: str
    games: int | None
    video: bool
    updated: date | None
    rank: int = 0
    mine: bool = False

    @property
    def result(self) -> float:
        """Mean minus standard deviation, by which agents are ranked, to as many digits as anybody writes."""
        return round(self.mean - self.std, 6)

    @property
    def owner(self) -> str:
        """The user or organization."""
        return self.repo_id.split("/")[0]

    @property
    def evaluated(self) -> str:
        """How, in a few words."""
        return self.protocol if self.games is None else f"{self.protocol}, {counted(self.games, 'game')}"


@dataclass(frozen=True)
class Leaderboard:
    """entries: best first. left_out: how many of the Hub's models have no score that can be ranked, by reason.

    complete: false if the Hub has more models than were taken.
    """

    env: str
    entries: Sequence[BoardEntry]
    left_out: Mapping[str, int]
    complete: bool = True

    @property
    def mine(self) -> list[BoardEntry]:
        """One's own, best first."""
        return [entry for entry in self.entries if entry.mine]


def make_leaderboard(env: str, listing: Listing, user: str | None = None) -> Leaderboard:
    """The board of `env` from what the Hub lists. user: whose entries are marked, in any case of letters."""
    found: dict[str, BoardEntry] = {}
    left_out: Counter[str] = Counter()
    if listing.unreadable:
        left_out["not readable at all"] = listing.unreadable
    for model in listing.models:
        try:
            entry = read_entry(model, env)
        except Unusable as reason:
            left_out[str(reason)] += 1
        else:
            found.setdefault(entry.repo_id, entry)  # a page may repeat what moved from the one before
    best_first = sorted(found.values(), key=lambda entry: (-entry.result, entry.repo_id.casefold()))
    entries: list[BoardEntry] = []
    for place, entry in enumerate(best_first, 1):
        tied = bool(entries) and entries[-1].result == entry.result
        mine = user is not None and entry.owner.casefold() == user.casefold()
        entries.append(replace(entry, rank=entries[-1].rank if tied else place, mine=mine))
    return Leaderboard(env, entries, dict(left_out.most_common()), listing.complete)


def read_entry(model: Any, env: str) -> BoardEntry:
    """What one model of the Hub's list says of its agent on `env`. Unusable if there is nothing to rank."""
    facts = _mapping(model)
    repo_id = facts.get("id")
    if not isinstance(repo_id, str) or _REPO_ID.fullmatch(repo_id) is None:
        raise Unusable("no name of a repository")
    card = _mapping(facts.get("cardData"))
    index = card.get("model-index") or facts.get("model-index")
    if not index:
        raise Unusable("no results in the card")
    name, metric = _metric(index, env)
    mean, std = _score(metric.get("value"))
    arguments = _mapping(metric.get("args"))
    protocol, games = arguments.get(PROTOCOL), arguments.get(GAMES)
    stated = isinstance(protocol, str) and protocol in PROTOCOLS
    return BoardEntry(
        repo_id=repo_id,
        algo=_label(name),
        mean=mean,
        std=std,
        protocol=str(protocol) if stated else NOT_STATED,
        games=games if type(games) is int and 0 < games <= 1_000_000 else None,
        video=any(_mapping(each).get("rfilename") == VIDEO for each in _sequence(facts.get("siblings"))),
        updated=_date(facts.get("lastModified")),
    )


def _metric(index: Any, env: str) -> tuple[Any, Mapping[str, Any]]:
    """The name of the first agent in a model-index with a mean reward on `env`, and that metric."""
    of_env = [(name, result) for name, result in _results(index) if env in _names_of(result.get("dataset"))]
    if not of_env:
        raise Unusable("no result on this game")
    for name, result in of_env:
        for metric in map(_mapping, _sequence(result.get("metrics"))[:_MOST_ENTRIES]):
            if metric.get("type") == MEAN_REWARD:
                return name, metric
    raise Unusable("no mean reward")


def _results(index: Any) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    for model in map(_mapping, _sequence(index)[:_MOST_ENTRIES]):
        for result in _sequence(model.get("results"))[:_MOST_ENTRIES]:
            yield model.get("name"), _mapping(result)


def _names_of(dataset: Any) -> tuple[Any, Any]:
    described = _mapping(dataset)
    return described.get("name"), described.get("type")


def _score(value: Any) -> tuple[float, float]:
    """Mean and standard deviation, written as ``74.00 +/- 45.81``."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise Unusable("no standard deviation")
    written = _SCORE.fullmatch(value) if isinstance(value, str) and len(value) <= 100 else None
    if written is None:
        raise Unusable("a score that is no number")
    if written[2] is None:
        raise Unusable("no standard deviation")
    mean, std = float(written[1]), float(written[2])
    if not (math.isfinite(mean) and math.isfinite(std)) or abs(mean) > _LARGEST or not 0 <= std <= _LARGEST:
        raise Unusable("a score that cannot be")
    return mean, std


def _label(name: Any) -> str:
    """An algorithm's name as text to show; a spreadsheet must not take it for a formula."""
    text = one_line(name).lstrip("=+-@ ")[:_LONGEST_ALGO] if isinstance(name, str) else ""
    return text or "?"


def _date(text: Any) -> date | None:
    try:
        return datetime.fromisoformat(text).date() if isinstance(text, str) else None
    except ValueError:
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
