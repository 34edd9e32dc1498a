"""What the presets' documents say, typed off them by hand, against what their files come to."""

from typing import Any

import pytest

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.callbacks
import dqn_zoo_ext.envs
import dqn_zoo_ext.learning  # noqa: F401  # importing them registers what the files name
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.config.presets import find_preset
from dqn_zoo_ext.envs.ids import resolve

KW = "preprocessing_kwargs."

# Mnih et al. 2015, Extended Data Table 1, and run_gpu
NATURE: dict[str, Any] = {
    "n_timesteps": 50_000_000,
    "n_envs": 1,
    "policy_kwargs.torso": "nature",
    "batch_size": 32,
    "buffer_size": 1_000_000,
    "frame_stack": 4,
    "target_update_interval": 10_000,
    "gamma": 0.99,
    "train_freq": 4,
    "learning_rate": 0.00025,
    "optimizer": "deepmind_rmsprop",
    "optimizer_kwargs.decay": 0.95,
    "optimizer_kwargs.eps": 0.01 / 32**2,
    "loss": "huber",
    "exploration.start": 1.0,
    "exploration.end": 0.1,
    "exploration.agent_steps": 1_000_000,
    "learning_starts": 50_000,
    "eval_protocol": "nature-2015",
    f"{KW}resize": "bilinear",
}
# run.py, teacher.py, dqn.py, network.py; the article
INVADERS: dict[str, Any] = {
    **NATURE,
    "n_timesteps": 12_500_000,
    "n_envs": 8,
    "policy_kwargs.torso": "nature_padded",
    "buffer_size": 400_000,
    "train_freq": 1,
    "gradient_steps": 1,
    "target_update_unit": "updates",
    "exploration_begins": "start",
    f"{KW}skip_after_life_loss": 30,
    f"{KW}max_frames_per_game": 10_000 * 4,
    f"{KW}noop_max": 0,
}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "nature-2015": NATURE,
    # its appendix
    "double-dqn-2016": {
        **NATURE,
        "target_update_interval": 30_000,
        "exploration.end": 0.01,
        "eval_protocol": "double-dqn-tuned",
    },
    # sections 4 and 5
    "nips-2013": {
        "n_timesteps": 10_000_000,
        "policy_kwargs.torso": "nips",
        "batch_size": 32,
        "buffer_size": 1_000_000,
        "frame_stack": 4,
        "exploration.start": 1.0,
        "exploration.end": 0.1,
        "exploration.agent_steps": 1_000_000,
        "loss": "mse",
        "train_freq": 1,
        "target_update_interval": 1,
        "target_update_unit": "updates",
        f"{KW}frame_skip": 3,
        f"{KW}max_pool": False,
        f"{KW}crop_rows": [34, 194],
    },
    "space-invaders-2016": INVADERS,
    "space-invaders-2016-rmsprop": {
        **{key: value for key, value in INVADERS.items() if not key.startswith("optimizer_kwargs")},
        "optimizer": "rmsprop",
        "optimizer_kwargs.alpha": 0.95,
        "optimizer_kwargs.eps": 1e-6**0.5 / 32,
        "learning_rate": 0.0002,
    },
    # the article's listings
    "pong-2019": {
        "n_envs": 1,
        "n_timesteps": 50 * 50_000,
        "batch_size": 64,
        "gamma": 0.9,
        "optimizer": "adam",
        "learning_rate": 0.00025,
        "loss": "mse",
        "policy_kwargs.torso": "keras_2019",
        "policy_kwargs.head": "linear",
        "exploration.schedule": "exponential",
        "exploration.start": 1.0,
        "exploration.end": 0.01,
        "exploration.rate": 0.00003,
        "exploration_begins": "start",
        "buffer_size": 1_000_000,
        "learning_starts": 64,
        "train_freq": 1,
        "frame_stack": 4,
        f"{KW}subsample": 2,
        f"{KW}screen_size": None,
        f"{KW}colour": "mean",
        f"{KW}stack_start": "repeat",
        f"{KW}end_frame": "blank",
        f"{KW}max_frames_per_game": 50_000 * 4,
        f"{KW}clip_reward": False,
        "callback": [{"video": {"every": "episode"}}, {"episode_files": {"keep": 50}}],
    },
    # dqn.gin
    "dopamine-dqn": {
        "gamma": 0.99,
        "n_steps": 1,
        "learning_starts": 20_000,
        "train_freq": 4,
        "target_update_interval": 8_000,
        "target_update_unit": "agent_steps",
        "exploration.end": 0.01,
        "exploration.agent_steps": 250_000,
        "exploration_begins": "learning_starts",
        "optimizer": "deepmind_rmsprop",
        "learning_rate": 0.00025,
        "optimizer_kwargs.decay": 0.95,
        "optimizer_kwargs.eps": 0.00001,
        "n_timesteps": 200 * 250_000,
        "buffer_size": 1_000_000,
        "batch_size": 32,
        f"{KW}repeat_action_probability": 0.25,
        f"{KW}terminal_on_life_loss": False,
        f"{KW}noop_max": 0,
        "eval_protocol": "dopamine",
    },
    # hyperparams/dqn.yml, atari
    "rl-zoo-dqn": {
        "frame_stack": 4,
        "policy": "CnnPolicy",
        "n_timesteps": 10_000_000,
        "buffer_size": 100_000,
        "learning_rate": 1e-4,
        "batch_size": 32,
        "learning_starts": 100_000,
        "target_update_interval": 1_000,
        "train_freq": 4,
        "gradient_steps": 1,
        "exploration.fraction": 0.1,
        "exploration.end": 0.01,
        "preprocessing": "sb3_atari",
        "n_envs": 1,
    },
    # dqn_atari.py, Args
    "cleanrl-dqn": {
        "n_timesteps": 10_000_000,
        "learning_rate": 1e-4,
        "n_envs": 1,
        "buffer_size": 1_000_000,
        "gamma": 0.99,
        "tau": 1.0,
        "target_update_interval": 1_000,
        "batch_size": 32,
        "exploration.start": 1.0,
        "exploration.end": 0.01,
        "exploration.fraction": 0.1,
        "exploration_begins": "start",
        "learning_starts": 80_000,
        "train_freq": 4,
        "optimizer": "adam",
        "loss": "mse",
        "max_grad_norm": None,
    },
}
FAITHFUL = {
    "space-invaders-2016": {f"{KW}colour": "luminance_int8"},
    "space-invaders-2016-rmsprop": {f"{KW}colour": "luminance_int8"},
    "pong-2019": {"policy_kwargs.head": "softmax"},
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_its_values_are_the_documents(name: str) -> None:
    preset = find_preset(name)
    found = load(preset.head.algo, resolve(preset.head.env), conf_file=preset.path).flat()
    said = DOCUMENTS[name]
    missing = object()
    floats = {key: pytest.approx(value) for key, value in said.items() if isinstance(value, float)}
    assert {key: found.get(key, missing) for key in said} == {**said, **floats}


@pytest.mark.parametrize("name", FAITHFUL)
def test_its_mistakes_are_the_documents(name: str) -> None:
    preset = find_preset(name)
    env = resolve(preset.head.env)
    right = load(preset.head.algo, env, conf_file=preset.path).flat()
    wrong = load(preset.head.algo, env, conf_file=preset.path, between=preset.faithful).flat()
    assert wrong == {**right, **FAITHFUL[name]}
