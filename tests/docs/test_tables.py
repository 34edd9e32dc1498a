"""The tables of the user guide: whole, and in agreement with what they tell of."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

import dqn_zoo_ext.algorithms  # noqa: F401  # they register themselves
from dqn_zoo_ext import registry
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.envs.screens.rules import ScreenRules
from dqn_zoo_ext.evaluation.protocols import FIVE_MINUTES, HALF_AN_HOUR, PROTOCOLS

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


def test_the_protocols_are_told_as_they_are() -> None:
    head, *rows = next(table for table in tables(DOCS / "scores.md") if table[0][0] == "protocol")
    assert head == ["protocol", "epsilon", "no-op starts", "sticky actions", "cap on a game", "games", "for what"]
    told = {row[0].strip("`"): row[1:6] for row in rows}
    minutes = {FIVE_MINUTES: "5 minutes", HALF_AN_HOUR: "30 minutes"}
    expected = {
        name: [
            f"{each.epsilon:g}",
            f"up to {each.noop_max}" if each.noop_max else "none",
            {None: "as in training", 0.0: "none"}.get(
                each.repeat_action_probability, f"{each.repeat_action_probability}"
            ),
            minutes[each.max_frames_per_game],
            str(each.episodes),
        ]
        for name, each in PROTOCOLS.items()
    }
    assert told == expected
    assert all(row[6] for row in rows)


PAGES_WITH_TABLES = [page for page in sorted(DOCS.rglob("*.md")) if re.search(r"^\|", page.read_text(), re.MULTILINE)]


def test_there_are_pages_with_tables() -> None:
    assert {"scores.md", "ladder.md", "games.md", "inputs.md"} <= {page.name for page in PAGES_WITH_TABLES}
    assert len(PAGES_WITH_TABLES) >= 15


@pytest.mark.parametrize("page", PAGES_WITH_TABLES, ids=lambda page: page.name)
def test_each_row_has_as_many_cells_as_the_head(page: Path) -> None:
    assert tables(page)
    for head, *rows in tables(page):
        assert {len(row) for row in rows} == {len(head)}, head


def test_each_rung_of_the_ladder_names_its_paper() -> None:
    (head, *rungs) = tables(DOCS / "ladder.md")[0]
    assert head == ["`--algo`", "paper", "what is new", "its equation", "update"]
    assert {rung[0].strip("`") for rung in rungs} <= set(registry.algorithms.names())
    for _, paper, new, equation, update in rungs:
        assert re.search(r"(19|20)\d\d$", paper), paper
        assert new or paper == "Mnih et al. 2015"
        assert "](../dqn_zoo_ext/" in equation
        assert float(update) > 0


def test_every_key_of_what_the_agent_sees_is_told_with_its_default() -> None:
    _, *rows = next(table for table in tables(DOCS / "inputs.md") if table[0][0] == "key")
    told = {name.strip("` "): yaml.safe_load(row[1].strip("`")) for row in rows for name in row[0].split(",")}
    seen = {each.name for each in fields(ScreenRules)} | {"frame_skip", "skip_after_life_loss"}
    assert told == {name: getattr(AtariRules(), name) for name in seen}
