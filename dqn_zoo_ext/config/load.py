"""From files and command line to one checked configuration.

Layers, each over those before it:

1. the environment's family, ``hyperparams/families/<family>.yml``
2. the algorithm: the ``parts`` of its class; ``hyperparams/algorithms/<algo>.yml``, or the file that an outside plug-in
   brought: flat keys, then its section named after the family
3. the game, ``hyperparams/<family>/<game>.yml``; what it changes of its family's schedules is not for an algorithm
   whose class names another schedule
4. the game file's section named after the algorithm
5. the file given with ``-conf``, in our format, or a preset's: flat keys, then its section named after the algorithm;
   a preset that lies over another one comes after that one
6. in a campaign, the ``params`` of its file; of a preset, the block ``faithful`` if it is asked for
7. the command line, ``-params key:value``
8. in a campaign, what makes the variant: an entry of its file's ``variants``, or of an ``ablations:`` block

A ``-conf`` file in RL-Zoo's format replaces 1 to 5 with ``families/rl_zoo.yml`` (RL-Zoo's defaults) and the
block that RL-Zoo would use; of 2, only the parts, the section ``rl_zoo`` and the keys that no other algorithm has
remain. A ``-conf`` file that says ``complete: true``, as a run's config.yml does, replaces 1 to 4.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.ablations import Ablation
from dqn_zoo_ext.config.brought import atari_wrapper_of
from dqn_zoo_ext.config.layers import COMPLETE, SEARCH, Keys, collect, one_layer
from dqn_zoo_ext.config.merge import merge
from dqn_zoo_ext.config.overrides import as_layer
from dqn_zoo_ext.config.resolve import Merged, hyperparameters_of, settings_names, settings_of
from dqn_zoo_ext.config.schema import HYPERPARAMETERS, SCHEDULES, Hyperparameters
from dqn_zoo_ext.config.shipped_files import shown_as
from dqn_zoo_ext.config.yaml_source import Located, Source, read_mapping
from dqn_zoo_ext.envs.ids import EnvId


@dataclass(frozen=True)
class Configuration:
    """All that a run is made of.

    settings: the algorithm's own ``Settings``, or None. sources: where each value stands, by dotted key, as in `flat`.
    search: the algorithm's search block; game: facts on the game; both plain data. search_sources: where its entries
    stand. ablations: its variants by name.
    """

    algo: str
    env: EnvId
    hyperparameters: Hyperparameters
    settings: Any
    sources: Mapping[str, Source] = field(repr=False)
    search: Mapping[str, Any] = field(repr=False)
    search_sources: Mapping[str, Source] = field(repr=False)
    ablations: Mapping[str, Ablation] = field(repr=False)
    game: Mapping[str, Any] = field(repr=False)

    def as_plain_data(self) -> dict[str, Any]:
        """Plain data that, written as YAML and given back with ``-conf``, yields this configuration."""
        search = {SEARCH: dict(self.search)} if self.search else {}
        return {COMPLETE: True, **self._values(), **search}

    def flat(self) -> dict[str, Any]:
        """Every value by its dotted key."""
        return flatten(self._values())

    def _values(self) -> dict[str, Any]:
        own = {} if self.settings is None else _plain(asdict(self.settings))
        return {**self.hyperparameters.as_plain_data(), **own}


def load(
    algo: str,
    env: EnvId,
    *,
    conf_file: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    between: Mapping[str, Located] | None = None,
    variant: Mapping[str, Located] | None = None,
) -> Configuration:
    """The configuration of `algo` on `env`, merged as stated above.

    overrides: the command line, dotted keys; text is read as YAML, anything else is taken as it is.
    between: over the files and beneath the command line: the params of a campaign's file, the mistakes of a preset.
    variant: the params of a variant, over the command line, so that a part stays out whatever was typed.
    UserError, one line with file and line, for whatever is wrong in a file or in `overrides`.
    """
    shown = "" if conf_file is None else shown_as(conf_file)
    conf = read_mapping(conf_file, shown) if conf_file is not None else {}
    return load_from(algo, env, conf, shown, overrides=overrides, between=between, variant=variant)


def load_from(
    algo: str,
    env: EnvId,
    conf: Mapping[str, Located],
    shown: str,
    *,
    overrides: Mapping[str, object] | None = None,
    between: Mapping[str, Located] | None = None,
    variant: Mapping[str, Located] | None = None,
) -> Configuration:
    """`load`, with what stands in the ``-conf`` file, which messages call `shown`."""
    registry.algorithms.get(algo)
    keys = Keys(algo, HYPERPARAMETERS, settings_names(algo), atari_wrapper_of(algo))
    layers = collect(env, keys, conf, shown)
    on_top = [one_layer(as_layer(given), keys) for given in (between or {}, overrides or {}, variant or {})]
    merged = Merged(merge([*layers.hyperparameters, *on_top]))
    hyperparameters = hyperparameters_of(algo, merged, blame=layers.foundation, remark=layers.remark)
    configuration = Configuration(
        algo=algo,
        env=env,
        hyperparameters=hyperparameters,
        settings=settings_of(algo, merged),
        sources={},
        search={key: entry.plain() for key, entry in layers.search.items()},
        search_sources={key: entry.source for key, entry in layers.search.items()},
        ablations=layers.ablations,
        game=layers.game,
    )
    return replace(configuration, sources={key: _source_of(key, merged) for key in configuration.flat()})


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, its keys joined by dots. An empty mapping stays as a value."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            result |= flatten(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result


def first_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """The first key in which two of `flatten` differ; of an empty mapping, the keys that the other one has count."""
    for key in sorted({*one, *other}):
        pair = one.get(key, Ellipsis), other.get(key, Ellipsis)
        if pair[0] != pair[1] and {} not in pair:
            return key
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _source_of(key: str, merged: Merged) -> Source:
    return merged.source(f"{key}.value") if key in SCHEDULES else merged.source(key)
