"""The table of measured scores, read back cell by cell."""

from rich.table import Table

from dqn_zoo_ext.evaluation.evaluate import Evaluation
from dqn_zoo_ext.evaluation.protocols import get
from dqn_zoo_ext.report.score_table import FOOTNOTE, Measured, score_table

PLAYERS = [
    Measured("dqn", Evaluation("nature-2015", 0, (500.0, 600.0), (1, 1))),
    Measured("best-constant-action", Evaluation("nature-2015", 0, (240.0,), (1,)), "FIRE"),
    Measured("random", Evaluation("nature-2015", 0, (148.0,), (1,))),
]


def cells(table: Table) -> list[list[str]]:
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def test_the_table_of_space_invaders() -> None:
    table = score_table("title", "space_invaders", PLAYERS, get("nature-2015"), 0.0)
    dqn, constant, random, human = cells(table)
    assert dqn[:4] == ["dqn", "550.0", "50.0", "26.4%"]  # (550 - 148) / 1520.7
    assert "1,976 (Mnih et al. 2015)" in dqn[4].split("\n")
    assert "~ 550 (Jaśkowski 2016)" in dqn[4].split("\n")
    assert constant == ["best-constant-action (FIRE)", "240.0", "0.0", "6.0%", "~ 240 (Jaśkowski 2016)"]
    assert random[:4] == ["random", "148.0", "0.0", "0.0%"]
    assert random[4].split("\n")[0] == "~ 150 (Jaśkowski 2016)"
    assert human == ["human", "-", "-", "100%", "~ 1,668.7 (Wang et al. 2016)"]
    assert table.caption == FOOTNOTE


def test_by_the_rules_of_the_table_the_human_score_is_not_marked() -> None:
    table = score_table("title", "space_invaders", PLAYERS[2:], get("nature-2015-30min"), 0.0)
    assert cells(table)[-1][4] == "1,668.7 (Wang et al. 2016)"
    assert "148 (Wang et al. 2016)" in cells(table)[0][4].split("\n")


def test_outside_atari_nothing_is_published() -> None:
    table = score_table("title", None, PLAYERS[2:], get("greedy"), 0.0)
    assert cells(table) == [["random", "148.0", "0.0", "-", "-"]]
    assert table.caption is None
