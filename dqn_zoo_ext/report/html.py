"""Templates of pages that need nothing else: whatever comes from files is escaped, and data cannot end its script."""

import json
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def templates(**filters: Callable[[Any], Any]) -> Environment:
    """The templates beside this module, with the filter ``data`` and those given."""
    found = Environment(
        loader=PackageLoader("dqn_zoo_ext.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    found.filters |= {"data": _as_data, **filters}
    return found


def _as_data(value: Any) -> str:
    """JSON that may stand in a script element: no ``<`` can close it."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
