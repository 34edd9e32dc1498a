"""Quotes the package's code in the pages of docs/, so that no quote can go stale.

A page says what is to be quoted in a comment before a fenced block, and this program fills the block from the source:

    <!-- code: dqn_zoo_ext/learning/targets.py q_learning no-docstring -->
    <!-- code: dqn_zoo_ext/learning/replay/frame_ring.py FrameRing.draw -->
    <!-- code: dqn_zoo_ext/learning/optim.py "means, squares = group" to "spreads, eps" -->

A function, a class or a method by its name, with its decorators; or the lines from the only one that holds a text to
the next one that holds another. ``no-docstring`` leaves docstrings out. `python docs/quote.py` rewrites the pages;
``--check`` changes none and exits with 1 if one is stale. A quote of what is not there is one line and exit code 2.
"""

import argparse
import ast
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).resolve().parent
_QUOTE = re.compile(r"(?P<marker><!-- code: (?P<what>.*?) -->)\n+```python\n.*?^```$", re.DOTALL | re.MULTILINE)
_MARKER = re.compile(r"<!-- code:")
_WORDS = re.compile(
    r'(?P<path>\S+) (?:"(?P<first>[^"]+)" to "(?P<last>[^"]+)"|(?P<name>[\w.]+)(?P<bare> no-docstring)?)'
)
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class QuoteError(Exception):
    """A marker that cannot be followed; one line."""


def quoted(what: str, root: Path) -> str:
    """The code that a marker asks for, without its indentation. QuoteError if it is not there."""
    words = _WORDS.fullmatch(what)
    if words is None:
        raise QuoteError(f'a quote is PATH NAME [no-docstring] or PATH "TEXT" to "TEXT", not: {what}')
    path = root / words["path"]
    if not path.is_file():
        raise QuoteError(f"there is no file {words['path']} to quote from")
    source = path.read_text(encoding="utf-8")
    if words["name"] is None:
        lines = _between(source.splitlines(), words["first"], words["last"], words["path"])
    else:
        lines = _of_name(source, words["name"], words["path"], without_docstrings=words["bare"] is not None)
    return textwrap.dedent("\n".join(lines))


def filled(page: str, root: Path) -> str:
    """The text of a page with every quoted block as its source has it. QuoteError also for a marker without a block."""
    new = _QUOTE.sub(lambda found: f"{found['marker']}\n\n```python\n{quoted(found['what'], root)}\n```", page)
    if len(_MARKER.findall(page)) != len(_QUOTE.findall(page)):
        raise QuoteError("a line <!-- code: ... --> needs a ```python block below it")
    return new


def _between(lines: list[str], first: str, last: str, path: str) -> list[str]:
    begins = [i for i, line in enumerate(lines) if first in line]
    if len(begins) != 1:
        raise QuoteError(f"{len(begins)} lines of {path} hold what only one should: {first}")
    begin = begins[0]
    end = next((i for i, line in enumerate(lines) if i >= begin and last in line), None)
    if end is None:
        raise QuoteError(f"no line of {path} from '{first}' on holds: {last}")
    return lines[begin : end + 1]


def _of_name(source: str, name: str, path: str, *, without_docstrings: bool) -> list[str]:
    tree = ast.parse(source)
    definition: ast.Module | _Definition = tree
    for part in name.split("."):
        inside = [each for each in definition.body if isinstance(each, _Definition) and each.name == part]
        if not inside:
            raise QuoteError(f"{path} has no {name}")
        definition = inside[-1]  # after its overloads
    assert isinstance(definition, _Definition)
    assert definition.end_lineno is not None
    begin = min([definition.lineno, *(each.lineno for each in definition.decorator_list)])
    left_out = set(_lines_of_docstrings(definition)) if without_docstrings else set()
    numbered = enumerate(source.splitlines(), start=1)
    return [line for number, line in numbered if begin <= number <= definition.end_lineno and number not in left_out]


def _lines_of_docstrings(definition: _Definition) -> Iterator[int]:
    for each in ast.walk(definition):
        if isinstance(each, _Definition) and ast.get_docstring(each) is not None:
            docstring = each.body[0]
            assert docstring.end_lineno is not None
            yield from range(docstring.lineno, docstring.end_lineno + 1)


def main(arguments: list[str] | None = None) -> int:
    """Rewrite or check all pages; 0, 1 for stale ones under ``--check``, 2 for a quote that cannot be made."""
    parser = argparse.ArgumentParser(description="Fill the quotes in docs/ from the source.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if a page is stale")
    parser.add_argument("--docs", type=Path, default=DOCS, help="the folder of the pages; sources lie beside it")
    options = parser.parse_args(arguments)
    stale = []
    for page in sorted(options.docs.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        try:
            new = filled(text, options.docs.parent)
        except QuoteError as error:
            print(f"{page.relative_to(options.docs.parent)}: {error}", file=sys.stderr)
            return 2
        if new != text:
            stale.append(str(page.relative_to(options.docs.parent)))
            if not options.check:
                page.write_text(new, encoding="utf-8")
    if stale:
        print("stale, `make docs` mends it:" if options.check else "rewritten:", *stale)
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
