"""From a mapping of settings to the object they describe, each value checked against the constructor's signature."""

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from dqn_zoo_ext.errors import UserError, nearest

T = TypeVar("T")


def from_keywords(kind: type[T], values: Mapping[str, Any], what: str) -> T:
    """``kind(**values)``, once names, types and ranges agree with the annotations of its constructor.

    what: what the error line calls it, e.g. ``"preprocessing 'atari'"``. UserError otherwise.
    """
    parameters = inspect.signature(kind, eval_str=True).parameters
    checked = {}
    for name, value in values.items():
        if name not in parameters:
            raise UserError(f"{what} has no setting '{name}'{nearest(name, parameters)}")
        try:
            checked[name] = TypeAdapter(parameters[name].annotation).validate_python(value)
        except ValidationError as error:
            complaint = error.errors()[0]["msg"]
            raise UserError(f"{what}: {name} = {value!r}: {complaint[0].lower()}{complaint[1:]}") from None
    return kind(**checked)
