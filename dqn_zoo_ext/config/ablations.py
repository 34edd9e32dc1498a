"""An algorithm's ``ablations:`` block: what it is without each of its parts.

An entry names a variant and says what is otherwise in it, as hyperparameters with dots::

    no_double: {params: {next_action: target}}
    no_distribution: {algo: double_dqn, params: {policy_kwargs.head: dueling}}

With ``algo`` the layers of that other algorithm lie beneath the params. A key that is a family's name holds params for
its environments alone, over the others; an entry with nothing else is a variant in those families only. ``inherit:
rainbow`` begins with the entries of another algorithm's block.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.yaml_source import Located
from dqn_zoo_ext.envs.ids import FAMILIES
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import shown

ABLATIONS, INHERIT = "ablations", "inherit"
WHOLE = "whole"
"""What the algorithm itself is called among its variants."""

_ALGO, _PARAMS = "algo", "params"
_KEYS = (_ALGO, _PARAMS, *FAMILIES)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")  # a file will be called so

Document = Mapping[str, Located]


@dataclass(frozen=True)
class Ablation:
    """One variant. algo: the algorithm that it is made of. params: by dotted key, with the line each stands in."""

    algo: str
    params: Mapping[str, Located]

    def changed(self, whole: str) -> dict[str, Any]:
        """What is otherwise than in the algorithm `whole`, as plain data."""
        algo = {} if self.algo == whole else {_ALGO: self.algo}
        return {**algo, **{key: value.plain() for key, value in self.params.items()}}


def ablations_of(
    algo: str, family: str, document: Document, read: Callable[[str], Document], children: Collection[str] = ()
) -> dict[str, Ablation]:
    """The variants in an algorithm's file, over those of the algorithm that its block inherits from.

    read: an algorithm's file by its name. children: those that inherit from this one. UserError with file and line for
    an entry that is none.
    """
    entries = _block(document)
    if INHERIT not in entries:
        return _entries(algo, family, entries)
    line, parent = entries[INHERIT].source, entries.pop(INHERIT).plain()
    if parent == algo or parent in children:
        raise UserError(f"{line}: the {ABLATIONS} block of '{algo}' inherits from itself")
    _demand_algorithm(parent, f"{line}: {ABLATIONS}.{INHERIT}")
    inherited = ablations_of(parent, family, read(parent), read, (*children, algo))
    # the parent's variants are of this algorithm now, but for those that are made of yet another one
    ours = {name: Ablation(algo if each.algo == parent else each.algo, each.params) for name, each in inherited.items()}
    return {**ours, **_entries(algo, family, entries)}


def ablations_of_conf(algo: str, family: str, document: Document) -> dict[str, Ablation]:
    """The variants in a ``-conf`` file, which lie over those of the algorithm's file."""
    entries = _block(document)
    if INHERIT in entries:
        raise UserError(
            f"{entries[INHERIT].source}: {ABLATIONS}.{INHERIT} is for an algorithm's own file; the block of a -conf "
            "file lies over that one without it"
        )
    return _entries(algo, family, entries)


def _block(document: Document) -> dict[str, Located]:
    if ABLATIONS not in document:
        return {}
    block = document[ABLATIONS]
    if not isinstance(block.data, dict):
        raise UserError(f"{block.source}: {ABLATIONS}: must be a mapping")
    return dict(block.data)


def _entries(algo: str, family: str, entries: Document) -> dict[str, Ablation]:
    found = {name: _entry(algo, family, name, entry) for name, entry in entries.items()}
    return {name: ablation for name, ablation in found.items() if ablation is not None}


def _entry(algo: str, family: str, name: str, entry: Located) -> Ablation | None:
    """The variant of this name; None where it is one for other families."""
    blame = f"{entry.source}: {ABLATIONS}.{name}"
    if not _NAME.fullmatch(name) or name == WHOLE:
        reason = "is the algorithm itself" if name == WHOLE else "must be of letters, digits, '_', '-' and '.'"
        raise UserError(f"{entry.source}: {ABLATIONS}: the name of a variant, {shown(name)}, {reason}")
    if not isinstance(entry.data, dict):
        raise UserError(f"{blame}: must be a mapping, e.g. {{params: {{n_steps: 1}}}}")
    for key, value in entry.data.items():
        if key not in _KEYS:
            raise UserError(f"{value.source}: {ABLATIONS}.{name}: unknown key {shown(key)}{nearest(key, _KEYS)}")
    params = {key: _params(entry, name, key) for key in (_PARAMS, *FAMILIES)}
    other = entry.data[_ALGO].plain() if _ALGO in entry.data else algo
    if _ALGO in entry.data:
        _demand_algorithm(other, f"{entry.data[_ALGO].source}: {ABLATIONS}.{name}.{_ALGO}")
    if not any(params.values()) and _ALGO not in entry.data:
        raise UserError(f"{blame}: changes nothing; say what with {_PARAMS} or {_ALGO}")
    if not {_ALGO, _PARAMS, family} & entry.data.keys():
        return None
    return Ablation(other, {**params[_PARAMS], **params[family]})


def _params(entry: Located, name: str, key: str) -> Document:
    if key not in entry.data:
        return {}
    params = entry.data[key]
    if not isinstance(params.data, dict):
        raise UserError(f"{params.source}: {ABLATIONS}.{name}.{key}: must be a mapping of hyperparameters")
    found: Document = params.data
    return found


def _demand_algorithm(name: object, blame: str) -> None:
    if not isinstance(name, str) or name not in registry.algorithms:
        near = nearest(str(name), registry.algorithms.names())
        raise UserError(f"{blame}: unknown algorithm {shown(name)}{near}")
