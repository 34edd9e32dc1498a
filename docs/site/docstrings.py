"""griffe extension: our docstrings, which are prose, as Markdown.

Of a docstring like this one::

    First line.

    q: (B, A); a: (B,) int64.
    Returns (B,).

each line that begins with ``name:``, Returns, Source or an error's name becomes a line of its own.
"""

import re
from typing import Any

import griffe

_NAMES = r"(?:[a-z_][a-z_0-9]*(?:, [a-z_][a-z_0-9]*)*|Source): "
_OWN_LINE = re.compile(rf"{_NAMES}|Returns |[A-Z]\w*Error\b")


class Markdown(griffe.Extension):
    """Rewrites every docstring that the reference shows."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for each module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """`docstring` with the lines kept that its author began anew, and literal blocks fenced."""
    lines: list[str] = []
    fenced = False
    for line in docstring.splitlines():
        indented = line.startswith("    ")
        if fenced and line.strip() and not indented:
            _end_fence(lines)
            fenced = False
        if not fenced and indented and _opens_block(lines):
            lines.append("```python" if "=" in line or "(" in line or line.lstrip().startswith("@") else "```text")
            fenced = True
        if fenced:
            lines.append(line[4:])
            continue
        if lines and lines[-1].strip() and _OWN_LINE.match(line):
            lines[-1] += "  "
        lines.append(_plain(line))
    if fenced:
        _end_fence(lines)
    return "\n".join(lines)


def _opens_block(lines: list[str]) -> bool:
    """Whether the last line with text ends in ``::``, which is then made one colon."""
    at = next((at for at in reversed(range(len(lines))) if lines[at].strip()), None)
    if at is None or not lines[at].rstrip().endswith("::"):
        return False
    lines[at] = lines[at].rstrip()[:-1]
    return True


def _end_fence(lines: list[str]) -> None:
    while not lines[-1].strip():
        lines.pop()
    lines += ["```", ""]


def _plain(line: str) -> str:
    """`line` without what Markdown would read as emphasis or as HTML; code in backticks stays."""
    parts = re.split(r"(``[^`]+``|`[^`]+`)", line)
    parts[::2] = [re.sub(r"([*_<\[])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)
