"""The block ``preset`` at the head of a preset's file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dqn_zoo_ext.config.yaml_source import Located
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import shown

PRESET, FAITHFUL = "preset", "faithful"
"""The head; and the block of hyperparameters that put the document's own mistakes back, if they are asked for."""


@dataclass(frozen=True)
class PresetHead:
    """What a preset says of itself.

    algo, env: what it trains, and on what. source: the document that it reproduces. cost: what a run of it takes.
    expected: the score to expect, and where that is known from; or that nobody knows. kept, corrected: what of the
    document is as it says, and what is not, with the reason. games: ids of further environments that it is meant for.
    beneath: the preset over which this one lies.

    They say nothing about a configuration, `beneath` apart: where the file is given with ``-conf`` they are only
    checked.
    """

    algo: str
    env: str
    source: str
    cost: str
    expected: str = ""
    kept: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    games: tuple[str, ...] = ()
    beneath: str | None = None


_NEEDED = ("algo", "env", "source", "cost")
_ONE_OR_MANY = ("kept", "corrected", "games")
_KEYS = (*_NEEDED, "expected", *_ONE_OR_MANY, "beneath")


def head_of(document: Mapping[str, Located]) -> PresetHead | None:
    """The head of a document, None if it has none; UserError with the line for whatever is wrong with it."""
    if PRESET not in document:
        return None
    block = document[PRESET]
    if not isinstance(block.data, dict):
        raise UserError(f"{block.source}: {PRESET}: must be a mapping")
    for key, value in block.data.items():
        if key not in _KEYS:
            raise UserError(f"{value.source}: {PRESET}: unknown key {shown(key)}{nearest(key, _KEYS)}")
    for key in _NEEDED:
        if key not in block.data:
            raise UserError(f"{block.source}: {PRESET}: has no '{key}'; it takes {', '.join(_KEYS)}")
    said: dict[str, Any] = {key: _said(key, value) for key, value in block.data.items()}
    return PresetHead(**said)


def _said(key: str, value: Located) -> str | tuple[str, ...]:
    """A text; for some keys one or several."""
    if key not in _ONE_OR_MANY:
        return _text(key, value.data, value)
    texts = value.data if isinstance(value.data, list) else [value.data]
    found = tuple(_text(key, each, value) for each in texts)
    if key == "games":
        for each in found:
            try:
                resolve(each)
            except UserError as error:
                raise UserError(f"{value.source}: {PRESET}.{key}: {error}") from error
    return found


def _text(key: str, data: Any, value: Located) -> str:
    if not isinstance(data, str) or not data.strip():
        raise UserError(f"{value.source}: {PRESET}.{key}: must be a text, got {shown(value.plain())}")
    return " ".join(data.split())
