"""Presets: whole trainings by name. A file in ``hyperparams/presets`` says which algorithm, which game, which values.

It is a ``-conf`` file with a `PresetHead`. It may lie over another preset (``beneath``), and have a block ``faithful``
with the mistakes of its document, which is laid over it for those who want to see them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dqn_zoo_ext.config.merge import merge
from dqn_zoo_ext.config.preset_head import FAITHFUL, PRESET, PresetHead, head_of
from dqn_zoo_ext.config.shipped_files import PRESETS, preset_files, shipped
from dqn_zoo_ext.config.yaml_source import Located, read_mapping
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import one_line


@dataclass(frozen=True)
class Preset:
    """name: as one types it. path: its file, to be laid over the others as with ``-conf``.

    faithful: the hyperparameters that put the document's mistakes back, its own over those of the preset beneath.
    """

    name: str
    path: Path
    head: PresetHead
    faithful: Mapping[str, Located] = field(default_factory=dict)


def find_preset(name: str, blame: str = "--preset") -> Preset:
    """The preset called `name`, with hyphens or underscores; UserError with the nearest name if there is none.

    blame: what an error says that the name stands in.
    """
    path, head, document = _read(name, blame)
    blocks = [each[FAITHFUL] for each in (*documents_beneath(head), document) if FAITHFUL in each]
    for block in blocks:
        if not isinstance(block.data, dict):
            raise UserError(f"{block.source}: {FAITHFUL}: must be a mapping of hyperparameters")
    return Preset(path.stem.replace("_", "-"), path, head, merge([block.data for block in blocks]))


def documents_beneath(head: PresetHead | None) -> list[dict[str, Located]]:
    """What the files say of the presets over which one lies, lowest first. UserError if there is no end to them."""
    found: list[dict[str, Located]] = []
    passed: list[str] = []
    while head is not None and head.beneath is not None:
        if head.beneath in passed:
            raise UserError(f"{PRESET}.beneath: '{head.beneath}' lies beneath itself")
        passed.append(head.beneath)
        _, head, document = _read(head.beneath, f"{PRESET}.beneath")
        found.insert(0, document)
    return found


def _read(name: str, blame: str) -> tuple[Path, PresetHead, dict[str, Located]]:
    files = preset_files()
    found = name.replace("_", "-")
    if found not in files:
        raise UserError(f"{blame}: there is none called '{one_line(name)}'{nearest(found, files)}")
    document = read_mapping(files[found], shipped(f"{PRESETS}/{files[found].name}")[1])
    head = head_of(document)
    if head is None:
        shown = shipped(f"{PRESETS}/{files[found].name}")[1]
        raise UserError(f"{shown}: no preset, as it has no block '{PRESET}' at its head")
    return files[found], head, document
