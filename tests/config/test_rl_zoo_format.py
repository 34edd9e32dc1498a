"""RL-Zoo's files, unchanged, with ``-conf``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import rl_zoo3
import yaml
from conftest import COURSE

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext.config import rl_zoo_format
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.experiment.build import build_venv
from dqn_zoo_ext.learning.networks import activations

RL_ZOO_FILE = Path(rl_zoo3.__file__).parent / "hyperparams" / "dqn.yml"


NOT_NORMALIZED = (
    "running averages of observations and rewards are not kept here, "
    "and an agent learned with them plays only with them"
)


def configured(text: str, folder: Path, env: str, overrides: Mapping[str, object] | None = None) -> Configuration:
    path = folder / "conf.yml"
    path.write_text(text)
    return load("dqn", resolve(env), conf_file=path, overrides=overrides)


def block(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(RL_ZOO_FILE.read_text())[name]
    return found


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ("PongNoFrameskip-v4", "atari"),
        ("ALE/Pong-v5", "atari"),
        ("Tetris", "atari"),
        ("CartPole-v1", "CartPole-v1"),
        ("MountainCar-v0", "MountainCar-v0"),
        ("LunarLander-v3", "LunarLander-v3"),
        ("FrozenLake-v1", "default"),
    ],
)
def test_rl_zoos_own_file_chooses_the_block_that_rl_zoo_would(env: str, name: str) -> None:
    found = load("dqn", resolve(env), conf_file=RL_ZOO_FILE).hyperparameters
    expected = block(name)
    plain = found.as_plain_data()
    for key in set(expected) & set(plain) - {"policy_kwargs"}:
        assert plain[key] == expected[key], key
    exploration = found.exploration.arguments
    assert exploration["fraction"] == expected.get("exploration_fraction", 0.1)
    assert exploration["end"] == expected.get("exploration_final_eps", 0.05)
    assert exploration["start"] == 1.0
    net_arch = [256, 256] if "policy_kwargs" in expected else [64, 64]
    assert found.policy_kwargs == ({} if name == "atari" else {"net_arch": net_arch})
    assert (found.preprocessing, found.replay_buffer_class) == (
        ("atari", "frame_ring") if name == "atari" else ("none", "sb3")
    )
    assert found.eval_protocol == ("rl-zoo" if name == "atari" else "greedy")
    assert found.n_envs == 1
    assert found.exploration_begins == "start"
    assert found.target_update_unit == "agent_steps"


def test_the_courses_file_works_unchanged_and_nothing_of_ours_lies_beneath(tmp_path: Path) -> None:
    configuration = configured(COURSE, tmp_path, "SpaceInvadersNoFrameskip-v4")
    found = configuration.hyperparameters
    assert found.n_timesteps == 1_000_000
    assert (found.optimizer, found.optimizer_kwargs, found.max_grad_norm) == ("adam", {}, 10.0)
    assert found.learning_rate.as_plain_data() == 0.0001
    assert (found.replay_buffer_class, found.replay_buffer_kwargs, found.buffer_size) == ("frame_ring", {}, 100_000)
    assert (found.preprocessing, found.preprocessing_kwargs, found.frame_stack) == ("atari", {}, 4)
    files = {source.file for source in configuration.sources.values()}
    assert files == {str(tmp_path / "conf.yml"), "hyperparams/families/rl_zoo.yml", "default"}
    assert str(configuration.sources["exploration.end"]) == f"{tmp_path / 'conf.yml'}:15"
    assert str(configuration.sources["preprocessing"]) == f"{tmp_path / 'conf.yml'}:2"


def test_the_command_line_comes_after_the_block(tmp_path: Path) -> None:
    overrides = {"learning_rate": "1e-3", "exploration_final_eps": "0.02", "optimizer": "deepmind_rmsprop"}
    found = configured(COURSE, tmp_path, "SpaceInvadersNoFrameskip-v4", overrides).hyperparameters
    assert found.learning_rate.as_plain_data() == 0.001
    assert found.exploration.arguments == {"start": 1.0, "end": 0.02, "fraction": 0.1}
    assert found.optimizer == "deepmind_rmsprop"


def test_atari_wrappers_keywords_become_preprocessing_keywords(tmp_path: Path) -> None:
    text = """
atari:
  n_timesteps: 1000
  policy: CnnPolicy
  env_wrapper:
    - stable_baselines3.common.atari_wrappers.AtariWrapper:
        terminal_on_life_loss: false
        noop_max: 10
        action_repeat_probability: 0.25
"""
    found = configured(text, tmp_path, "PongNoFrameskip-v4").hyperparameters
    assert found.preprocessing_kwargs == {
        "terminal_on_life_loss": False,
        "noop_max": 10,
        "repeat_action_probability": 0.25,
    }


def test_keywords_of_the_wrapper_and_of_the_preprocessing_both_count(tmp_path: Path) -> None:
    text = """
atari:
  n_timesteps: 1000
  env_wrapper: {stable_baselines3.common.atari_wrappers.AtariWrapper: {noop_max: 10}}
  preprocessing_kwargs: {clip_reward: false}
"""
    found = configured(text, tmp_path, "PongNoFrameskip-v4").hyperparameters
    assert found.preprocessing_kwargs["noop_max"] == 10
    assert found.preprocessing_kwargs["clip_reward"] is False


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"dict(net_arch=[256, 256])"', {"net_arch": [256, 256]}),
        ("\"dict(net_arch=[8], activation='elu')\"", {"net_arch": [8], "activation": "elu"}),
        ("\"{'net_arch': (16, 16)}\"", {"net_arch": [16, 16]}),
        ('"dict(activation_fn=nn.Tanh, net_arch=[8])"', {"activation": "tanh", "net_arch": [8]}),
        ("{net_arch: [4]}", {"net_arch": [4]}),
        ('"dict()"', {"net_arch": [64, 64]}),
    ],
)
def test_policy_kwargs_in_quotes_are_literals(tmp_path: Path, written: str, read: Mapping[str, Any]) -> None:
    text = f"CartPole-v1:\n  n_timesteps: 10\n  policy_kwargs: {written}\n"
    assert configured(text, tmp_path, "CartPole-v1").hyperparameters.policy_kwargs == read


@pytest.mark.parametrize(
    "written",
    [
        "dict(net_arch=[64], activation_fn=nn.Sigmoid)",
        "dict(activation_fn=nn.ReLU())",
        "dict(activation_fn=os.ReLU)",
        "dict(activation_fn=nn.ReLU, activation='elu')",
        "dict(net_arch=nn.ReLU)",
        "dict(x=__import__('os').system('true'))",
        "dict(**{})",
        "dict([1])",
        "list()",
        "dict(torso=b'nips')",
        "dict(net_arch=[64], net_arch=[32])",
        "{'net_arch': [64], 'net_arch': [32]}",
        "dict(torso_kwargs={'features_dim': 64, 'features_dim': 32})",
        r"dict(torso='\\d')",
        "{1, 2}",
        "[64]",
        "dict(net_arch=[64]",
        "(" * 3000,
    ],
)
def test_what_is_not_a_literal_is_refused_and_never_run(tmp_path: Path, written: str) -> None:
    text = f'CartPole-v1:\n  n_timesteps: 10\n  policy_kwargs: "{written}"\n'
    with pytest.raises(UserError, match=r"conf.yml:3: policy_kwargs: '.*' is not a mapping of literals"):
        configured(text, tmp_path, "CartPole-v1")


def test_a_literal_may_say_what_yaml_may_say_and_no_more(tmp_path: Path) -> None:
    for written, message in [
        ("{1: 2}", "a key must be a plain name, got 1"),
        ("dict(torso=" + "9" * 30 + ")", "9" * 30 + " has more than the 64 bits of a whole number"),
    ]:
        with pytest.raises(UserError) as caught:
            configured(f'CartPole-v1:\n  policy_kwargs: "{written}"\n', tmp_path, "CartPole-v1")
        assert str(caught.value) == f"{tmp_path / 'conf.yml'}:2: {message}"


def test_a_few_values_under_a_games_name_are_told_what_that_makes_of_them(tmp_path: Path) -> None:
    game, conf = "MsPacmanNoFrameskip-v4", tmp_path / "conf.yml"
    replaced = "so it is read as an RL-Zoo file and replaces all our defaults: values alone go at the top level"
    with pytest.raises(UserError) as caught:
        configured(f"{game}:\n  learning_rate: 1e-4\n", tmp_path, game)
    assert str(caught.value) == (
        f"{conf}: no value for 'n_timesteps', neither in a file nor on the command line; {conf} has a block named "
        f"after a game ('{game}'), {replaced}"
    )
    found = configured(f"{game}:\n  learning_rate: 1e-4\n", tmp_path, game, {"n_timesteps": 500})
    with pytest.raises(UserError) as caught:
        build_venv(found, 1, seed=0)
    assert str(caught.value).startswith(f"preprocessing 'none' is not for Atari ('{game}')")
    assert str(caught.value).endswith(f"; {conf} has a block named after a game, {replaced}")
    # what the message advises works
    assert configured("learning_rate: 1e-4\n", tmp_path, game).hyperparameters.preprocessing == "atari"


def test_what_was_chosen_against_it_is_not_put_down_to_the_file(tmp_path: Path) -> None:
    chosen = {"n_timesteps": 500, "preprocessing": "none"}
    found = configured("Pong:\n  learning_rate: 1e-4\n", tmp_path, "Pong", chosen)
    with pytest.raises(UserError, match=r"use 'atari' or 'sb3_atari'$"):
        build_venv(found, 1, seed=0)


@pytest.mark.parametrize(
    ("text", "env", "message"),
    [
        (
            "CartPole-v1: {n_timesteps: 10}\n",
            "PongNoFrameskip-v4",
            ": read as an RL-Zoo file, as each of its top-level keys holds a mapping, but has no "
            "'PongNoFrameskip-v4' or 'atari' or 'default'",
        ),
        (
            "default:\n  policy: MlpPolicy\n",
            "CartPole-v1",
            ": no value for 'n_timesteps', neither in a file nor on the command line",
        ),
        (
            "default:\n  n_timesteps: 10\n  exploration_fractoin: 0.1\n",
            "CartPole-v1",
            ":3: unknown key 'exploration_fractoin' for algorithm 'dqn'; did you mean 'exploration_fraction'?",
        ),
        (
            "atari:\n  env_wrapper: my.Wrapper\n",
            "PongNoFrameskip-v4",
            ":2: env_wrapper 'my.Wrapper' is refused: a file imports no code here; SB3's AtariWrapper is known by "
            "name, anything else is a registered preprocessing",
        ),
        (
            "atari:\n  vec_env_wrapper: my.VecWrapper\n",
            "PongNoFrameskip-v4",
            ":2: vec_env_wrapper is refused: a file imports no code here, and what lies between environment and agent "
            "is a registered preprocessing",
        ),
        ("default:\n  normalize: true\n", "CartPole-v1", f":2: normalize: must be false, not true: {NOT_NORMALIZED}"),
        (
            "default:\n  normalize: \"{'norm_obs': False}\"\n",
            "CartPole-v1",
            f":2: normalize: must be false, not '{{'norm_obs': False}}': {NOT_NORMALIZED}",
        ),
        ("default:\n  normalize: 0\n", "CartPole-v1", f":2: normalize: must be false, not 0: {NOT_NORMALIZED}"),
        (
            "atari:\n  env_wrapper: [a, b]\n",
            "PongNoFrameskip-v4",
            ':2: env_wrapper: must be one class path, or {path: keywords}, not ["a", "b"]',
        ),
        (
            'atari:\n  env_wrapper: "a\\nb"\n',
            "PongNoFrameskip-v4",
            ":2: env_wrapper 'a b' is refused: a file imports no code here; SB3's AtariWrapper is known by name, "
            "anything else is a registered preprocessing",
        ),
        (
            "atari:\n  optimize_memory_usage: 1\n",
            "PongNoFrameskip-v4",
            ":2: optimize_memory_usage: must be true or false, not 1",
        ),
        (
            "atari:\n  exploration: {fraction: 0.2}\n  exploration_fraction: 0.1\n",
            "PongNoFrameskip-v4",
            ":3: 'exploration_fraction' says again what 'exploration' says in the same place",
        ),
        (
            "atari:\n  preprocessing_kwargs: {noop_max: 5}\n  env_wrapper: {a.AtariWrapper: {noop_max: 10}}\n",
            "PongNoFrameskip-v4",
            ":3: 'env_wrapper' says again what 'preprocessing_kwargs.noop_max' says there",
        ),
        (
            "atari:\n  n_timesteps: 10\n  preprocessing_kwargs: 5\n  env_wrapper: {a.AtariWrapper: {noop_max: 10}}\n",
            "PongNoFrameskip-v4",
            ":3: preprocessing_kwargs: must be a mapping, not 5",
        ),
    ],
)
def test_what_is_wrong_in_an_rl_zoo_file(tmp_path: Path, text: str, env: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        configured(text, tmp_path, env)
    assert str(caught.value) == f"{tmp_path / 'conf.yml'}{message}"


def test_what_a_file_may_leave_switched_off(tmp_path: Path) -> None:
    text = (
        "default: {n_timesteps: 10, normalize: false, vec_env_wrapper: null, env_wrapper: null, train_freq: [8, step]}"
    )
    found = configured(text, tmp_path, "CartPole-v1").hyperparameters
    assert (found.train_freq, found.preprocessing) == (8, "none")


def test_every_activation_of_ours_has_its_class_name() -> None:
    assert {cls.__name__: name for name, cls in activations.ACTIVATIONS.items()} == rl_zoo_format.ACTIVATIONS


@pytest.mark.parametrize(("env", "explores"), [("Pong", True), ("CartPole-v1", False), ("LunarLander-v3", False)])
def test_only_atari_is_evaluated_with_an_epsilon_as_in_rl_zoo(tmp_path: Path, env: str, explores: bool) -> None:
    found = configured("default: {n_timesteps: 10}", tmp_path, env)
    assert (protocols.get(found.hyperparameters.eval_protocol).epsilon > 0) == explores
    assert found.sources["eval_protocol"].file == "hyperparams/families/rl_zoo.yml"


def test_a_length_from_the_command_line_is_enough(tmp_path: Path) -> None:
    text = "default:\n  policy: MlpPolicy\n"
    assert configured(text, tmp_path, "CartPole-v1", {"n_timesteps": 500}).hyperparameters.n_timesteps == 500


def test_lin_is_the_line_to_zero_over_the_whole_run(tmp_path: Path) -> None:
    text = "default:\n  n_timesteps: 10\n  learning_rate: lin_2e-4\n"
    found = configured(text, tmp_path, "CartPole-v1").hyperparameters.learning_rate
    assert (found.name, found.arguments) == ("linear", {"start": 2e-4, "end": 0.0, "fraction": 1.0})
