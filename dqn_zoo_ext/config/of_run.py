"""The configuration of a run that somebody made, read from its folder: one of ours, or one of RL-Zoo's.

RL-Zoo dumps Python objects into config.yml and args.yml and reads them by a loader that makes any object and calls any
function. Here its ordered dictionaries and tuples are read as mappings and lists, and any other tag is refused.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.layers import COMPLETE
from dqn_zoo_ext.config.load import Configuration, load, load_from
from dqn_zoo_ext.config.schema import Hyperparameters
from dqn_zoo_ext.config.yaml_source import Located, Reading, Source, read_mapping
from dqn_zoo_ext.envs.ids import EnvId
from dqn_zoo_ext.errors import UserError

STOCK = {"dqn": "sb3_dqn", "qrdqn": "sb3_qrdqn"}
"""RL-Zoo's names of Stable-Baselines3's own algorithms, and ours for the same classes."""

_PYTHON = "tag:yaml.org,2002:python/"
_ORDERED = f"{_PYTHON}object/apply:collections.OrderedDict"
_TUPLE = f"{_PYTHON}tuple"


def load_of_run(algo: str, env: EnvId, config: Path, args: Path | None = None) -> Configuration:
    """The configuration in a run's config.yml; its `algo` is then the name of the class that the agent is of.

    A file of ours says ``complete: true``. Any other is RL-Zoo's: what it leaves unsaid has Stable-Baselines3's
    default, the class is Stable-Baselines3's own, and ``env_kwargs`` count that its args.yml has, but for the
    ``render_mode`` that RL-Zoo's push adds to film the agent. UserError for what is wrong.
    """
    document = read_run_file(config)
    if COMPLETE in document:
        return _load_ours(algo, env, config, document)
    if algo not in STOCK:
        raise UserError(
            f"{config}: written by RL-Zoo, of whose algorithms {' and '.join(STOCK)} can be read here, not '{algo}'"
        )
    if args is not None and args.is_file():
        given = read_run_file(args).get("env_kwargs")
        if given is not None and given.data and "env_kwargs" not in document:
            document["env_kwargs"] = given
    if "env_kwargs" in document:
        document["env_kwargs"] = _without_pictures(document["env_kwargs"])
    registry.algorithms.get(STOCK[algo])
    # as a file that RL-Zoo trains from: it has a block for each environment
    block = {env.gym_id: Located(document, Source(str(config)))}
    return load_from(STOCK[algo], env, block, str(config))


def _load_ours(algo: str, env: EnvId, config: Path, document: Mapping[str, Located]) -> Configuration:
    try:
        return load(algo, env, conf_file=config)
    except UserError as error:
        required = [each.name for each in fields(Hyperparameters) if _has_no_default(each)]
        missing = next((name for name in required if name not in document), None)
        if missing is None:
            raise
        raise UserError(
            f"{config} is cut short or damaged: a run writes every value into it, and there is none for '{missing}'"
        ) from error


def _has_no_default(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def read_run_file(path: Path) -> dict[str, Located]:
    """config.yml, args.yml or env_kwargs.yml of a run as plain data, whoever wrote it; UserError otherwise."""
    return read_mapping(path, str(path), _ReadingDumps)


def plain_run_file(path: Path) -> dict[str, Any]:
    """`read_run_file`, without the sources."""
    return plain(read_run_file(path))


def plain(document: Mapping[str, Located]) -> dict[str, Any]:
    """A document's values without their sources."""
    return {key: value.plain() for key, value in document.items()}


def _without_pictures(env_kwargs: Located) -> Located:
    if not isinstance(env_kwargs.data, Mapping):
        return env_kwargs
    kept = {name: value for name, value in env_kwargs.data.items() if name != "render_mode"}
    return replace(env_kwargs, data=kept)


class _ReadingDumps(Reading):
    """Reads what PyYAML dumps for ordered dictionaries and tuples as the mappings and lists that they are."""

    def _data(self, node: yaml.Node, at: Source) -> Any:
        if isinstance(node, yaml.SequenceNode):
            if node.tag == _TUPLE:
                return [self._value(item, self._at(item)).plain() for item in node.value]
            if node.tag == _ORDERED:
                return self._mapping(yaml.MappingNode(f"{_PYTHON}ordered", _pairs(node, at)))
        return super()._data(node, at)


def _pairs(node: yaml.SequenceNode, at: Source) -> list[tuple[yaml.Node, yaml.Node]]:
    """The keys and values of an ordered dictionary: it is dumped as a list with one item, the list of pairs."""
    items = node.value[0].value if len(node.value) == 1 and isinstance(node.value[0], yaml.SequenceNode) else []
    if len(node.value) > 1 or not all(isinstance(item, yaml.SequenceNode) and len(item.value) == 2 for item in items):
        raise UserError(f"{at}: an ordered dictionary must be dumped as a list of pairs")
    return [(item.value[0], item.value[1]) for item in items]
