"""The commands that stand in the guide: found in its pages, shortened so that they take seconds, run."""

import importlib
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
"""Every page that a user reads."""

_FENCED = re.compile(r"^( *)```[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`]+)`")
_SCRIPT = re.compile(r"^ *```sh\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"`([\w-]+\.(?:yml|py))`:\n\n```\w+\n(.*?)```", re.DOTALL)
_ENDS = {"|", "||", "&", "&&", ";", ">", ">>", "(", ")"}


@dataclass(frozen=True)
class Command:
    """One of our commands as a page has it, without what a shell would do with it."""

    page: Path
    verb: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page.name}: {self.verb} {shlex.join(self.words)}"


def commands_in(page: Path) -> Iterator[Command]:
    """Every command of ours on the page: in blocks of whatever language, and in the text."""
    text = page.read_text(encoding="utf-8")
    blocks = [found[2] for found in _FENCED.finditer(text)]
    for line in [line for block in blocks for line in _joined(block)] + _INLINE.findall(_FENCED.sub("", text)):
        yield from _commands_of(page, " ".join(line.split()))


def script_of(page: Path) -> list[list[str]]:
    """The words of each line in the page's ``sh`` blocks, which can be run one after the other."""
    blocks = _SCRIPT.findall(page.read_text(encoding="utf-8"))
    return [shlex.split(line, comments=True) for block in blocks for line in _joined(block) if line.strip()]


def files_of(page: Path) -> dict[str, str]:
    """The files that the page shows: a block after a line that ends in its name, in backticks, and a colon."""
    return dict(_FILE.findall(page.read_text(encoding="utf-8")))


def run(verb: str, words: Sequence[str]) -> int:
    """The verb in this process; its exit code."""
    module = f"dqn_zoo_ext.{verb}" + (".__main__" if verb in ("config", "report") else "")
    return int(importlib.import_module(module).main(list(words)) or 0)


def shortened(words: Sequence[str], extra: str) -> list[str]:
    """`words` and the `extra` ones; hyperparameters join those that are there, any other option comes last and wins."""
    options, _, params = extra.partition("-params ")
    result = [*words]
    if "-params" in result and params:
        at = result.index("-params") + 1
        result[at:at] = params.split()
        params = ""
    return [*result, *options.split(), *(["-params", *params.split()] if params else [])]


def _joined(block: str) -> list[str]:
    """The block's lines, with those together that a backslash joins."""
    return re.sub(r"\\\n\s*", " ", block).splitlines()


def _commands_of(page: Path, line: str) -> Iterator[Command]:
    for found in re.finditer(r"(?:python3?(?:\.\d+)? -m dqn_zoo_ext[. ]|dqn-zoo-ext )([a-z]\w*)(?![\w.])(.*)", line):
        lexer = shlex.shlex(found[2], posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if word in _ENDS:
                break
            words += [] if word == "..." else [word]
        yield Command(page, found[1], tuple(words))
