"""Each message that docs/troubleshooting.md tells of is one that the program still gives."""

import ast
import re
from collections.abc import Iterator

import pytest
from guide_commands import DOCS, ROOT

PAGE = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
OURS = ("## By message", "## Warnings while it learns")


def messages(heading: str) -> list[str]:
    """What stands in the first column of the table below `heading`."""
    section = PAGE.partition(f"{heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def texts() -> Iterator[str]:
    """Every text in the package's source; what is put in when it runs is a NUL."""
    for folder in ("dqn_zoo_ext", "callbacks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    yield "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


ALL_TEXTS = "\n".join(texts())


@pytest.mark.parametrize("message", [message for heading in OURS for message in messages(heading)])
def test_a_message_still_stands_in_the_source(message: str) -> None:
    assert message in ALL_TEXTS


def test_there_are_enough_of_them_and_another_would_not_be_found() -> None:
    assert len(messages(OURS[0])) >= 25
    assert len(messages(OURS[1])) >= 4
    assert "unknown opinion" not in ALL_TEXTS


def test_every_warning_of_an_unhealthy_training_is_told_of() -> None:
    source = (ROOT / "callbacks" / "health.py").read_text(encoding="utf-8")
    assert source.count("self._warn(\n") == len(messages(OURS[1]))
