"""Presets: whole trainings by name. A file in ``hyperparams/presets`` says which algorithm, which game, which values.

A preset is a ``-conf`` file with a block ``preset`` at its head:

algo, env: what it trains, and on what.
source: where its values come from.
cost: what a run of it takes.
"""

from dataclasses import dataclass, fields
from pathlib import Path

from dqn_zoo_ext.config.layers import PRESET, shipped
from dqn_zoo_ext.config.yaml_source import read_mapping
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import one_line


@dataclass(frozen=True)
class PresetHead:
    """The block at the head of the file."""

    algo: str
    env: str
    source: str
    cost: str


@dataclass(frozen=True)
class Preset:
    """name: as one types it. path: its file, to be laid over the others as with ``-conf``."""

    name: str
    path: Path
    head: PresetHead


def preset_files() -> dict[str, Path]:
    """The shipped files by the names that one types: the file's, with hyphens."""
    folder, _ = shipped("presets")
    return {path.stem.replace("_", "-"): path for path in sorted(folder.glob("*.yml"))}


def find_preset(name: str) -> Preset:
    """The preset called `name`, with hyphens or underscores; UserError with the nearest name if there is none."""
    files = preset_files()
    found = name.replace("_", "-")
    if found not in files:
        raise UserError(f"--preset: there is none called '{one_line(name)}'{nearest(found, files)}")
    return Preset(found, files[found], _read_head(files[found]))


def _read_head(path: Path) -> PresetHead:
    shown = f"hyperparams/presets/{path.name}"
    document = read_mapping(path, shown)
    if PRESET not in document:
        raise UserError(f"{shown}: no preset, as it has no block '{PRESET}' at its head")
    block = document[PRESET]
    names = [field.name for field in fields(PresetHead)]
    given = block.data if isinstance(block.data, dict) else {}
    if set(given) != set(names) or not all(isinstance(each.data, str) for each in given.values()):
        raise UserError(f"{block.source}: {PRESET}: must have the keys {', '.join(names)}, each with a text")
    return PresetHead(**{key: value.data for key, value in given.items()})
