"""Presets: whole trainings by name. A file in ``hyperparams/presets`` says which algorithm, which game, which values.

It is a ``-conf`` file with a `PresetHead`.
"""

from dataclasses import dataclass
from pathlib import Path

from dqn_zoo_ext.config.layers import shipped
from dqn_zoo_ext.config.preset_head import PRESET, PresetHead, head_of
from dqn_zoo_ext.config.yaml_source import read_mapping
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import one_line


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
    shown = f"hyperparams/presets/{files[found].name}"
    head = head_of(read_mapping(files[found], shown))
    if head is None:
        raise UserError(f"{shown}: no preset, as it has no block '{PRESET}' at its head")
    return Preset(found, files[found], head)
