"""The YAML files that ship with the package: where they lie, and how messages show them."""

import importlib.resources
from pathlib import Path

from dqn_zoo_ext.config.yaml_source import Located, read_mapping

_FOLDER = "hyperparams"
PRESETS = "presets"
"""The folder of those that say a whole training each."""


def shipped(name: str) -> tuple[Path, str]:
    """A file of the package's hyperparams folder, e.g. ``atari/pong.yml``, and how messages show it.

    They show ``hyperparams/atari/pong.yml``; or all of the path, where the folder that one is in has other hyperparams,
    as a checkout beside an installed package.
    """
    folder, here = Path(str(importlib.resources.files("dqn_zoo_ext"))) / _FOLDER, Path(_FOLDER)
    theirs = here.is_dir() and not here.samefile(folder)
    return folder / name, f"{folder if theirs else _FOLDER}/{name}"


def shown_as(path: Path) -> str:
    """How messages show a file: one of the shipped ones as ``shipped`` has it, any other by its path."""
    folder, _ = shipped("")
    return shipped(path.relative_to(folder).as_posix())[1] if path.is_relative_to(folder) else str(path)


def read_shipped(name: str, optional: bool = False) -> dict[str, Located]:
    """What such a file says; nothing if it is `optional` and not there."""
    path, shown = shipped(name)
    return {} if optional and not path.exists() else read_mapping(path, shown)


def preset_files() -> dict[str, Path]:
    """The files of presets by the names that one types: the file's, with hyphens."""
    folder, _ = shipped(PRESETS)
    return {path.stem.replace("_", "-"): path for path in sorted(folder.glob("*.yml"))}
