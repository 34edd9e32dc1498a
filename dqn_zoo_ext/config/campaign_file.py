"""The file of a campaign: what is to be compared, as data.

::

    name: double-or-not            # of the campaign's folder; the file's own name if it is left out
    algos: [dqn, double_dqn]       # or, for an ablation, `ablate: rainbow`; or `presets: [nips-2013, nature-2015]`
    envs: [CartPole-v1, Acrobot-v1]   # presets bring their own if it is left out
    seeds: [1, 2, 3]               # the default
    conf: other.yml                # as in `train -conf`, from this file's folder
    params: {n_timesteps: 2000}    # hyperparameters of all
    variants:                      # each algorithm once with each of these
      plain: {}
      small_lr: {learning_rate: 1.0e-4}
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.presets import find_preset
from dqn_zoo_ext.config.yaml_source import Located, Source, read_mapping
from dqn_zoo_ext.envs.ids import EnvId, resolve
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import shown

SEEDS = (1, 2, 3)
"""Of each variant, where nothing else is said."""

_NAME, _ALGOS, _ABLATE, _ENVS = "name", "algos", "ablate", "envs"
_PRESETS, _SEEDS, _CONF, _PARAMS, _VARIANTS = "presets", "seeds", "conf", "params", "variants"
_KEYS = (_NAME, _ALGOS, _ABLATE, _PRESETS, _ENVS, _SEEDS, _CONF, _PARAMS, _VARIANTS)
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")

Params = Mapping[str, Located]
T = TypeVar("T")


@dataclass(frozen=True)
class CampaignFile:
    """What a campaign's file says. algos: those to be compared; or `ablate`, the one that is ablated; or `presets`.

    variants: the params of each, by its name; empty if there is no such block.
    """

    name: str
    envs: Sequence[EnvId]
    algos: Sequence[str] = ()
    ablate: str | None = None
    presets: Sequence[str] = ()
    seeds: Sequence[int] = SEEDS
    conf: Path | None = None
    params: Params = field(default_factory=dict)
    variants: Mapping[str, Params] = field(default_factory=dict)


def read_campaign_file(path: Path) -> CampaignFile:
    """Read it; UserError with file and line for whatever is wrong, but for hyperparameters: those `load` checks."""
    shown_path = str(path)
    document = read_mapping(path, shown_path)
    for key, value in document.items():
        if key not in _KEYS:
            raise UserError(f"{value.source}: unknown key {shown(key)} of a campaign{nearest(key, _KEYS)}")
    if sum(key in document for key in (_ALGOS, _ABLATE, _PRESETS)) != 1:
        raise UserError(f"{shown_path}: must say what to compare: either {_ALGOS}, {_ABLATE} or {_PRESETS}")
    if _ENVS not in document and _PRESETS not in document:
        raise UserError(f"{shown_path}: must say on what: {_ENVS}, e.g. [CartPole-v1, Pong]")
    if _ABLATE in document and _VARIANTS in document:
        at = document[_VARIANTS].source
        raise UserError(f"{at}: {_VARIANTS}: not beside {_ABLATE}, whose variants stand in the algorithm's YAML file")
    for key in (_CONF, _VARIANTS):
        if _PRESETS in document and key in document:
            raise UserError(f"{document[key].source}: {key}: not beside {_PRESETS}, each of which is a file of its own")
    return CampaignFile(
        name=_name(document, path),
        envs=_envs(document[_ENVS]) if _ENVS in document else (),
        algos=_each(document[_ALGOS], _ALGOS, _algorithm) if _ALGOS in document else (),
        ablate=_algorithm(document[_ABLATE].data, _blame(document, _ABLATE)) if _ABLATE in document else None,
        presets=_each(document[_PRESETS], _PRESETS, _preset) if _PRESETS in document else (),
        seeds=_each(document[_SEEDS], _SEEDS, _seed) if _SEEDS in document else SEEDS,
        conf=path.parent / _text(document[_CONF].data, _blame(document, _CONF)) if _CONF in document else None,
        params=_mapping(document[_PARAMS], _PARAMS) if _PARAMS in document else {},
        variants=_variants(document[_VARIANTS]) if _VARIANTS in document else {},
    )


def distinct_envs(names: Sequence[str], blame: str) -> list[EnvId]:
    """The environments that `names` mean. UserError behind `blame` for an unknown one, or one that is named twice."""
    found: dict[str, EnvId] = {}
    for name in names:
        try:
            env = resolve(name)
        except UserError as error:
            raise UserError(f"{blame}: {error}") from error
        if env.gym_id in found:
            other = found[env.gym_id].requested
            raise UserError(f"{blame}: {name} is given twice" + (f", first as {other}" if other != name else ""))
        found[env.gym_id] = env
    return list(found.values())


def _blame(document: Mapping[str, Located], key: str) -> str:
    return f"{document[key].source}: {key}"


def _name(document: Mapping[str, Located], path: Path) -> str:
    given, at = (document[_NAME].data, document[_NAME].source) if _NAME in document else (path.stem, Source(str(path)))
    if not isinstance(given, str) or not _FILE_NAME.fullmatch(given):
        rule = "a folder is called so: it must be of letters, digits, '_', '-' and '.'"
        raise UserError(f"{at}: {_NAME}: {rule}, not {shown(given)}")
    return given


def _each(entry: Located, key: str, check: Callable[[Any, str], T]) -> list[T]:
    """A list of distinct things, each as `check` has it."""
    blame = f"{entry.source}: {key}"
    if not isinstance(entry.data, list) or not entry.data:
        raise UserError(f"{blame}: must be a list of at least one, not {shown(entry.plain())}")
    found = [check(each, blame) for each in entry.data]
    for index, each in enumerate(found):
        if each in found[:index]:
            raise UserError(f"{blame}: {each} is given twice")
    return found


def _text(value: object, blame: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{blame}: must be a name, not {shown(value)}")
    return value


def _algorithm(value: object, blame: str) -> str:
    if not isinstance(value, str) or value not in registry.algorithms:
        near = nearest(str(value), registry.algorithms.names())
        raise UserError(f"{blame}: unknown algorithm {shown(value)}{near}")
    return value


def _preset(value: object, blame: str) -> str:
    return find_preset(_text(value, blame), blame).name


def _envs(entry: Located) -> list[EnvId]:
    return distinct_envs(_each(entry, _ENVS, _text), f"{entry.source}: {_ENVS}")


def _seed(value: object, blame: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise UserError(f"{blame}: must be whole numbers from 0 to 2**31 - 1, not {shown(value)}")
    return value


def _mapping(entry: Located, key: str) -> Params:
    if not isinstance(entry.data, dict):
        raise UserError(f"{entry.source}: {key}: must be a mapping of hyperparameters, e.g. {{learning_rate: 1.0e-4}}")
    return entry.data


def _variants(block: Located) -> dict[str, Params]:
    found: dict[str, Params] = {}
    for name, entry in _mapping(block, _VARIANTS).items():
        if not _FILE_NAME.fullmatch(name):
            rule = "must be of letters, digits, '_', '-' and '.'"
            raise UserError(f"{entry.source}: {_VARIANTS}: the name of a variant, {shown(name)}, {rule}")
        params = _mapping(entry, f"{_VARIANTS}.{name}")
        for other, theirs in found.items():
            if entry.plain() == Located(theirs, entry.source).plain():
                what = f"changes what '{other}' changes" if params else f"changes nothing, and so does '{other}'"
                raise UserError(f"{entry.source}: {_VARIANTS}.{name}: {what}")
        found[name] = params
    if not found:
        raise UserError(f"{block.source}: {_VARIANTS}: must name at least one, e.g. {{plain: {{}}}}")
    return found
