"""The values of Space Invaders, per algorithm, typed off the papers' tables by hand."""

from typing import Any

import pytest

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext import registry
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ids import resolve


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
ATOMS = {"distribution": "categorical", "distribution_kwargs": {"n_atoms": 51, "v_min": -10.0, "v_max": 10.0}}
OF_RAINBOW: dict[str, Any] = {  # which the data-efficient one changes nothing of
    "replay_buffer_class": "prioritized_ring",
    "replay_buffer_kwargs": {"alpha": 0.5, "beta": BETA, "uniform_share": 0.001},
    "optimizer": "adam",
    "optimizer_kwargs": {"eps": 1.5e-4},
    "max_grad_norm": 10.0,
    "exploration": 0.0,
}
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
            **ATOMS,
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
            "head_kwargs": {"gradient_scale": 1.0},  # DQN Zoo and BTR's program have no such factor
            "layer": "noisy",
            "layer_kwargs": {"sigma": 0.5},
            **ATOMS,
        },
        **OF_RAINBOW,
        "learning_rate": 6.25e-5,
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
            "head_kwargs": {"gradient_scale": 1.0},  # DQN Zoo and BTR's program have no such factor
            "layer": "noisy",
            "layer_kwargs": {"sigma": 0.1},
            **ATOMS,
        },
        **OF_RAINBOW,
        "learning_rate": 1e-4,
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
            "head_kwargs": {"gradient_scale": 1.0},  # DQN Zoo and BTR's program have no such factor
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
