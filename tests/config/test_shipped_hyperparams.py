"""Every YAML file that we ship: it loads, repeats nothing, and what it says of a game is what the emulator says."""

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import pytest
import stable_baselines3
from shipped_algorithms import ALGORITHMS, FOR_IMAGES, YARDSTICKS

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext import registry
from dqn_zoo_ext.config.layers import GAME, NOT_HYPERPARAMETERS, RL_ZOO, SEARCH, Keys, one_layer
from dqn_zoo_ext.config.load import flatten, load
from dqn_zoo_ext.config.merge import Layer, merge
from dqn_zoo_ext.config.resolve import settings_names
from dqn_zoo_ext.config.schema import HYPERPARAMETERS, SCHEDULES, Hyperparameters
from dqn_zoo_ext.config.shipped_files import shipped
from dqn_zoo_ext.config.yaml_source import Located, Source, located, read_mapping
from dqn_zoo_ext.envs.ids import FAMILIES, resolve, single_player_games
from dqn_zoo_ext.learning.parts import parts_of

ROOT = shipped("")[0]
GAME_FILES = sorted(path for family in FAMILIES for path in (ROOT / family).glob("*.yml"))
ATARI_FILES = sorted((ROOT / "atari").glob("*.yml"))
IMAGES = {"atari", "minatar"}
PLAYGROUND = {"CartPole-v1", "Acrobot-v1", "MountainCar-v0", "LunarLander-v3"}
MINATARS = {"asterix", "breakout", "freeway", "seaquest", "space_invaders"}
SAMPLE = ("space_invaders", "pong", "surround")
"""Atari's files hold facts and no value, so that all 104 are loaded by DQN, and these three by every algorithm."""
PAIRS = [
    pytest.param(algo, path, id=f"{algo}-{path.parent.name}-{path.stem}")
    for algo in (*ALGORITHMS, *YARDSTICKS)
    for path in GAME_FILES
    if (algo not in FOR_IMAGES or path.parent.name in IMAGES) and (path.stem in SAMPLE or path.parent.name != "atari")
]


def document(path: Path) -> dict[str, Located]:
    return read_mapping(path, str(path.relative_to(ROOT)))


def facts(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = document(path)[GAME].plain()
    return found


def values(path: Path) -> dict[str, Located]:
    blocks = (*NOT_HYPERPARAMETERS, *ALGORITHMS, *YARDSTICKS, *FAMILIES, RL_ZOO)
    return {key: value for key, value in document(path).items() if key not in blocks}


def test_the_promised_games_are_there() -> None:
    assert {path.stem for path in ATARI_FILES} == set(single_player_games())
    assert {path.stem for path in GAME_FILES if path.parent.name not in IMAGES} == PLAYGROUND
    assert {path.stem for path in (ROOT / "minatar").glob("*.yml")} == MINATARS
    assert {path.stem for path in (ROOT / "families").glob("*.yml")} == {*FAMILIES, "rl_zoo"}
    assert {path.stem for path in (ROOT / "algorithms").glob("*.yml")} == {*ALGORITHMS, *YARDSTICKS}


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_an_algorithms_file_is_headed_by_paper_table_and_deviations(algo: str) -> None:
    text = (ROOT / "algorithms" / f"{algo}.yml").read_text()
    header = [line for line in text.split("\n\n")[0].splitlines() if line.startswith("#")]
    starts = [
        index for index, line in enumerate(header) if line.startswith(("# Paper: ", "# Table: ", "# Deviations: "))
    ]
    assert [header[index].split()[1] for index in starts] == ["Paper:", "Table:", "Deviations:"]
    assert re.search(r"\b(19|20)\d\d\b", " ".join(header[starts[0] : starts[1]])), "the paper's year"
    assert all(len(line) <= 120 for line in text.splitlines())


@pytest.mark.parametrize(("algo", "path"), PAIRS)
def test_every_game_loads_for_every_algorithm_under_every_id(algo: str, path: Path) -> None:
    found = [load(algo, resolve(name)) for name in facts(path)["ids"]]
    for configuration in found:
        assert configuration.settings == found[0].settings
        assert configuration.env.family == path.parent.name
        assert configuration.hyperparameters == found[0].hyperparameters
        assert configuration.game == facts(path)
        assert set(configuration.sources) == set(configuration.flat())


@pytest.mark.parametrize("name", ["FrozenLake-v1"])
def test_an_environment_without_a_file_gets_its_family(name: str) -> None:
    configuration = load("dqn", resolve(name))
    families = {source.file for source in configuration.sources.values()} - {"default"}
    assert families == {f"hyperparams/families/{configuration.env.family}.yml"}


def repeated(lower: Mapping[str, Any], layer: Mapping[str, Any]) -> list[str]:
    """The dotted keys that `layer` says just as `lower` does."""
    beneath = flatten(lower)
    return [key for key, value in flatten(layer).items() if key in beneath and beneath[key] == value]


def plain(layer: Mapping[str, Located]) -> dict[str, Any]:
    """A layer without what a bare number implies: that the schedule is a constant one."""
    found = {key: value.plain() for key, value in layer.items()}
    for key in SCHEDULES:
        if found.get(key, {}).get("schedule") == "constant":
            found[key] = found[key]["value"]
    return found


def test_the_test_for_repeated_values_finds_one() -> None:
    assert repeated({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}) == ["a.b"]


@pytest.mark.parametrize(("algo", "path"), PAIRS)
def test_no_value_of_a_game_stands_in_a_file_beneath_it_already(algo: str, path: Path) -> None:
    keys = Keys(algo, HYPERPARAMETERS, settings_names(algo))
    own = ROOT / "algorithms" / f"{algo}.yml"
    layers: list[Layer] = [
        defaults(),
        one_layer(values(ROOT / "families" / f"{path.parent.name}.yml"), keys),
        one_layer({key: located(value, Source("class")) for key, value in parts(algo).items()}, keys),
        one_layer(values(own), keys),
        *section(own, path.parent.name, keys),
        one_layer(values(path), keys),
        *section(path, algo, keys),
    ]
    for upper in range(1, len(layers)):
        assert repeated(plain(merge(layers[:upper])), plain(layers[upper])) == []


def parts(algo: str) -> dict[str, Any]:
    return parts_of(registry.algorithms.get(algo))


def section(path: Path, name: str, keys: Keys) -> list[Layer]:
    found = document(path).get(name)
    return [] if found is None else [one_layer(found.data, keys)]


@pytest.mark.parametrize("path", sorted((ROOT / "families").glob("*.yml")), ids=lambda path: path.stem)
def test_no_family_repeats_a_default(path: Path) -> None:
    assert repeated(plain(defaults()), plain(one_layer(values(path), Keys("dqn", HYPERPARAMETERS, ())))) == []


def defaults() -> dict[str, Located]:
    fields = inspect.signature(Hyperparameters).parameters.values()
    given = {field.name: field.default for field in fields if isinstance(field.default, str | int | float)}
    return {name: Located(value, Source("default")) for name, value in given.items()}


@pytest.mark.parametrize("path", ATARI_FILES, ids=lambda path: path.stem)
def test_an_atari_games_file_holds_facts_only_and_loads_by_every_id(path: Path) -> None:
    assert set(document(path)) == {GAME}
    found = [load("dqn", resolve(name)) for name in (*facts(path)["ids"], path.stem)]
    assert all(each.game == facts(path) and each.settings == found[0].settings for each in found)
    assert {each.env.game for each in found} == {path.stem} == {facts(path)["rom"]}


@pytest.mark.parametrize("name", sorted(PLAYGROUND))
def test_what_a_file_says_of_a_gymnasium_environment_is_so(name: str) -> None:
    game = load("dqn", resolve(name)).game
    with gymnasium.make(name) as env:
        assert isinstance(env.action_space, gymnasium.spaces.Discrete)
        assert len(game["actions"]) == env.action_space.n
        assert env.spec is not None
        assert env.spec.reward_threshold == game["solved"]


def test_the_base_of_rl_zoo_files_is_stable_baselines3s_dqn() -> None:
    sb3 = inspect.signature(stable_baselines3.DQN).parameters
    base = plain(one_layer(values(ROOT / "families" / "rl_zoo.yml"), Keys("dqn", HYPERPARAMETERS, ())))
    for name in (
        "buffer_size",
        "learning_starts",
        "batch_size",
        "gamma",
        "train_freq",
        "gradient_steps",
        "max_grad_norm",
    ):
        assert base[name] == sb3[name].default, name
    assert base["target_update_interval"] == sb3["target_update_interval"].default
    assert base["learning_rate"] == sb3["learning_rate"].default
    assert Hyperparameters.__dataclass_fields__["tau"].default == sb3["tau"].default
    assert Hyperparameters.__dataclass_fields__["n_steps"].default == sb3["n_steps"].default
    assert base["exploration"] == {
        "schedule": "linear",
        "start": sb3["exploration_initial_eps"].default,
        "end": sb3["exploration_final_eps"].default,
        "fraction": sb3["exploration_fraction"].default,
    }


def test_double_dqn_searches_where_dqn_does_but_for_the_target_network() -> None:
    dqn, double = (document(ROOT / "algorithms" / f"{name}.yml")[SEARCH].plain() for name in ("dqn", "double_dqn"))
    found = load("double_dqn", resolve("CartPole-v1")).search
    assert double.pop("inherit") == "dqn"
    assert found == dqn | double
    assert repeated(dqn, double) == [
        "target_update_interval.type",
        "target_update_interval.low",
        "target_update_interval.log",
    ]
    assert set(ALGORITHMS) <= set(registry.algorithms.names())
