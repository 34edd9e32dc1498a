"""Every YAML file that we ship: it loads, repeats nothing, and what it says of a game is what the emulator says."""

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import pytest
import stable_baselines3

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext import registry
from dqn_zoo_ext.config.layers import (
    GAME,
    NOT_HYPERPARAMETERS,
    RL_ZOO,
    SEARCH,
    Keys,
    one_layer,
)
from dqn_zoo_ext.config.load import Configuration, flatten, load
from dqn_zoo_ext.config.merge import Layer, merge
from dqn_zoo_ext.config.resolve import settings_names
from dqn_zoo_ext.config.schema import HYPERPARAMETERS, SCHEDULES, Hyperparameters
from dqn_zoo_ext.config.shipped_files import shipped
from dqn_zoo_ext.config.yaml_source import Located, Source, located, read_mapping
from dqn_zoo_ext.envs.ids import FAMILIES, resolve, single_player_games
from dqn_zoo_ext.experiment.search.space import search_space
from dqn_zoo_ext.learning.parts import parts_of

ROOT = shipped("")[0]
GAME_FILES = sorted(path for family in FAMILIES for path in (ROOT / family).glob("*.yml"))
ATARI_FILES = sorted((ROOT / "atari").glob("*.yml"))
ALGORITHMS = (
    *("dqn", "double_dqn", "dueling_dqn", "prioritized_dqn", "n_step_dqn", "noisy_dqn", "c51", "qrdqn", "iqn"),
    *("munchausen_dqn", "munchausen_iqn", "rainbow", "data_efficient_rainbow", "impala_dqn", "btr"),
)
YARDSTICKS = ("sb3_dqn", "sb3_qrdqn")
FOR_IMAGES = {"impala_dqn"}
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
SEARCHED = [
    (algo, name)
    for algo in (*ALGORITHMS, *YARDSTICKS)
    for name in ("SpaceInvadersNoFrameskip-v4", "CartPole-v1")
    if algo not in FOR_IMAGES or name != "CartPole-v1"
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


def test_atari_is_the_nature_recipe() -> None:
    found = load("dqn", resolve("SpaceInvadersNoFrameskip-v4")).hyperparameters
    assert found.learning_rate.as_plain_data() == 0.00025
    assert found.optimizer_kwargs == {"decay": 0.95, "eps": 0.01 / 32**2}
    assert found.exploration.arguments == {"start": 1.0, "end": 0.1, "agent_steps": 1_000_000}
    assert (found.buffer_size, found.learning_starts, found.batch_size) == (1_000_000, 50_000, 32)
    assert (found.train_freq, found.gradient_steps, found.target_update_interval) == (4, 1, 10_000)
    assert found.max_grad_norm is None


BETA = {"schedule": "linear", "start": 0.4, "end": 1.0, "fraction": 1.0}
TO_0_01 = {"schedule": "linear", "start": 1.0, "end": 0.01}
MUNCHAUSEN = {"temperature": 0.03, "bonus_scale": 0.9, "bonus_floor": -1.0}
OF_DQN = {"gamma": 0.99, "batch_size": 32, "train_freq": 4, "gradient_steps": 1, "n_steps": 1, "max_grad_norm": None}
ON_FLAT_MAPS = {"torso": "nature", "torso_kwargs": {"features_dim": None}, "net_arch": [512]}
PAPERS: dict[str, dict[str, Any]] = {
    "dueling_dqn": {
        "policy_kwargs": {**ON_FLAT_MAPS, "head": "dueling"},
        "optimizer": "deepmind_rmsprop",
        "learning_rate": 6.25e-5,
        "max_grad_norm": 10.0,
    },
    "prioritized_dqn": {
        "learning_rate": 2.5e-4 / 4,
        "replay_buffer_class": "prioritized_ring",
        "replay_buffer_kwargs": {"alpha": 0.6, "beta": BETA, "uniform_share": 0.001},
    },
    "n_step_dqn": {**OF_DQN, "n_steps": 3},
    "noisy_dqn": {
        **OF_DQN,
        "policy_kwargs": {**ON_FLAT_MAPS, "head": "linear", "layer": "noisy", "layer_kwargs": {"sigma": 0.5}},
        "exploration": 0.0,
    },
    "c51": {
        **OF_DQN,
        "policy_kwargs": {
            "torso": "nature",
            "head": "linear",
            "distribution": "categorical",
            "distribution_kwargs": {"n_atoms": 51, "v_min": -10.0, "v_max": 10.0},
        },
        "loss": "cross_entropy",
        "optimizer": "adam",
        "optimizer_kwargs": {"eps": 0.01 / 32},
        "learning_rate": 2.5e-4,
        "exploration": {**TO_0_01, "agent_steps": 1_000_000},
        "learning_starts": 50_000,
        "target_update_interval": 10_000,
        "next_action": "target",
    },
    "qrdqn": {
        **OF_DQN,
        "policy_kwargs": {
            "torso": "nature",
            "head": "linear",
            "distribution": "quantile",
            "distribution_kwargs": {"n_quantiles": 200},
        },
        "kappa": 1.0,
        "optimizer": "adam",
        "optimizer_kwargs": {"eps": 0.01 / 32},
        "learning_rate": 5e-5,
        "exploration": {**TO_0_01, "agent_steps": 1_000_000},
        "next_action": "target",
    },
    "iqn": {
        **OF_DQN,
        "policy_kwargs": {
            **ON_FLAT_MAPS,
            "head": "linear",
            "distribution": "implicit_quantile",
            "distribution_kwargs": {"n_cosines": 64, "n_acting": 32},
        },
        "n_online": 64,
        "n_target": 64,
        "kappa": 1.0,
        "optimizer": "adam",
        "optimizer_kwargs": {"eps": 0.01 / 32},
        "learning_rate": 5e-5,
        "exploration": {**TO_0_01, "agent_steps": 1_000_000},
        "learning_starts": 50_000,
        "target_update_interval": 10_000,
    },
    "munchausen_dqn": {
        **OF_DQN,
        **MUNCHAUSEN,
        "loss": "huber",
        "optimizer": "adam",
        "optimizer_kwargs": {"eps": 0.01 / 32},
        "learning_rate": 5e-5,
        "exploration": {**TO_0_01, "agent_steps": 250_000},
        "learning_starts": 20_000,
        "target_update_interval": 8_000,
        "target_update_unit": "agent_steps",
    },
    "munchausen_iqn": {
        **OF_DQN,
        **MUNCHAUSEN,
        "n_online": 64,
        "n_target": 64,
        "kappa": 1.0,
        "policy_kwargs": {
            **ON_FLAT_MAPS,
            "head": "linear",
            "distribution": "implicit_quantile",
            "distribution_kwargs": {"n_cosines": 64, "n_acting": 32},
        },
        "optimizer": "adam",
        "optimizer_kwargs": {"eps": 0.01 / 32},
        "learning_rate": 5e-5,
        "exploration": {**TO_0_01, "agent_steps": 250_000},
        "learning_starts": 20_000,
        "target_update_interval": 8_000,
    },
    "rainbow": {
        **OF_DQN,
        "n_steps": 3,
        "policy_kwargs": {
            **ON_FLAT_MAPS,
            "head": "dueling",
            "layer": "noisy",
            "layer_kwargs": {"sigma": 0.5},
            "distribution": "categorical",
            "distribution_kwargs": {"n_atoms": 51, "v_min": -10.0, "v_max": 10.0},
        },
        "replay_buffer_class": "prioritized_ring",
        "replay_buffer_kwargs": {"alpha": 0.5, "beta": BETA, "uniform_share": 0.001},
        "optimizer": "adam",
        "optimizer_kwargs": {"eps": 1.5e-4},
        "learning_rate": 6.25e-5,
        "max_grad_norm": 10.0,
        "exploration": 0.0,
        "buffer_size": 1_000_000,
        "learning_starts": 80_000 // 4,
        "target_update_interval": 32_000 // 4,
        "target_update_unit": "agent_steps",
        "next_action": "online",
    },
    "data_efficient_rainbow": {
        **OF_DQN,
        "n_timesteps": 100_000,
        "n_envs": 1,
        "train_freq": 1,
        "n_steps": 20,
        "eval_freq": 10_000,
        "policy_kwargs": {
            "torso": "data_efficient",
            "torso_kwargs": {"features_dim": None},
            "net_arch": [256],
            "head": "dueling",
            "layer": "noisy",
            "layer_kwargs": {"sigma": 0.1},
            "distribution": "categorical",
            "distribution_kwargs": {"n_atoms": 51, "v_min": -10.0, "v_max": 10.0},
        },
        "replay_buffer_class": "prioritized_ring",
        "replay_buffer_kwargs": {"alpha": 0.5, "beta": BETA, "uniform_share": 0.001},
        "optimizer": "adam",
        "optimizer_kwargs": {"eps": 1.5e-4},
        "learning_rate": 1e-4,
        "max_grad_norm": 10.0,
        "exploration": 0.0,
        "buffer_size": 100_000,
        "learning_starts": 1_600,
        "target_update_interval": 2_000,
        "target_update_unit": "updates",
        "next_action": "online",
    },
    "btr": {
        **MUNCHAUSEN,
        "n_online": 8,
        "n_target": 8,
        "kappa": 1.0,
        "n_envs": 64,
        "train_freq": 64,
        "gradient_steps": 1,
        "batch_size": 256,
        "n_steps": 3,
        "gamma": 0.997,
        "policy_kwargs": {
            "torso": "impala",
            "torso_kwargs": {"features_dim": None, "width": 2, "normalization": "spectral", "pooling": 6},
            "net_arch": [512],
            "head": "dueling",
            "layer": "noisy",
            "layer_kwargs": {"sigma": 0.5},
            "distribution": "implicit_quantile",
            "distribution_kwargs": {"n_cosines": 64, "n_acting": 8},
        },
        "loss": "quantile_huber",
        "replay_buffer_class": "prioritized_ring",
        "replay_buffer_kwargs": {"alpha": 0.2, "beta": BETA, "uniform_share": 0.0},
        "optimizer": "adam",
        "optimizer_kwargs": {"eps": 0.005 / 256},
        "learning_rate": 1e-4,
        "max_grad_norm": 10.0,
        "exploration_begins": "start",
        "buffer_size": 2**20,
        "learning_starts": 200_000,
        "target_update_interval": 500,
        "target_update_unit": "updates",
    },
}


@pytest.mark.parametrize("algo", PAPERS)
def test_space_invaders_has_the_papers_values(algo: str) -> None:
    found = load(algo, resolve("SpaceInvadersNoFrameskip-v4")).as_plain_data()
    assert {key: found[key] for key in PAPERS[algo]} == PAPERS[algo]


def test_btrs_epsilon_follows_the_programs_and_is_off_in_the_second_half() -> None:
    parameters = load("btr", resolve("SpaceInvadersNoFrameskip-v4")).hyperparameters
    schedule = registry.schedules.get(parameters.exploration.name)(**parameters.exploration.arguments)
    total, epsilon = parameters.n_timesteps, 1.0
    for agent_steps in range(total // 2 + 1):
        if agent_steps % 50_000 == 0:
            assert 0 <= schedule.at(agent_steps, total) - epsilon + 1e-4 < 0.0085
        epsilon -= (epsilon - 0.01) / 2_000_000
    assert schedule.at(total // 2 + 1, total) == schedule.at(total, total) == 0


@pytest.mark.parametrize("algo", ["c51", "rainbow", "data_efficient_rainbow"])
@pytest.mark.parametrize(("name", "least", "most"), [("CartPole-v1", 0, 100), ("Acrobot-v1", -100, 0)])
def test_the_atoms_span_the_returns_of_classic_control(algo: str, name: str, least: float, most: float) -> None:
    found = load(algo, resolve(name))
    assert found.hyperparameters.gamma == 0.99
    atoms = found.hyperparameters.policy_kwargs["distribution_kwargs"]
    assert atoms["v_min"] <= least
    assert atoms["v_max"] >= most
    if name == "CartPole-v1":
        assert (atoms["v_min"], atoms["v_max"]) == (0, 100)


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


@pytest.mark.parametrize(("algo", "name"), SEARCHED)
def test_a_search_block_speaks_of_values_that_exist_and_its_ends_are_allowed(algo: str, name: str) -> None:
    tried: dict[str, int] = {}

    def load_and_look(overrides: Mapping[str, object]) -> Configuration:
        found = load(algo, resolve(name), overrides=overrides)
        for key, value in overrides.items():
            assert found.flat()[key] == value
            tried[key] = tried.get(key, 0) + 1
        return found

    block = load(algo, resolve(name)).search
    assert set(search_space(load_and_look, {})) == set(block) == set(tried)
    assert set(block) <= set(load(algo, resolve(name)).flat())
    assert min(tried.values()) >= 2


def changed(algo: str, name: str, game: str) -> dict[str, tuple[Any, Any]]:
    """What a variant changes of a game's values, by dotted key: before and after; None where there is none."""
    env = resolve(game)
    whole = load(algo, env)
    variant = whole.ablations[name]
    before, after = whole.flat(), load(variant.algo, env, variant=variant.params).flat()
    both = {key: (before.get(key), after.get(key)) for key in {**before, **after}}
    return {key: values for key, values in both.items() if values[0] != values[1]}


@pytest.mark.parametrize(
    ("algo", "name", "keys"),
    [
        ("rainbow", "no_double", {"next_action"}),
        ("rainbow", "no_priorities", {"replay_buffer_class", "replay_buffer_kwargs"}),
        ("rainbow", "no_multi_step", {"n_steps"}),
        ("rainbow", "no_dueling", {"policy_kwargs.head"}),
        ("rainbow", "no_noisy", {"policy_kwargs.layer", "policy_kwargs.layer_kwargs", "exploration"}),
        ("rainbow", "no_distribution", {"policy_kwargs.distribution", "loss", "next_action"}),
        ("data_efficient_rainbow", "no_multi_step", {"n_steps"}),
        ("data_efficient_rainbow", "no_noisy", {"policy_kwargs.layer", "policy_kwargs.layer_kwargs", "exploration"}),
        ("data_efficient_rainbow", "no_distribution", {"policy_kwargs.distribution", "loss", "next_action"}),
        ("btr", "no_impala", {"policy_kwargs.torso"}),
        ("btr", "no_spectral", {"policy_kwargs.torso_kwargs.normalization"}),
        ("btr", "no_pooling", {"policy_kwargs.torso_kwargs.pooling"}),
        ("btr", "no_priorities", {"replay_buffer_class", "replay_buffer_kwargs"}),
        ("btr", "no_multi_step", {"n_steps"}),
        ("btr", "no_dueling", {"policy_kwargs.head"}),
        ("btr", "no_noisy", {"policy_kwargs.layer", "policy_kwargs.layer_kwargs", "exploration"}),
        ("btr", "no_vectors", {"n_envs", "train_freq", "batch_size", "learning_rate", "optimizer_kwargs.eps"}),
        ("btr", "no_munchausen", {"temperature", "bonus_scale", "bonus_floor", "next_action"}),
        ("btr", "no_iqn", {"policy_kwargs.distribution", "loss", "n_online", "n_target", "kappa"}),
    ],
)
def test_an_ablation_takes_one_part_away_and_changes_nothing_else(algo: str, name: str, keys: set[str]) -> None:
    found = changed(algo, name, "SpaceInvadersNoFrameskip-v4")
    assert {next((key for key in keys if each.startswith(key)), each) for each in found} <= keys
    assert all(any(each.startswith(key) for each in found) for key in keys)


@pytest.mark.parametrize("algo", ["rainbow", "data_efficient_rainbow", "btr"])
def test_the_ablations_fit_small_problems_as_well(algo: str) -> None:
    found = load(algo, resolve("CartPole-v1")).ablations
    on_atari = load(algo, resolve("PongNoFrameskip-v4")).ablations
    only_for_screens = {"no_impala", "no_spectral", "no_pooling", "no_vectors"}
    assert set(found) == set(on_atari) - only_for_screens
    for name in found:
        keys = {key for key, values in changed(algo, name, "CartPole-v1").items() if values != ("flatten", None)}
        assert keys
        assert not {key for key in keys if key.startswith(("learning_rate", "n_envs", "policy_kwargs.torso"))}


@pytest.mark.parametrize("algo", ["noisy_dqn", "rainbow", "data_efficient_rainbow", "btr"])
def test_where_noise_explores_no_epsilon_is_searched_for(algo: str) -> None:
    assert "exploration.end" not in load(algo, resolve("SpaceInvadersNoFrameskip-v4")).search


@pytest.mark.parametrize("algo", ["noisy_dqn", "rainbow", "data_efficient_rainbow"])
@pytest.mark.parametrize("name", ["CartPole-v1", "LunarLander-v3"])
def test_a_games_schedule_of_epsilon_is_not_for_algorithms_without_one(algo: str, name: str) -> None:
    assert load(algo, resolve(name)).hyperparameters.exploration.as_plain_data() == 0.0
    assert load("dqn", resolve(name)).hyperparameters.exploration.arguments["fraction"] < 0.5


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
