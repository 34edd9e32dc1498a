from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field

import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # with algorithms, these register what the files name
from dqn_zoo_ext import registry
from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.config import layers
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.config.shipped_files import read_shipped, shipped
from dqn_zoo_ext.config.yaml_source import read_mapping, to_yaml
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation import protocols

PONG = resolve("PongNoFrameskip-v4")
CARTPOLE = resolve("CartPole-v1")


class Categorical(DQN):
    """An outside algorithm with keys of its own."""

    @dataclass(frozen=True)
    class Settings:
        v_min: float = -10.0
        v_max: float = 10.0
        atoms: Annotated[int, Field(ge=2)] = 51

        def __post_init__(self) -> None:
            if self.v_min >= self.v_max:
                raise ValueError(f"v_min must be below v_max, got {self.v_min} and {self.v_max}")


@pytest.fixture
def categorical(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """`Categorical`, registered with a YAML file of its own, for one test."""
    defaults = tmp_path / "categorical.yml"
    defaults.write_text(
        "v_max: 20\nlearning_rate: 5e-4\nsearch: {inherit: dqn, atoms: {type: int, low: 11, high: 101}}\n"
    )
    monkeypatch.setattr(registry.algorithms, "_entries", dict(registry.algorithms._entries))
    monkeypatch.setattr(registry, "_defaults_of_algorithm", {})
    registry.register_algorithm("categorical", defaults)(Categorical)
    return "categorical"


def conf(folder: Path, text: str) -> Path:
    path = folder / "conf.yml"
    path.write_text(text)
    return path


def test_the_layers_come_in_the_stated_order(tmp_path: Path, categorical: str) -> None:
    text = (
        "gamma: 0.9\nbatch_size: 16\nlearning_rate: 3e-4\ncategorical: {batch_size: 8, n_steps: 3}\ndqn: {n_steps: 9}\n"
    )
    found = load(categorical, PONG, conf_file=conf(tmp_path, text), overrides={"n_steps": "2"})
    family = (Path(__file__).parents[2] / "hyperparams/families/atari.yml").read_text(encoding="utf-8").splitlines()
    line = 1 + next(number for number, text in enumerate(family) if text.startswith("buffer_size:"))
    assert str(found.sources["buffer_size"]) == f"hyperparams/families/atari.yml:{line}"
    assert found.settings.v_max == 20
    assert str(found.sources["v_max"]) == f"{tmp_path / 'categorical.yml'}:1"
    assert found.hyperparameters.learning_rate.as_plain_data() == 3e-4
    assert found.hyperparameters.batch_size == 8
    assert str(found.sources["batch_size"]) == f"{tmp_path / 'conf.yml'}:4"
    assert found.hyperparameters.n_steps == 2
    assert str(found.sources["n_steps"]) == "-params"
    assert str(found.sources["v_min"]) == "default"
    assert load("dqn", PONG, conf_file=tmp_path / "conf.yml").hyperparameters.n_steps == 9


def test_a_game_file_lies_over_its_family() -> None:
    found = load("dqn", CARTPOLE)
    assert found.hyperparameters.batch_size == 64
    assert found.sources["batch_size"].file == "hyperparams/classic_control/CartPole-v1.yml"
    assert found.sources["exploration.start"].file == "hyperparams/families/classic_control.yml"
    assert found.sources["exploration.end"].file == "hyperparams/classic_control/CartPole-v1.yml"


def test_the_search_block_of_an_outside_algorithm_inherits(categorical: str) -> None:
    assert load(categorical, PONG).search == {
        **load("dqn", PONG).search,
        "atoms": {"type": "int", "low": 11, "high": 101},
    }


def test_an_rl_zoo_file_leaves_the_algorithms_own_keys_alone(tmp_path: Path, categorical: str) -> None:
    found = load(
        categorical, PONG, conf_file=conf(tmp_path, "atari: {n_timesteps: 10, policy: CnnPolicy, v_min: -1}\n")
    )
    assert (found.settings.v_min, found.settings.v_max) == (-1, 20)
    assert found.hyperparameters.learning_rate.as_plain_data() == 1e-4


def test_settings_are_none_for_an_algorithm_without() -> None:
    assert load("dqn", PONG).settings is None


@pytest.mark.parametrize(
    ("overrides", "key", "value"),
    [
        ({"learning_rate": "1e-3"}, "learning_rate", 0.001),
        ({"learning_rate": 1e-3}, "learning_rate", 0.001),
        ({"learning_rate": "lin_1e-3"}, "learning_rate.start", 0.001),
        ({"exploration.end": "0.01"}, "exploration.end", 0.01),
        ({"exploration": "0.3"}, "exploration", 0.3),
        ({"exploration.fraction": "0.5"}, "exploration.fraction", 0.5),
        ({"exploration_fraction": "0.5"}, "exploration.fraction", 0.5),
        ({"policy_kwargs.torso": "nips"}, "policy_kwargs.torso", "nips"),
        ({"policy_kwargs": "{torso: nips}"}, "policy_kwargs.torso", "nips"),
        ({"policy_kwargs": "dict(torso='nips')"}, "policy_kwargs.torso", "nips"),
        ({"policy_kwargs": "{torso: nips}", "policy_kwargs.head": "linear"}, "policy_kwargs.torso", "nips"),
        ({"policy_kwargs.torso_kwargs": "{features_dim: 64}"}, "policy_kwargs.torso_kwargs.features_dim", 64),
        ({"policy_kwargs.torso_kwargs.features_dim": "64.0"}, "policy_kwargs.torso_kwargs.features_dim", 64),
        ({"n_timesteps": "1e6"}, "n_timesteps", 1_000_000),
        ({"max_grad_norm": "10"}, "max_grad_norm", 10.0),
        ({"max_grad_norm": "null"}, "max_grad_norm", None),
        ({"optimizer": "adam", "optimizer_kwargs": "{betas: [0.8, 0.9]}"}, "optimizer_kwargs.betas", [0.8, 0.9]),
        (
            {"exploration": "{schedule: piecewise, points: [[0, 1.0], [1e6, 0.1]]}"},
            "exploration.points",
            [[0, 1.0], [1e6, 0.1]],
        ),
        ({"preprocessing_kwargs.noop_max": "0"}, "preprocessing_kwargs.noop_max", 0),
        ({"env_kwargs.full_action_space": "true"}, "env_kwargs.full_action_space", True),
        ({"gradient_steps": "-1"}, "gradient_steps", -1),
    ],
)
def test_the_command_line(overrides: Mapping[str, object], key: str, value: Any) -> None:
    found = load("dqn", PONG, overrides=overrides)
    assert found.flat()[key] == value
    assert type(found.flat()[key]) is type(value)
    assert str(found.sources[key]) == "-params"


def test_the_command_line_leaves_the_rest_of_a_mapping() -> None:
    found = load("dqn", PONG, overrides={"exploration.fraction": "0.5", "policy_kwargs.torso": "nips"}).hyperparameters
    assert found.exploration.arguments == {"start": 1.0, "end": 0.1, "fraction": 0.5}
    assert found.policy_kwargs == {"torso": "nips", "head": "linear"}


def test_another_optimizer_does_not_inherit_foreign_keywords() -> None:
    assert load("dqn", PONG, overrides={"optimizer": "adam"}).hyperparameters.optimizer_kwargs == {}


def test_env_kwargs_that_no_preprocessing_declares_are_left_to_the_environment() -> None:
    assert load("dqn", CARTPOLE, overrides={"env_kwargs.foo": "3"}).hyperparameters.env_kwargs == {"foo": 3}


def test_env_kwargs_are_finite_whoever_takes_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"conf.yml:2: env_kwargs.gravity: must be a finite number"):
        load("dqn", resolve("LunarLander-v3"), conf_file=conf(tmp_path, "env_kwargs:\n  gravity: .nan\n"))


@pytest.mark.parametrize("name", ["atari/pong.yml", "classic_control/CartPole-v1.yml"])
def test_a_copy_of_a_games_file_may_be_given_as_it_is(tmp_path: Path, name: str) -> None:
    env = PONG if "pong" in name else CARTPOLE
    found = load("dqn", env, conf_file=conf(tmp_path, shipped(name)[0].read_text()))
    assert same(found, load("dqn", env))


def test_an_outside_protocol_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.protocols, "_entries", dict(registry.protocols._entries))
    mine = replace(protocols.get("greedy"), name="mine")
    registry.protocols.add("mine", mine)
    assert load("dqn", PONG, overrides={"eval_protocol": "mine"}).hyperparameters.eval_protocol == "mine"
    assert protocols.get("mine") is mine


def test_a_configuration_is_frozen() -> None:
    found = load("dqn", PONG)
    with pytest.raises(FrozenInstanceError):
        found.algo = "x"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        found.hyperparameters.gamma = 0.5  # type: ignore[misc]


def test_one_load_does_not_touch_the_next() -> None:
    first = load("dqn", PONG, overrides={"policy_kwargs.torso": "nips"})
    assert load("dqn", PONG).hyperparameters.policy_kwargs["torso"] == "nature"
    assert first.hyperparameters.policy_kwargs["torso"] == "nips"


def same(one: Configuration, other: Configuration) -> bool:
    return (one.algo, one.env, one.hyperparameters, one.settings, one.search, one.game) == (
        *(other.algo, other.env, other.hyperparameters, other.settings, other.search, other.game),
    )


def given_back(configuration: Configuration, folder: Path, text: str) -> Configuration:
    return load(configuration.algo, configuration.env, conf_file=conf(folder, text))


@pytest.mark.parametrize(
    "env", ["PongNoFrameskip-v4", "ALE/SpaceInvaders-v5", "CartPole-v1", "LunarLander-v3", "Tetris"]
)
@pytest.mark.parametrize("algo", ["dqn", "double_dqn", "categorical"])
@pytest.mark.parametrize("write", [to_yaml, yaml.safe_dump], ids=["ours", "pyyaml"])
def test_a_runs_config_given_back_is_the_same_configuration(
    algo: str, env: str, write: Any, tmp_path: Path, categorical: str
) -> None:
    assert categorical in registry.algorithms
    found = load(algo, resolve(env), overrides={"learning_rate": "lin_3e-4", "callback": "[]"})
    back = given_back(found, tmp_path, write(found.as_plain_data()))
    assert same(found, back)
    assert {source.file for source in back.sources.values()} == {str(tmp_path / "conf.yml")}


def test_nothing_beneath_leaks_into_a_complete_file(tmp_path: Path) -> None:
    found = load("dqn", PONG, conf_file=conf(tmp_path, "atari: {n_timesteps: 10, optimizer: deepmind_rmsprop}\n"))
    assert found.hyperparameters.optimizer_kwargs == {}
    assert same(found, given_back(found, tmp_path, to_yaml(found.as_plain_data())))


def test_a_search_block_of_a_conf_file_lies_over_the_algorithms(tmp_path: Path) -> None:
    found = load("dqn", PONG, conf_file=conf(tmp_path, "search: {gamma: {type: float, low: 0.9, high: 0.99}}\n"))
    assert found.search["gamma"] == {"type": "float", "low": 0.9, "high": 0.99}
    assert "learning_rate" in found.search
    assert same(found, given_back(found, tmp_path, to_yaml(found.as_plain_data())))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    number=st.floats(1e-12, 1.0),
    steps=st.integers(1, 10**12),
    epsilon=st.floats(0, 1),
    points=st.lists(
        st.tuples(st.integers(0, 10**9), st.floats(0, 1)), min_size=1, max_size=4, unique_by=lambda p: p[0]
    ),
)
def test_any_numbers_come_back_from_a_runs_config(
    tmp_path: Path, number: float, steps: int, epsilon: float, points: list[tuple[int, float]]
) -> None:
    exploration = {"schedule": "piecewise", "points": sorted([place, value] for place, value in points)}
    overrides = {
        "learning_rate": number,
        "n_timesteps": steps,
        "tau": number,
        "gamma": epsilon,
        "exploration": exploration,
    }
    found = load("dqn", CARTPOLE, overrides=overrides)
    assert found.hyperparameters.learning_rate.as_plain_data() == number
    assert same(found, given_back(found, tmp_path, to_yaml(found.as_plain_data())))


def test_an_outside_algorithms_mistakes(tmp_path: Path, categorical: str) -> None:
    where = tmp_path / "conf.yml"
    for text, message in [
        ("atoms: 1\n", f"{where}:1: atoms: must be at least 2, not 1"),
        ("atom: 1\n", f"{where}:1: unknown key 'atom' for algorithm 'categorical'; did you mean 'atoms'?"),
        (
            "v_min: 30\n",
            f"{where}:1, {tmp_path / 'categorical.yml'}:1: algorithm 'categorical': v_min must be below v_max",
        ),
    ]:
        with pytest.raises(UserError) as caught:
            load(categorical, PONG, conf_file=conf(tmp_path, text))
        assert str(caught.value).startswith(message)
    with pytest.raises(UserError, match="unknown key 'atoms' for algorithm 'dqn'"):
        load("dqn", PONG, overrides={"atoms": 2})


def test_a_search_block_that_inherits_from_itself(tmp_path: Path, categorical: str) -> None:
    defaults = tmp_path / "categorical.yml"
    defaults.write_text("search: {inherit: categorical}\n")
    with pytest.raises(UserError, match=r"categorical.yml:1: the search block of 'categorical' inherits from itself"):
        load(categorical, PONG)
    defaults.write_text("search: {inherit: dqnn}\n")
    with pytest.raises(UserError, match=r"categorical.yml:1: unknown algorithm 'dqnn'; did you mean 'dqn'\?"):
        load(categorical, PONG)


def test_null_takes_an_inherited_entry_of_a_search_away(tmp_path: Path, categorical: str) -> None:
    defaults = tmp_path / "categorical.yml"
    defaults.write_text("search: {inherit: dqn, gamma: null, atoms: {type: int, low: 11, high: 101}}\n")
    found = load(categorical, PONG)
    assert set(found.search) == {*load("dqn", PONG).search, "atoms"} - {"gamma"}
    without_atoms = load(categorical, PONG, conf_file=conf(tmp_path, "search: {atoms: null}\n"))
    assert set(without_atoms.search) == set(found.search) - {"atoms"}
    assert same(without_atoms, given_back(without_atoms, tmp_path, to_yaml(without_atoms.as_plain_data())))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("{inherit: dqn, gama: null}", "search.gama: null takes an inherited entry away, and none of this name is "),
        ("{inherit: dqn, gama: null}", "is inherited; did you mean 'gamma'?"),
        ("{gamma: null}", "search.gamma: null takes an inherited entry away, and none of this name is inherited"),
    ],
)
def test_null_for_an_entry_that_is_not_inherited(tmp_path: Path, categorical: str, block: str, message: str) -> None:
    (tmp_path / "categorical.yml").write_text(f"search: {block}\n")
    with pytest.raises(UserError) as caught:
        load(categorical, PONG)
    assert str(caught.value).startswith(f"{tmp_path / 'categorical.yml'}:1: ")
    assert message in str(caught.value)


def test_a_games_schedule_that_names_itself_or_a_section_is_for_every_algorithm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    game = tmp_path / "game.yml"
    monkeypatch.setattr(layers, "read_shipped", reading(game, read_shipped))
    game.write_text("exploration: {end: 0.04}\n")
    assert load("noisy_dqn", CARTPOLE).hyperparameters.exploration.as_plain_data() == 0.0
    assert load("dqn", CARTPOLE).hyperparameters.exploration.arguments["end"] == 0.04
    game.write_text("exploration: 0.04\n")
    assert load("noisy_dqn", CARTPOLE).hyperparameters.exploration.as_plain_data() == 0.04
    game.write_text("exploration: {end: 0.04}\nnoisy_dqn: {exploration: 0.02}\n")
    assert load("noisy_dqn", CARTPOLE).hyperparameters.exploration.as_plain_data() == 0.02


def reading(game: Path, read: Any) -> Any:
    def read_shipped(name: str, optional: bool = False) -> Any:
        return read_mapping(game, "game.yml") if name == "classic_control/CartPole-v1.yml" else read(name, optional)

    return read_shipped


def test_settings_may_not_take_a_name_that_all_algorithms_have(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Settings:
        gamma: float = 0.5

    monkeypatch.setattr(DQN, "Settings", Settings, raising=False)
    with pytest.raises(ValueError, match=r"take names that all algorithms have: \['gamma'\]"):
        load("dqn", PONG)
