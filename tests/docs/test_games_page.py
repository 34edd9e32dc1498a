"""docs/games.md is what its program makes of the YAML files now, and its pictures are the emulator's."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from dqn_zoo_ext.envs.ids import single_player_games

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def games_page() -> Iterator[ModuleType]:
    """The program."""
    sys.path.insert(0, str(DOCS))
    yield importlib.import_module("games_page")
    sys.path.remove(str(DOCS))


def test_the_page_is_not_stale(games_page: ModuleType) -> None:
    written = (DOCS / "games.md").read_text(encoding="utf-8")
    assert written == games_page.page(), "docs/games.md is stale; run: python docs/games_page.py"


def test_a_changed_fact_makes_it_stale(games_page: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    facts_of = games_page.facts_of

    def changed(family: str) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = facts_of(family)
        if family == "atari":
            found["pong"]["lives"] = 7
        return found

    monkeypatch.setattr(games_page, "facts_of", changed)
    assert (DOCS / "games.md").read_text(encoding="utf-8") != games_page.page()


def test_what_was_learned_stands_beside_random_play(games_page: ModuleType) -> None:
    (row,) = [line for line in games_page.page().splitlines() if "`MinAtar/Breakout-v1`" in line]
    *_, at_random, learned, solved, _ = [cell.strip() for cell in row.split("|")]
    assert float(learned.split()[0]) > 5 * float(at_random.split()[0])
    assert learned.endswith("(100,000)")
    assert solved == "–"


def test_every_game_has_its_row_and_a_small_picture(games_page: ModuleType) -> None:
    page = games_page.page()
    pictures = {path.stem: path.stat().st_size for path in (DOCS / "images" / "games").glob("*.png")}
    assert set(pictures) == set(single_player_games())
    assert sum(pictures.values()) < 600_000
    assert all(f"images/games/{rom}.png" in page for rom in pictures)
    assert page.count("<img ") == 104


@pytest.mark.parametrize(
    "rom",
    [rom if rom in ("pong", "pacman") else pytest.param(rom, marks=pytest.mark.slow) for rom in single_player_games()],
)
def test_a_picture_is_what_random_play_shows(rom: str, games_page: ModuleType) -> None:
    assert (DOCS / "images" / "games" / f"{rom}.png").read_bytes() == games_page.screenshot(rom)
