"""Every YAML file that we ship: it loads, repeats nothing, and what it says of a game is what the emulator says."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ale_py
import gymnasium
import pytest
import stable_baselines3
from ale_py import roms

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext import registry
from dqn_zoo_ext.config.layers import GAME, NOT_HYPERPARAMETERS, RL_ZOO, SEARCH, Keys, one_layer, shipped
from dqn_zoo_ext.config.load import Configuration, flatten, load
from dqn_zoo_ext.config.merge import merge
from dqn_zoo_ext.config.schema import HYPERPARAMETERS, SCHEDULES, Hyperparameters
from dqn_zoo_ext.config.yaml_source import Located, Source, read_mapping
from dqn_zoo_ext.envs.ids import resolve

ROOT = shipped("")[0]
FAMILIES = ("atari", "classic_control", "box2d", "gymnasium")
GAME_FILES = sorted(path for family in FAMILIES for path in (ROOT / family).glob("*.yml"))
ATARI_FILES = sorted((ROOT / "atari").glob("*.yml"))
ALGORITHMS = ("dqn", "double_dqn")
YARDSTICKS = ("sb3_dqn", "sb3_qrdqn")
SHIPPED_GAMES = {
    *("space_invaders", "pong", "breakout", "seaquest", "qbert", "ms_pacman", "beam_rider", "enduro"),
    *("CartPole-v1", "LunarLander-v3"),
}


def document(path: Path) -> dict[str, Located]:
    return read_mapping(path, str(path.relative_to(ROOT)))


def facts(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = document(path)[GAME].plain()
    return found


def values(path: Path) -> dict[str, Located]:
    blocks = (*NOT_HYPERPARAMETERS, *ALGORITHMS, *YARDSTICKS, *FAMILIES, RL_ZOO)
    return {key: value for key, value in document(path).items() if key not in blocks}


def test_the_promised_games_are_there() -> None:
    assert {path.stem for path in GAME_FILES} == SHIPPED_GAMES
    assert {path.stem for path in (ROOT / "families").glob("*.yml")} == {*FAMILIES, "rl_zoo"}
    assert {path.stem for path in (ROOT / "algorithms").glob("*.yml")} >= {*ALGORITHMS, *YARDSTICKS}


@pytest.mark.parametrize("algo", [*ALGORITHMS, *YARDSTICKS])
@pytest.mark.parametrize("path", GAME_FILES, ids=lambda path: path.stem)
def test_every_game_loads_for_every_algorithm_under_every_id(algo: str, path: Path) -> None:
    found = [load(algo, resolve(name)) for name in facts(path)["ids"]]
    for configuration in found:
        assert configuration.env.family == path.parent.name
        assert configuration.hyperparameters == found[0].hyperparameters
        assert configuration.game == facts(path)
        assert set(configuration.sources) == set(configuration.flat())


@pytest.mark.parametrize("name", ["Tetris", "Acrobot-v1", "MountainCar-v0", "FrozenLake-v1"])
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


@pytest.mark.parametrize("algo", [*ALGORITHMS, *YARDSTICKS])
@pytest.mark.parametrize("path", GAME_FILES, ids=lambda path: path.stem)
def test_no_value_of_a_game_stands_in_a_file_beneath_it_already(algo: str, path: Path) -> None:
    keys = Keys(algo, HYPERPARAMETERS, ())
    layers = [
        defaults(),
        one_layer(values(ROOT / "families" / f"{path.parent.name}.yml"), keys),
        one_layer(values(ROOT / "algorithms" / f"{algo}.yml"), keys),
    ]
    of_family = document(ROOT / "algorithms" / f"{algo}.yml").get(path.parent.name)
    if of_family is not None:
        layers.append(one_layer(of_family.data, keys))
    layers.append(one_layer(values(path), keys))
    section = document(path).get(algo)
    if section is not None:
        layers.append(one_layer(section.data, keys))
    for upper in range(1, len(layers)):
        assert repeated(plain(merge(layers[:upper])), plain(layers[upper])) == []


@pytest.mark.parametrize("path", sorted((ROOT / "families").glob("*.yml")), ids=lambda path: path.stem)
def test_no_family_repeats_a_default(path: Path) -> None:
    assert repeated(plain(defaults()), plain(one_layer(values(path), Keys("dqn", HYPERPARAMETERS, ())))) == []


def defaults() -> dict[str, Located]:
    fields = inspect.signature(Hyperparameters).parameters.values()
    given = {field.name: field.default for field in fields if isinstance(field.default, str | int | float)}
    return {name: Located(value, Source("default")) for name, value in given.items()}


@pytest.mark.parametrize("path", ATARI_FILES, ids=lambda path: path.stem)
def test_what_a_file_says_of_an_atari_game_is_what_the_emulator_says(path: Path) -> None:
    game = facts(path)
    assert game["rom"] == path.stem
    assert {resolve(name).game for name in (*game["ids"], game["ids"][0].removesuffix("NoFrameskip-v4"))} == {path.stem}
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    emulator = ale_py.ALEInterface()
    emulator.setInt("random_seed", 0)
    emulator.setFloat("repeat_action_probability", 0.0)
    rom = roms.get_rom_path(game["rom"])
    assert rom is not None
    emulator.loadROM(rom)
    assert [action.name for action in emulator.getMinimalActionSet()] == game["actions"]
    assert emulator.lives() == game["lives"]
    assert waits_for_fire(emulator) == game["fire_starts"]
    assert set(game["scores"]) == {"random", "human", "dqn", "double_dqn"}


def waits_for_fire(emulator: ale_py.ALEInterface) -> bool:
    """Whether the screen stands still for 10 seconds without FIRE, and moves after it."""
    before = emulator.getScreenGrayscale()
    for _ in range(600):
        emulator.act(ale_py.Action.NOOP)
        if (emulator.getScreenGrayscale() != before).any():
            return False
    for _ in range(60):
        emulator.act(ale_py.Action.FIRE)
    return bool((emulator.getScreenGrayscale() != before).any())


@pytest.mark.parametrize("name", ["CartPole-v1", "LunarLander-v3"])
def test_what_a_file_says_of_a_gymnasium_environment_is_so(name: str) -> None:
    game = load("dqn", resolve(name)).game
    with gymnasium.make(name) as env:
        assert isinstance(env.action_space, gymnasium.spaces.Discrete)
        assert len(game["actions"]) == env.action_space.n
        assert env.spec is not None
        assert env.spec.reward_threshold == game["solved"]


def test_atari_is_the_nature_recipe() -> None:
    found = load("dqn", resolve("SpaceInvadersNoFrameskip-v4")).hyperparameters
    assert found.learning_rate.as_plain_data() == 0.00025
    assert found.optimizer_kwargs == {"decay": 0.95, "eps": 0.01 / 32**2}
    assert found.exploration.arguments == {"start": 1.0, "end": 0.1, "agent_steps": 1_000_000}
    assert (found.buffer_size, found.learning_starts, found.batch_size) == (1_000_000, 50_000, 32)
    assert (found.train_freq, found.gradient_steps, found.target_update_interval) == (4, 1, 10_000)
    assert found.max_grad_norm is None


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


def searched(configuration: Configuration) -> dict[str, Any]:
    return dict(configuration.search)


@pytest.mark.parametrize("algo", [*ALGORITHMS, *YARDSTICKS])
@pytest.mark.parametrize("name", ["SpaceInvadersNoFrameskip-v4", "CartPole-v1"])
def test_a_search_block_speaks_of_values_that_exist_and_its_ends_are_allowed(algo: str, name: str) -> None:
    configuration = load(algo, resolve(name))
    assert searched(configuration)
    for key, entry in configuration.search.items():
        assert key in configuration.flat()
        assert entry["type"] in ("float", "int", "categorical")
        ends = entry["choices"] if entry["type"] == "categorical" else [entry["low"], entry["high"]]
        assert len(ends) >= 2
        for end in ends:
            assert load(algo, resolve(name), overrides={key: end}).flat()[key] == end


def test_double_dqn_searches_where_dqn_does_but_for_the_target_network() -> None:
    dqn, double = (document(ROOT / "algorithms" / f"{name}.yml")[SEARCH].plain() for name in ALGORITHMS)
    found = load("double_dqn", resolve("CartPole-v1")).search
    assert double.pop("inherit") == "dqn"
    assert found == dqn | double
    assert repeated(dqn, double) == [
        "target_update_interval.type",
        "target_update_interval.low",
        "target_update_interval.log",
    ]
    assert set(ALGORITHMS) <= set(registry.algorithms.names())
