"""HTML files that need nothing else: templates, with plotly.js and all data in them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs


def rendered(template: str, filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any) -> str:
    """A template of this package with these values, which are escaped; it has plotly.js as ``plotly_js``."""
    templates = Environment(
        loader=PackageLoader("dqn_zoo_ext.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    templates.filters |= {"data": as_data, **(filters or {})}
    return templates.get_template(template).render(**values, plotly_js=get_plotlyjs())


def as_data(value: Any) -> str:
    """JSON that may stand in a script element: no ``<`` can close it."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
