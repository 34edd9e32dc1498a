"""What the YAML of an Atari game says of it is what the emulator says: a sample here, all 104 in `make test-all`."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dqn_zoo_ext.config.layers import GAME
from dqn_zoo_ext.config.shipped_files import shipped
from dqn_zoo_ext.config.yaml_source import read_mapping
from dqn_zoo_ext.envs.ids import single_player_games
from dqn_zoo_ext.evaluation.published_scores import games, scores_of

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SAMPLE = ("breakout", "qbert", "demon_attack", "adventure")  # FIRE, a black screen, late lives, another screen
UNLESS_SAID: dict[str, Any] = {"fire_after_life": False, "screen": [210, 160], "black_agent_steps": 0}
WRITTEN_BY_HAND = {"title", "task", "rom", "budget", "traps"}


@pytest.fixture(scope="module")
def game_facts() -> Iterator[ModuleType]:
    """The program that measures them."""
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("game_facts")
    sys.path.remove(str(BENCHMARKS))


def facts(rom: str) -> dict[str, Any]:
    found: dict[str, Any] = read_mapping(shipped(f"atari/{rom}.yml")[0], rom)[GAME].plain()
    return found


def differences(said: dict[str, Any], measured: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Each fact that is not so: what the file says, what the emulator does."""
    whole = {**UNLESS_SAID, **{key: value for key, value in said.items() if key not in WRITTEN_BY_HAND}}
    seen = {key: measured[key] if measured[key] is not None else UNLESS_SAID[key] for key in whole}
    return {key: (whole[key], seen[key]) for key in whole if whole[key] != seen[key]}


@pytest.mark.parametrize("rom", SAMPLE)
def test_a_games_facts_are_the_emulators(rom: str, game_facts: ModuleType) -> None:
    assert differences(facts(rom), game_facts.facts_of(rom)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("rom", sorted(set(single_player_games()) - set(SAMPLE)))
def test_every_games_facts_are_the_emulators(rom: str, game_facts: ModuleType) -> None:
    assert differences(facts(rom), game_facts.facts_of(rom)) == {}


def test_a_wrong_fact_is_found() -> None:
    measured = {**facts("breakout"), **UNLESS_SAID, "fire_after_life": True}
    assert differences(facts("breakout"), measured) == {}
    for key, wrong in {"lives": 4, "fire_starts": False, "actions": ["NOOP", "FIRE"], "screen": [250, 160]}.items():
        assert set(differences({**facts("breakout"), key: wrong}, measured)) == {key}


@pytest.mark.parametrize("rom", single_player_games())
def test_a_file_says_what_one_does_and_nothing_that_is_so_anyway(rom: str) -> None:
    said = facts(rom)
    assert set(said) <= {*WRITTEN_BY_HAND, *UNLESS_SAID, "ids", "actions", "lives", "fire_starts"}
    assert said["task"].endswith(".")
    assert len(said["task"]) <= 120
    assert all(trap.endswith(".") for trap in said.get("traps", ()))
    assert not {key for key, value in UNLESS_SAID.items() if said.get(key) == value}


def test_the_published_levels_are_those_of_the_57_games_of_the_literature() -> None:
    assert len(games()) == 57
    assert set(games()) < set(single_player_games())
    assert all({"random", "human"} <= set(scores_of(game)) for game in games())
