"""The block ``preset`` at the head of a preset's file."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from dqn_zoo_ext.config.yaml_source import Located
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import shown

PRESET = "preset"


@dataclass(frozen=True)
class PresetHead:
    """algo, env: what the preset trains, and on what. source: where its values come from. cost: what a run of it takes.

    They say nothing about a configuration: where the file is given with ``-conf`` they are only checked.
    """

    algo: str
    env: str
    source: str
    cost: str


_KEYS = tuple(field.name for field in fields(PresetHead))


def head_of(document: Mapping[str, Located]) -> PresetHead | None:
    """The head of a document, None if it has none; UserError with the line unless it has each key, with a text."""
    if PRESET not in document:
        return None
    block = document[PRESET]
    if not isinstance(block.data, dict):
        raise UserError(f"{block.source}: {PRESET}: must be a mapping")
    for key, value in block.data.items():
        if key not in _KEYS:
            raise UserError(f"{value.source}: {PRESET}: unknown key {shown(key)}{nearest(key, _KEYS)}")
        if not isinstance(value.data, str) or not value.data.strip():
            raise UserError(f"{value.source}: {PRESET}.{key}: must be a text, got {shown(value.plain())}")
    for key in _KEYS:
        if key not in block.data:
            raise UserError(f"{block.source}: {PRESET}: has no '{key}'; it takes {', '.join(_KEYS)}")
    return PresetHead(**{key: value.data for key, value in block.data.items()})
