"""What others have published: final scores and learning curves of Atari games, each with its source and its rules.

The numbers lie in ``published/``: a column of final_scores.csv or a series of curves.csv is explained in sources.yml.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.protocols import Protocol


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where numbers come from and how they were measured.

    rules: the name of the protocol that has the same starts, sticky actions and cap; None if there is none.
    epsilon, frames_M, seeds: None where the source does not say. algo: ours that is nearest to it, if any.
    """

    name: str
    label: str
    reported: str
    source: str
    algo: str | None = None
    rules: str | None = None
    epsilon: float | None = None
    frames_M: float | None = None  # noqa: N815  # as in the files: millions
    seeds: int | None = None

    @property
    def cited(self) -> str:
        """The source in few words, ``Mnih et al. 2015``."""
        return self.source.split(",")[0]

    def same_rules_as(self, protocol: Protocol, sticky: float | None) -> bool:
        """Whether starts, sticky actions and cap are those of `protocol`; its epsilon may be another one.

        sticky: how often actions repeated in the games, for protocols that leave it as in training; None if unknown.
        """
        if self.rules is None:
            return False
        here, there = protocol.rules, protocols.get(self.rules).rules
        repeats = sticky if here.repeat_action_probability is None else here.repeat_action_probability
        return (here.noop_max, here.max_frames_per_game, repeats) == (
            there.noop_max,
            there.max_frames_per_game,
            there.repeat_action_probability,
        )


@dataclass(frozen=True)
class PublishedScore:
    """The mean score of a game, and what it is."""

    score: float
    source: Source


@dataclass(frozen=True)
class PublishedPoint:
    """A point of a published curve: mean over seeds, and the lowest and highest seed where they were published."""

    frames: float
    mean: float
    lowest: float | None
    highest: float | None


@dataclass(frozen=True)
class PublishedCurve:
    """A game's published curve, its points by ascending frames."""

    source: Source
    points: tuple[PublishedPoint, ...]


def scores_of(game: str) -> dict[str, PublishedScore]:
    """Every published score of `game` (the ROM's name) by the column's name; empty for an unknown game."""
    row = _final_scores().get(game, {})
    return {name: PublishedScore(score, sources("scores")[name]) for name, score in row.items()}


def games() -> tuple[str, ...]:
    """The ROM names of all games with published scores, sorted."""
    return tuple(_final_scores())


def curves_of(game: str, algos: Iterable[str] = (), names: Iterable[str] = ()) -> tuple[PublishedCurve, ...]:
    """The published curves of `game` whose algorithm is in `algos` or whose name is in `names`, in the file's order.

    UserError for a name that no curve of any game has.
    """
    known, wanted = sources("curves"), set(names)
    for name in wanted - known.keys():
        raise UserError(f"unknown published curve '{name}'{nearest(name, known)}")
    chosen = [each for each in known.values() if each.name in wanted or each.algo in set(algos)]
    points = _curve_points().get(game, {})
    return tuple(PublishedCurve(each, points[each.name]) for each in chosen if each.name in points)


@cache
def sources(kind: str) -> Mapping[str, Source]:
    """What sources.yml says of the ``scores`` or the ``curves``, by name."""
    said: dict[str, dict[str, Any]] = yaml.safe_load(_text("sources.yml"))[kind]
    return {name: Source(name=name, **fields) for name, fields in said.items()}


@cache
def _final_scores() -> Mapping[str, Mapping[str, float]]:
    rows = list(csv.DictReader(_text("final_scores.csv").splitlines()))
    return {row["game"]: {name: float(text) for name, text in row.items() if name != "game" and text} for row in rows}


@cache
def _curve_points() -> Mapping[str, Mapping[str, tuple[PublishedPoint, ...]]]:
    found: dict[str, dict[str, tuple[PublishedPoint, ...]]] = {}
    for row in csv.DictReader(_text("curves.csv").splitlines()):
        lowest, highest = (float(row[name]) if row[name] else None for name in ("lowest", "highest"))
        point = PublishedPoint(float(row["frames_M"]) * 1e6, float(row["mean"]), lowest, highest)
        curves = found.setdefault(row["game"], {})
        curves[row["series"]] = (*curves.get(row["series"], ()), point)
    return found


def _text(name: str) -> str:
    return resources.files("dqn_zoo_ext.evaluation").joinpath("published", name).read_text(encoding="utf-8")
