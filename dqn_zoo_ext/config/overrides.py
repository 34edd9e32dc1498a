"""The command line as the last layer of a configuration: ``-params learning_rate:1e-3 policy_kwargs.torso:nips``."""

from collections.abc import Iterable, Mapping
from typing import Any

from dqn_zoo_ext.config.yaml_source import Located, Source, located, read_text
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import one_line, plain_name

COMMAND_LINE = Source("-params")


def parse_params(words: Iterable[str], option: str = COMMAND_LINE.file) -> dict[str, str]:
    """``key:value`` words as a mapping of dotted keys to YAML text; UserError for a word without a colon.

    option: what a message calls the place that the words stand in.
    """
    result: dict[str, str] = {}
    before = ""
    for word in words:
        key, colon, value = word.partition(":")
        key = key.strip()
        if not colon or not key:
            joined = f"; without the space it is {one_line(before + word)}" if before.endswith(":") else ""
            example = joined or ", e.g. learning_rate:1e-4"
            raise UserError(f"{option}: '{one_line(word)}' is not of the form key:value{example}")
        if not plain_name(key):
            raise UserError(f"{option}: a key must be a plain name, got {ascii(key)[:100]}")
        if key in result:
            raise UserError(f"{option}: '{key}' is given twice")
        result[key] = value
        before = word
    return result


def key_values(words: Iterable[str], option: str) -> dict[str, Any]:
    """``key:value`` words as plain data: the values are read as YAML, never evaluated."""
    given = parse_params(words, option)
    return {key: read_text(text, Source(option), count_lines=False).plain() for key, text in given.items()}


def as_layer(overrides: Mapping[str, object]) -> dict[str, Located]:
    """Dotted keys as nested mappings. Text is read as YAML; anything else is taken as it is, `Located` too."""
    layer: dict[str, Located] = {}
    for key, value in overrides.items():
        _insert(layer, key.split("."), _node(value), key)
    return layer


def _node(value: object) -> Located:
    if isinstance(value, Located):
        return value
    if isinstance(value, str):
        return read_text(value, COMMAND_LINE, count_lines=False)
    return located(value, COMMAND_LINE)


def _insert(mapping: dict[str, Located], path: list[str], node: Located, whole: str) -> None:
    first, *rest = path
    present = mapping.get(first)
    if not rest:
        if present is not None and isinstance(present.data, dict) and isinstance(node.data, dict):
            for key, value in node.data.items():
                _insert(present.data, [key], value, f"{whole}.{key}")
            return
        if present is not None:
            raise UserError(f"{node.source}: '{whole}' is given twice")
        mapping[first] = _copied(node)
        return
    if present is None:
        present = mapping[first] = Located({}, node.source)
    if not isinstance(present.data, dict):
        raise UserError(f"{node.source}: '{whole}' goes into a value that is given whole beside it")
    _insert(present.data, rest, node, whole)


def _copied(node: Located) -> Located:
    """With mappings of its own: further keys are put into them, and the caller's are read again for other variants."""
    if not isinstance(node.data, dict):
        return node
    return Located({key: _copied(value) for key, value in node.data.items()}, node.source)
