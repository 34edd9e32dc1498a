"""The commands that stand in the guide: found in its pages, shortened so that they take seconds, run."""

import importlib
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from dqn_zoo_ext.__main__ import VERBS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
"""Every page that a user reads."""
JOB_FILES = [DOCS / "clusters" / "kuberay.yml", DOCS / "clusters" / "slurm_array.sh"]
"""Files of the guide for a cluster, with commands in them."""

_FENCED = re.compile(r"^( *)```[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`]+)`")
_SCRIPT = re.compile(r"^ *```sh\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"`([\w-]+\.(?:yml|py))`:\n\n```\w+\n(.*?)```", re.DOTALL)
_FILE_THAT_SAYS_ITS_NAME = re.compile(r"```\w+\n# ([\w-]+\.(?:yml|py))\n(.*?)```", re.DOTALL)
_SHORT_FORM = re.compile(rf"(?:{'|'.join(VERBS)}) (?:--?[a-z][\w-]* [^ &]|logs/)")
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
    """Every command of ours on the page: in blocks of whatever language, and in the text.

    In the text a command may lack its ``python -m dqn_zoo_ext.`` if it has a run, or an option with a value: `train
    --resume` only names an option.
    """
    text = page.read_text(encoding="utf-8")
    if page.suffix != ".md":
        blocks, inline = [text], []
    else:
        blocks = [found[2] for found in _FENCED.finditer(text)]
        inline = [" ".join(code.split()) for code in _INLINE.findall(_FENCED.sub("", text))]
    for line in [line for block in blocks for line in _joined(block)]:
        yield from _commands_of(page, " ".join(line.split()))
    for code in inline:
        yield from _commands_of(page, f"dqn-zoo-ext {code}" if _SHORT_FORM.match(code) else code)


def commands_in_scripts(page: Path) -> list[Command]:
    """The commands of ours in the page's ``sh`` blocks, in order."""
    lines = [line for block in _SCRIPT.findall(page.read_text(encoding="utf-8")) for line in _joined(block)]
    return [each for line in lines for each in _commands_of(page, line)]


def programs_in(page: Path, folder: str) -> Iterator[list[str]]:
    """For each ``python FOLDER/NAME.py`` on the page the name, and the words behind it but for ``...``."""
    text = re.sub(r"\\\n\s*", " ", page.read_text(encoding="utf-8"))
    for found in re.finditer(rf"python {folder}/(\w+)\.py((?: [^`\n|>#]*)?)", text):
        yield [found[1], *(word for word in shlex.split(found[2]) if word != "...")]


def script_of(page: Path) -> list[list[str]]:
    """The words of each line in the page's ``sh`` blocks, which can be run one after the other."""
    blocks = _SCRIPT.findall(page.read_text(encoding="utf-8"))
    return [shlex.split(line, comments=True) for block in blocks for line in _joined(block) if line.strip()]


def files_of(page: Path) -> dict[str, str]:
    """The files that the page shows: a block after a line that ends in its name, in backticks, and a colon.

    Or one that has its name in a comment in its first line.
    """
    text = page.read_text(encoding="utf-8")
    return dict(_FILE.findall(text) + _FILE_THAT_SAYS_ITS_NAME.findall(text))


def run(verb: str, words: Sequence[str]) -> int:
    """The verb in this process; its exit code."""
    module = f"dqn_zoo_ext.{verb}" + (".__main__" if verb in ("config", "report") else "")
    return int(importlib.import_module(module).main(list(words)) or 0)


def shortened(words: Sequence[str], extra: str) -> list[str]:
    """`words` and the `extra` ones, which take the place of options, and of hyperparameters, of the same name."""
    options, _, params = extra.partition("-params ")
    dropped = {name for name, value in pairwise(options.split()) if name.startswith("-") and not value.startswith("-")}
    result, more, drops = [], params.split(), False
    for word in words:
        is_option = word.startswith("-") and not word[1:].isdigit()  # -1 is the value of one
        drops = word in dropped if is_option else drops
        result += [] if drops else [word]
    if "-params" in result and more:
        at = result.index("-params") + 1
        names = {each.partition(":")[0] for each in more}
        result[at:] = [*more, *(word for word in result[at:] if word.partition(":")[0] not in names)]
        more = []
    return [*result, *options.split(), *(["-params", *more] if more else [])]


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
