"""Baselines of real environments, and the file in which they are kept."""

import json
from pathlib import Path

import pytest

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.learning  # noqa: F401  # importing the three registers what the files name
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.evaluation.protocols import get
from dqn_zoo_ext.experiment.agents.baselines import MeasuredBaseline, baseline_of, cache_folder
from dqn_zoo_ext.storage.user_cache import CACHE_VARIABLE

CART_POLE = resolve("CartPole-v1")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    return tmp_path / "baselines"


def random_cart_pole(episodes: int = 100, protocol: str = "greedy", seed: int = 0) -> MeasuredBaseline:
    return baseline_of("random", CART_POLE, get(protocol), episodes, seed)


def test_random_play_keeps_the_pole_up_for_twenty_two_steps() -> None:
    assert random_cart_pole().baseline.evaluation.mean == pytest.approx(22, abs=4)


def test_pushing_one_way_keeps_it_up_for_nine() -> None:
    found = baseline_of("best-constant-action", CART_POLE, get("greedy"), 20)
    assert found.baseline.evaluation.mean == pytest.approx(9.4, abs=0.5)
    assert found.action_name in ("left", "right")
    assert found.as_dict()["action_name"] == found.action_name


def test_the_second_time_it_is_read(cache: Path) -> None:
    first, second = random_cart_pole(), random_cart_pole()
    assert (first.was_kept, second.was_kept) == (False, True)
    assert first.baseline == second.baseline
    assert first.seconds == second.seconds
    assert [first.file] == list(cache.iterdir())


def test_another_question_is_not_answered_from_it(cache: Path) -> None:
    random_cart_pole()
    assert not random_cart_pole(episodes=10).was_kept
    assert not random_cart_pole(seed=1).was_kept
    assert not random_cart_pole(protocol="machado-2018").was_kept
    assert len(list(cache.iterdir())) == 4


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"facts": {}}', "shorter"])
def test_a_damaged_file_is_measured_again(damage: str) -> None:
    first = random_cart_pole()
    assert first.file is not None
    if damage == "shorter":
        content = json.loads(first.file.read_text())
        content["baseline"]["evaluation"]["scores"].pop()
        damage = json.dumps(content)
    first.file.write_text(damage)
    again = random_cart_pole()
    assert not again.was_kept
    assert again.baseline == first.baseline
    assert random_cart_pole().was_kept


def test_a_cache_that_cannot_be_written_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    found = random_cart_pole(episodes=5)
    assert found.file is None
    assert len(found.baseline.evaluation.scores) == 5


def test_the_cache_lies_where_the_system_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/dqn_zoo_ext/baselines")


def test_a_real_game_has_names_for_its_actions() -> None:
    """Pong ends at 21 points whatever one does; a paddle that never moves loses nearly all of them."""
    found = baseline_of("best-constant-action", resolve("Pong"), get("greedy"), 1, n_envs=1)
    assert len(found.baseline.tried) == 6
    assert found.action_name in ("NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE")
    assert -21 <= found.baseline.evaluation.mean <= -10
