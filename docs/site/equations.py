"""mkdocs hook: equations become MathML, which browsers show by themselves: no script, no fonts from elsewhere.

On GitHub the same `$...$` and `$$...$$` are drawn by its own means.
"""

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

_EQUATION = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """The page with what the extension arithmatex has marked as LaTeX turned into MathML."""
    return _EQUATION.sub(lambda found: _mathml(found[2], in_line=found[1] == "span"), html)


def _mathml(latex: str, *, in_line: bool) -> str:
    return str(convert(unescape(latex).strip(), display="inline" if in_line else "block"))
