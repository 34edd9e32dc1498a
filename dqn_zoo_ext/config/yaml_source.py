"""YAML read as plain data, every value with the file and line it came from.

Safe by construction: only null, bool, int, float, str, lists and mappings with plain names as keys; every other tag
(``!!python/...`` first of all) is refused, a key may stand only once in a mapping, whole numbers have 64 bits, and
neither aliases nor deep nesting can blow up.
Two departures from YAML 1.1: ``1e-3`` is a number (PyYAML reads a string), and dates and ``10:30`` are strings.
"""

import functools
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import one_line, plain_name, shown

MOST_NODES = 100_000
"""A file may hold so many values, aliases counted each time: enough for any configuration, too few to fill memory.

A long text counts as one more for every 100 characters.
"""
MOST_LEVELS = 50
"""Mappings and lists within each other."""
_DOCUMENTS_KEPT = 32
"""Read, to be read again: more than one training has files."""

_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)\Z|[-+]?0x[0-9a-fA-F][0-9a-fA-F_]*\Z")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+)\Z"
    r"|[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z"
)
_NULL = ("", "~", "null", "Null", "NULL")
_TRUTH = {"yes": True, "no": False, "true": True, "false": False, "on": True, "off": False}


@dataclass(frozen=True)
class Source:
    """Where a value stands.

    file: as a message shows it; the command line is ``-params``, what no file says is ``default``.
    """

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Located:
    """A value and its source. `data` is a scalar, a list of plain data, or a mapping of names to `Located`."""

    data: Any
    source: Source

    def plain(self) -> Any:
        """The value without its sources."""
        if isinstance(self.data, dict):
            return {key: value.plain() for key, value in self.data.items()}
        return self.data


def located(data: Any, source: Source) -> Located:
    """Plain data as `Located`, all of it at one source. Tuples count as lists."""
    if isinstance(data, Mapping):
        return Located({str(key): located(value, source) for key, value in data.items()}, source)
    return Located([located(each, source).plain() for each in data] if isinstance(data, list | tuple) else data, source)


def read_mapping(path: Path, shown: str, reading: "type[Reading] | None" = None) -> dict[str, Located]:
    """The mapping in the file at `path`, which messages call `shown`; UserError with the line for anything else.

    reading: another way to read the document.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{shown}: cannot be read: {error.strerror or error}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"{shown}:{line}: not UTF-8 text") from None
    value = (reading or Reading)(Source(shown), count_lines=True).read(text)
    if value.data is None:
        raise UserError(f"{shown}: the file is empty; write {{}} if it is meant to say nothing")
    if not isinstance(value.data, dict):
        raise UserError(f"{value.source}: expected a mapping of names to values, got {_kind(value.data)}")
    return value.data


def read_text(text: str, source: Source, count_lines: bool = True) -> Located:
    """The one YAML document in `text`; without `count_lines` every value has `source` itself as its source."""
    return Reading(source, count_lines).read(text)


def to_yaml(data: Any) -> str:
    """Plain data as YAML text that `read_text` reads back as the same data."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with our numbers, and an end to nesting: its own is Python's recursion, seconds later."""

    levels = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """RecursionError beyond `MOST_LEVELS`."""
        self.levels += 1
        if self.levels > MOST_LEVELS + 1:
            raise RecursionError
        node: yaml.Node | None = super().compose_node(parent, index)
        self.levels -= 1
        return node


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper, which quotes the strings that our loader would take for numbers."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


for _class in (_Loader, _Dumper):
    _class.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag[len(_TAG) :] not in {"int", "float", "timestamp"}]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _class.add_implicit_resolver(f"{_TAG}int", _INT, list("-+0123456789"))
    _class.add_implicit_resolver(f"{_TAG}float", _FLOAT, list("-+0123456789."))


class _NotYamlError(Exception):
    """What is wrong, and in which line, counted from 0."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


@functools.lru_cache(maxsize=_DOCUMENTS_KEPT)
def _composed(text: str) -> yaml.Node | None:
    """PyYAML's nodes, which nobody changes. A search has hundreds of configurations, each of the shipped files."""
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        problem = f"not valid YAML: unacceptable character #x{error.character:04x}"
        raise _NotYamlError(text.count("\n", 0, error.position), problem) from None
    try:
        node: yaml.Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "broken"
        raise _NotYamlError(mark.line if mark else 0, f"not valid YAML: {one_line(problem)}") from None
    except RecursionError:
        raise _NotYamlError(loader.line, "nested too deeply") from None
    except (ValueError, OverflowError):  # PyYAML lets them through, from "\U99999999" and %YAML 1.999...
        raise _NotYamlError(loader.line, "not valid YAML: a number out of range") from None
    finally:
        loader.dispose()
    return node


class Reading:
    """One document on its way from text to `Located`; a subclass may read further tags in `_data`, as plain data."""

    def __init__(self, source: Source, count_lines: bool) -> None:
        self.source = source
        self.count_lines = count_lines
        self.nodes = 0
        self.levels = 0

    def read(self, text: str) -> Located:
        """The document's value; None if it is empty. UserError with the line for what is refused."""
        node = self._compose(text)
        return Located(None, self.source) if node is None else self._value(node, self._at(node))

    def _compose(self, text: str) -> yaml.Node | None:
        try:
            return _composed(text)
        except _NotYamlError as error:
            raise UserError(f"{self._line(error.line)}: {error.problem}") from None

    def _line(self, line: int) -> Source:
        return Source(self.source.file, line + 1) if self.count_lines else self.source

    def _at(self, node: yaml.Node) -> Source:
        return self._line(node.start_mark.line)

    def _value(self, node: yaml.Node, at: Source) -> Located:
        self.nodes += 1 + (len(node.value) // 100 if isinstance(node, yaml.ScalarNode) else 0)
        if self.nodes > MOST_NODES:
            raise UserError(f"{at}: more than {MOST_NODES} values; aliases that multiply each other are refused")
        self.levels += 1
        if self.levels > MOST_LEVELS:
            raise UserError(f"{at}: nested too deeply")
        data = self._data(node, at)
        self.levels -= 1
        return Located(data, at)

    def _data(self, node: yaml.Node, at: Source) -> Any:
        if isinstance(node, yaml.MappingNode):
            _demand_tag(node, {"map"}, at)
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            _demand_tag(node, {"seq"}, at)
            return [self._value(item, self._at(item)).plain() for item in node.value]
        return _scalar(node, at)

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Located]:
        own: dict[str, Located] = {}
        merged: dict[str, Located] = {}
        for key_node, value_node in node.value:
            at = self._at(key_node)
            if key_node.tag == f"{_TAG}merge":
                merged |= self._merged(value_node, at)
                continue
            key = _key(key_node, at)
            if key in own:
                raise UserError(f"{at}: key '{key}' stands twice; its first place is {own[key].source}")
            own[key] = self._value(value_node, at)
        return merged | own

    def _merged(self, node: yaml.Node, at: Source) -> dict[str, Located]:
        """What ``<<: *name`` brings in; of several mappings the first one wins, as YAML has it."""
        mappings = [node]
        if isinstance(node, yaml.SequenceNode):
            _demand_tag(node, {"seq"}, at)
            mappings = node.value
        result: dict[str, Located] = {}
        for mapping in reversed(mappings):
            if not isinstance(mapping, yaml.MappingNode):
                raise UserError(f"{at}: '<<' takes a mapping, or a list of mappings")
            value = self._value(mapping, at).data
            result |= value
        return result


def _key(node: yaml.Node, at: Source) -> str:
    if not isinstance(node, yaml.ScalarNode):
        kind = "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
        raise UserError(f"{at}: a key must be a plain name, got {kind}")
    if node.tag != f"{_TAG}str":
        raise UserError(f"{at}: a key must be a plain name, got {one_line(node.value)}")
    if not plain_name(node.value):
        raise UserError(f"{at}: a key must be a plain name, got {ascii(node.value)[:100]}")
    return str(node.value)


def _demand_tag(node: yaml.Node, allowed: Collection[str], at: Source) -> None:
    if node.tag.removeprefix(_TAG) not in allowed:
        raise UserError(f"{at}: tag '{_shown_tag(node.tag)}' is refused: a configuration is plain data")


def _scalar(node: yaml.Node, at: Source) -> Any:
    _demand_tag(node, _READ, at)
    kind, text = node.tag.removeprefix(_TAG), str(node.value)
    try:
        return _READ[kind](text)
    except OverflowError:
        raise UserError(f"{at}: {one_line(text)} has more than the 64 bits of a whole number") from None
    except UnicodeEncodeError:
        raise UserError(f"{at}: '{one_line(text)}' holds half a character, which is no text") from None
    except (KeyError, ValueError):
        raise UserError(f"{at}: '{one_line(text)}' is not of the type that its tag '!!{kind}' names") from None


def _null(text: str) -> None:
    if text not in _NULL:
        raise ValueError(text)


def _whole(text: str) -> int:
    digits = text.replace("_", "")
    number = int(digits, 0) if len(digits) < 100 else 2**64
    if not -(2**63) <= number < 2**63:
        raise OverflowError(text)
    return number


def _float(text: str) -> float:
    return float(re.sub(r"^([-+]?)\.(inf|nan)$", r"\1\2", text.replace("_", "").lower()))


def _text(text: str) -> str:
    text.encode()
    return text


_READ: Mapping[str, Callable[[str], Any]] = {
    "null": _null,
    "bool": lambda text: _TRUTH[text.lower()],
    "int": _whole,
    "float": _float,
    "str": _text,
}


def _shown_tag(tag: str) -> str:
    return one_line(f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag)


def _kind(data: Any) -> str:
    return "a list" if isinstance(data, list) else shown(data)
