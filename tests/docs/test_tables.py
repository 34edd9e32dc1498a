"""The tables of the user guide: whole, and in agreement with what they tell of."""

import re
from pathlib import Path

import pytest

import dqn_zoo_ext.algorithms  # noqa: F401  # they register themselves
from dqn_zoo_ext import registry

DOCS = Path(__file__).parents[2] / "docs"
_A_ROW = re.compile(r"^\|.*\|$")


def tables(page: Path) -> list[list[list[str]]]:
    """The cells of each table, head first, without the line below the head."""
    found: list[list[list[str]]] = [[]]
    for line in page.read_text(encoding="utf-8").splitlines():
        if not _A_ROW.match(line):
            found.append([])
        elif not set(line) <= set("|-: "):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
    return [table for table in found if table]


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_each_row_has_as_many_cells_as_the_head(page: Path) -> None:
    for head, *rows in tables(page):
        assert {len(row) for row in rows} <= {len(head)}, head


def test_each_rung_of_the_ladder_names_its_paper() -> None:
    (head, *rungs) = tables(DOCS / "ladder.md")[0]
    assert head == ["`--algo`", "paper", "what is new", "its equation", "update"]
    assert {rung[0].strip("`") for rung in rungs} <= set(registry.algorithms.names())
    for _, paper, new, equation, update in rungs:
        assert re.search(r"(19|20)\d\d$", paper), paper
        assert new or paper == "Mnih et al. 2015"
        assert "](../dqn_zoo_ext/" in equation
        assert float(update) > 0
