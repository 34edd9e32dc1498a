"""Which YAML files a configuration is made of, in which order, and which parts of them count."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.ablations import ABLATIONS, INHERIT, Ablation, ablations_of, ablations_of_conf
from dqn_zoo_ext.config.brought import settings_class
from dqn_zoo_ext.config.merge import EITHER_OR, Layer
from dqn_zoo_ext.config.preset_head import FAITHFUL, PRESET, head_of
from dqn_zoo_ext.config.presets import documents_beneath
from dqn_zoo_ext.config.rl_zoo_format import SPELLINGS, choose_block, is_rl_zoo, translate, what_was_read
from dqn_zoo_ext.config.schema import SCHEDULES
from dqn_zoo_ext.config.shipped_files import read_shipped, shipped
from dqn_zoo_ext.config.yaml_source import Located, Source, located, read_mapping
from dqn_zoo_ext.envs.ids import ATARI, FAMILIES, EnvId
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import shown, signature_of
from dqn_zoo_ext.learning.parts import parts_of

COMPLETE = "complete"
"""``complete: true`` at the top of a file: it says everything, and nothing of ours lies beneath it."""
SEARCH, GAME = "search", "game"
RL_ZOO = "rl_zoo"
"""In an algorithm's file: the section with what a file of RL-Zoo's leaves unsaid, over ``families/rl_zoo.yml``."""
RL_ZOO_FAMILY = "families/rl_zoo.yml"
NOT_HYPERPARAMETERS = (SEARCH, ABLATIONS, GAME, COMPLETE, PRESET, FAITHFUL)
REPLAY = "replay_buffer_class"

_ALIKE = 0.7
"""How near a key must be to be asked for: 'next_action' has 0.65 of 'exploration_fraction'."""
_SECTIONS = (*FAMILIES, RL_ZOO)
"""What an algorithm's file may have sections for: its numbers for the environments of one family."""


@dataclass(frozen=True)
class Keys:
    """The keys that a configuration of one algorithm may have; `own` are those of the algorithm's ``Settings``.

    atari_wrapper: see ``brought``.
    """

    algo: str
    common: tuple[str, ...]
    own: tuple[str, ...]
    atari_wrapper: tuple[str, str] = ("atari", "frame_ring")

    @property
    def all(self) -> tuple[str, ...]:
        """Every name that stands for a value."""
        return (*self.common, *self.own)


@dataclass(frozen=True)
class Layers:
    """What the files say: layers of hyperparameters, lowest first, and the blocks that are none.

    foundation: the file that is to blame, as messages show it, for a value that no layer has. remark: what else is to
    be said then; '' for nothing.
    """

    hyperparameters: tuple[Layer, ...]
    foundation: str
    search: Mapping[str, Located]
    ablations: Mapping[str, Ablation]
    game: Mapping[str, Any]
    remark: str = ""


def collect(env: EnvId, keys: Keys, conf: Mapping[str, Located], foundation: str) -> Layers:
    """The layers beneath the command line, in the order that `load` states. foundation: how messages show `conf`."""
    algorithm = _read_algorithm(keys.algo)
    game_file = f"{env.family}/{env.config_name}.yml"
    game = read_shipped(game_file, optional=True)
    facts = _block(game, GAME)
    beneath = documents_beneath(head_of(conf))
    _check_faithful(conf, keys)
    search = _search(keys.algo, algorithm, ())
    own = ablations_of(keys.algo, env.family, algorithm, _read_algorithm)
    ablations = {**own, **ablations_of_conf(keys.algo, env.family, conf)}
    remark = ""
    if is_rl_zoo(conf, (*keys.all, *SPELLINGS, *NOT_HYPERPARAMETERS, *registry.algorithms.names())):
        layers = _rl_zoo_layers(env, keys, conf, algorithm, foundation)
        remark = what_was_read(conf, (env.gym_id, env.requested), foundation)
    elif _is_complete(conf):
        layers = [one_layer(_without(conf, NOT_HYPERPARAMETERS), keys)]
        search = {}
    else:
        family_file = f"families/{env.family}.yml"
        foundation = shipped(family_file)[1]
        family = one_layer(read_shipped(family_file), keys)
        parts = _parts_layer(keys)
        flat, *section = _with_section(game, [GAME], keys)
        layers = [
            *(family, parts, *_of_algorithm(algorithm, env.family, keys)),
            *(_without_edits_of_schedules(flat, parts), *section),
            *(layer for each in (*beneath, conf) for layer in _with_section(each, NOT_HYPERPARAMETERS, keys)),
        ]
    if SEARCH in conf:
        search = _search_over(search, _search_of_conf(conf))
    if GAME in conf and _block(conf, GAME) != facts:
        raise UserError(
            f"{conf[GAME].source}: game: not what {shipped(game_file)[1]} says; facts on a game are no settings, so "
            "leave this block out"
        )
    return Layers(tuple(layers), foundation, search, ablations, facts, remark)


def algorithms_with_ablations() -> list[str]:
    """The names of those whose files have the block."""
    return [name for name in registry.algorithms.names() if ABLATIONS in _read_algorithm(name)]


def _meant(key: str, known: Collection[str]) -> str:
    """The tail of an error line: whose key it is, the nearest one, or where one belongs that a preprocessing takes."""
    owners = [name for name in registry.algorithms.names() if key in _own_keys(name)]
    if owners:
        return f"; {', '.join(owners)} {'have' if len(owners) > 1 else 'has'} it"
    preprocessings = map(registry.preprocessings.get, registry.preprocessings.names())
    inner = {name for each in preprocessings for name in signature_of(each).parameters} - {*known}
    found = nearest(key, {*known, *inner}, _ALIKE)
    for name in inner:
        found = found.replace(f"'{name}'", f"'preprocessing_kwargs.{name}'")
    return found


def _own_keys(algo: str) -> tuple[str, ...]:
    settings = settings_class(algo)
    return () if settings is None else tuple(each.name for each in fields(settings))


def one_layer(document: Mapping[str, Located], keys: Keys) -> dict[str, Located]:
    """The hyperparameters at the top level of a document, in one spelling.

    UserError for a key that is neither one of `keys` nor a spelling of RL-Zoo's, or a schedule of two lengths.
    """
    known = (*keys.all, *SPELLINGS)
    for key, value in document.items():
        if key not in known:
            raise UserError(f"{value.source}: unknown key {shown(key)} for algorithm '{keys.algo}'{_meant(key, known)}")
    layer = translate(document, keys.own, keys.atari_wrapper)
    for key in SCHEDULES:
        given = layer[key].data if key in layer else {}
        if all(name in given for name in EITHER_OR):
            first, second = EITHER_OR
            raise UserError(
                f"{given[second].source}: both {key}.{first} and {key}.{second} are given; a schedule has one length"
            )
    return layer


def _without(document: Mapping[str, Located], others: Collection[str]) -> dict[str, Located]:
    return {key: value for key, value in document.items() if key not in others}


def _without_edits_of_schedules(game: Layer, parts: Layer) -> dict[str, Located]:
    """A game's ``exploration: {end: 0.04}`` edits its family's schedule; it is not for a class that names another."""
    edits = [key for key in SCHEDULES if key in game and key in parts and "schedule" not in game[key].data]
    return {key: value for key, value in game.items() if key not in edits}


def _with_section(document: Mapping[str, Located], blocks: Collection[str], keys: Keys) -> list[dict[str, Located]]:
    """The flat keys, and the section of the algorithm; those of other algorithms are for them to check."""
    sections = _without(document, set(document) - set(registry.algorithms.names()))
    flat = one_layer(_without(document, {*blocks, *sections}), keys)
    for name, section in sections.items():
        if not isinstance(section.data, dict):
            raise UserError(f"{section.source}: {name}: the section of an algorithm must be a mapping")
    return [flat, one_layer(sections[keys.algo].data, keys)] if keys.algo in sections else [flat]


def _of_algorithm(document: Mapping[str, Located], section: str, keys: Keys) -> list[dict[str, Located]]:
    """The flat keys of an algorithm's file, and its section for the family, or for files of RL-Zoo's."""
    flat = one_layer(_without(document, [SEARCH, ABLATIONS, *_SECTIONS]), keys)
    for name in _SECTIONS:
        if name in document and not isinstance(document[name].data, dict):
            raise UserError(f"{document[name].source}: {name}: the section of a family must be a mapping")
    return [flat, one_layer(document[section].data, keys)] if section in document else [flat]


def _rl_zoo_layers(
    env: EnvId, keys: Keys, conf: Mapping[str, Located], algorithm: Mapping[str, Located], shown: str
) -> list[dict[str, Located]]:
    document = read_shipped(RL_ZOO_FAMILY)
    on_atari = document.pop(ATARI, None)  # the block that counts for Atari alone
    bases = [document]
    if on_atari is not None and not isinstance(on_atari.data, dict):
        raise UserError(f"{on_atari.source}: {ATARI}: must be a mapping")
    if on_atari is not None and env.family == ATARI:
        bases.append(on_atari.data)
    # RL-Zoo cannot know what makes an algorithm of ours, nor the keys that only it has: those are the algorithm's own
    flat, *section = _of_algorithm(algorithm, RL_ZOO, keys)
    parts, own = _parts_layer(keys), {key: value for key, value in flat.items() if key in keys.own}
    given = choose_block(conf, (env.gym_id, env.requested), env.family == ATARI, shown)
    block = one_layer(given, keys)
    if REPLAY in parts and REPLAY not in given:
        block.pop(REPLAY, None)  # the one that `translate` takes with an AtariWrapper
    return [*(one_layer(base, keys) for base in bases), parts, own, *section, block]


def _check_faithful(conf: Mapping[str, Located], keys: Keys) -> None:
    """The block means nothing unless it is asked for, but a mistake in it is seen at once."""
    _block(conf, FAITHFUL)  # which is a mapping
    if FAITHFUL in conf:
        one_layer(conf[FAITHFUL].data, keys)


def _parts_layer(keys: Keys) -> dict[str, Located]:
    """What makes the algorithm, as its class says it."""
    source = Source(f"algorithm '{keys.algo}'")
    parts = parts_of(registry.algorithms.get(keys.algo))
    return one_layer({key: located(value, source) for key, value in parts.items()}, keys)


def _is_complete(conf: Mapping[str, Located]) -> bool:
    if COMPLETE not in conf:
        return False
    if not isinstance(conf[COMPLETE].data, bool):
        raise UserError(f"{conf[COMPLETE].source}: {COMPLETE}: must be true or false")
    return bool(conf[COMPLETE].data)


def _read_algorithm(algo: str) -> dict[str, Located]:
    brought = registry.algorithm_defaults(algo)
    if brought is not None:
        return read_mapping(brought, str(brought))
    return read_shipped(f"algorithms/{algo}.yml", optional=True)


def _search(algo: str, document: Mapping[str, Located], children: Collection[str]) -> dict[str, Located]:
    """The search block, on top of the one of the algorithm that it names with ``inherit``."""
    block = _entries(document)
    if INHERIT not in block:
        return _search_over({}, block)
    parent, line = block[INHERIT].plain(), block[INHERIT].source
    del block[INHERIT]
    if parent == algo or parent in children:
        raise UserError(f"{line}: the search block of '{algo}' inherits from itself")
    if not isinstance(parent, str) or parent not in registry.algorithms:
        near = nearest(str(parent), registry.algorithms.names())
        raise UserError(f"{line}: unknown algorithm {shown(parent)}{near}")
    return _search_over(_search(parent, _read_algorithm(parent), (*children, algo)), block)


def _search_over(inherited: Mapping[str, Located], block: Mapping[str, Located]) -> dict[str, Located]:
    """One search block over another: an entry replaces the one of its name, and null takes that one away."""
    for key, entry in block.items():
        if entry.data is None and key not in inherited:
            raise UserError(
                f"{entry.source}: search.{key}: null takes an inherited entry away, and none of "
                f"this name is inherited{nearest(key, inherited) if inherited else ''}"
            )
    return {key: entry for key, entry in {**inherited, **block}.items() if entry.data is not None}


def _search_of_conf(conf: Mapping[str, Located]) -> dict[str, Located]:
    block = _entries(conf)
    if INHERIT in block:
        raise UserError(
            f"{block[INHERIT].source}: search.{INHERIT} is for an algorithm's own file; the block of a "
            "-conf file lies over that one without it"
        )
    return block


def _entries(document: Mapping[str, Located]) -> dict[str, Located]:
    _block(document, SEARCH)  # which is a mapping
    return dict(document[SEARCH].data) if SEARCH in document else {}


def _block(document: Mapping[str, Located], name: str) -> dict[str, Any]:
    if name not in document:
        return {}
    if not isinstance(document[name].data, dict):
        raise UserError(f"{document[name].source}: {name}: must be a mapping")
    block: dict[str, Any] = document[name].plain()
    return block
