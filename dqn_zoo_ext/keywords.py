"""Keywords given as plain data, held against what a class accepts: names, types and ranges of its constructor.

Nothing is bent to fit: ``'3'`` is no number and 1 is not true. Only 1e6 counts as a whole number.
"""

import inspect
import json
import math
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from dqn_zoo_ext.errors import UserError, nearest


@dataclass(frozen=True)
class Place:
    """Where keywords stand: under `key`. `source` tells file and line of any dotted key; None if nobody knows them."""

    key: str
    source: Callable[[str], object] | None = None

    def error(self, message: str, name: str | None = None) -> UserError:
        """`message` behind file and line of the keyword, or of the key itself."""
        return UserError(message if self.source is None else f"{self.source(self.dotted(name))}: {message}")

    def dotted(self, name: str | None = None) -> str:
        """The keyword's whole name."""
        return ".".join(part for part in (self.key, name) if part)


def check_arguments(
    what: str,
    accepts: Callable[..., Any],
    given: Mapping[str, Any],
    place: Place,
    machine: Collection[str] = (),
) -> dict[str, Any]:
    """`given` as plain data that fits the signature of `accepts`.

    what: names the thing in an error, e.g. ``optimizer 'adam'``. machine: arguments that are not for `given` to say.
    UserError for an unknown keyword, a missing one, a wrong type or a value out of range.
    """
    accepted = signature_of(accepts)
    names = {name for name in accepted.parameters if name not in machine}
    for name in given:
        if name in machine or (name not in names and not accepted.takes_any):
            meant = nearest(name, names) if names else ", which takes none"
            raise place.error(f"unknown keyword {shown(name)} of {what}{meant}", name)
    for name in sorted(names):
        if name not in given and accepted.parameters[name].default is inspect.Parameter.empty:
            raise place.error(f"{what} needs '{name}'")
    return {name: check_value(name, accepted.hints.get(name, Any), value, place) for name, value in given.items()}


@dataclass(frozen=True)
class Signature:
    """What a callable accepts: its named parameters, their types, and whether it takes any other keyword."""

    parameters: Mapping[str, inspect.Parameter]
    hints: Mapping[str, Any]
    takes_any: bool


def signature_of(accepts: Callable[..., Any]) -> Signature:
    """The named parameters of a function or a class; where a class hands ``**keywords`` on, its parents' as well."""
    is_class = isinstance(accepts, type)
    parameters: dict[str, inspect.Parameter] = {}
    hints: dict[str, Any] = {}
    functions = _initialisers(accepts) if is_class else [accepts]
    for function in functions:
        own = list(inspect.signature(function).parameters.values())[1 if is_class else 0 :]
        found = _hints(function)
        for each in own:
            if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL) and each.name not in parameters:
                parameters[each.name] = each
                hints[each.name] = found.get(each.name, Any)
        if not any(each.kind is each.VAR_KEYWORD for each in own):
            return Signature(parameters, hints, takes_any=False)
    return Signature(parameters, hints, takes_any=bool(functions))


def _initialisers(accepts: Any) -> list[Callable[..., Any]]:
    written = (vars(base).get("__init__") for base in inspect.getmro(accepts))
    return [function for function in written if isinstance(function, types.FunctionType)]


def _hints(function: Any) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True) if isinstance(function, types.FunctionType) else {}
    except NameError:  # a type imported for type checkers only: names are checked, types are not
        return {}


def check_value(name: str, hint: Any, value: Any, place: Place) -> Any:
    """`value` as plain data of the type `hint`; UserError otherwise. 1e6 counts as a whole number."""
    if not finite(value):
        raise place.error(f"{place.dotted(name)}: must be a finite number", name)
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(hint)
    except Exception:  # not a type that data can have, e.g. a class of torch
        return value
    try:
        return _fit(adapter, value)
    except ValidationError as error:
        whole = integral(value)
        if whole is not value:
            try:
                return _fit(adapter, whole)
            except ValidationError:
                pass
        raise place.error(f"{place.dotted(name)}: {problem(error)}", name) from None


def _fit(adapter: TypeAdapter[Any], value: Any) -> Any:
    # through JSON, whose strict mode takes a list for a tuple but never '32' or true for 32
    try:
        text = json.dumps(value)
    except TypeError:  # no data at all, from a caller in Python
        adapter.validate_python(value, strict=True)
        return value
    adapter.validate_json(text, strict=True)
    return value


def finite(value: Any) -> bool:
    """Whether no number in `value` is infinite or NaN."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(finite(each) for each in value.values())
    return all(finite(each) for each in value) if isinstance(value, list | tuple) else True


def integral(value: Any) -> Any:
    """1e7 as 10000000: a float without a fraction, or a list of such, as whole numbers; anything else as it is.

    Beyond 2**53 a float no longer tells one whole number from the next, and stays one.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    if isinstance(value, list):
        whole = [integral(each) for each in value]
        return whole if any(one is not other for one, other in zip(whole, value, strict=True)) else value
    return value


_WORDING = (
    ("Input should be", "must be"),
    ("greater than or equal to", "at least"),
    ("less than or equal to", "at most"),
    ("greater than", "above"),
    ("less than", "below"),
    ("a valid dictionary", "a mapping"),
    ("a valid mapping", "a mapping"),
    ("a valid array", "a list"),
    ("a valid list", "a list"),
    ("an instance of Sequence", "a list"),
    ("a valid boolean", "true or false"),
    ("a valid integer", "a whole number"),
    ("a valid number", "a number"),
    ("a valid string", "a name"),
)
"""Pydantic's words, and those of someone who writes YAML."""


def problem(error: ValidationError) -> str:
    """The first thing wrong, in one phrase: ``must be above 0, not -1``."""
    first = error.errors(include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    for word, plainer in _WORDING:
        message = message.replace(word, plainer)
    if first["type"] == "value_error":
        return message
    return f"{message[:1].lower()}{message[1:]}, not {shown(first['input'])}"


def shown(value: Any) -> str:
    """A value as an error line shows it: text in quotes, anything else as JSON, cut short if long."""
    if isinstance(value, str):
        return f"'{one_line(value)}'"
    return one_line(json.dumps(value, default=str))


def one_line(text: str) -> str:
    """Text as one line of at most 100 characters, with escapes for those that cannot be seen."""
    characters = " ".join(text.split())[:100]
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in characters)[:100]


def plain_name(text: str) -> bool:
    """Whether `text` can stand in an error line as it is: short, on one line, all of it to be seen."""
    return text == one_line(text)
