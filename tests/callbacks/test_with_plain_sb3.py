"""Every callback beside a plain algorithm of Stable-Baselines3, which learns the same with and without it."""

import importlib.util
import pickle
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext import callbacks, registry
from dqn_zoo_ext.evaluation import protocols

Maker = Callable[[Path], BaseCallback]

NAMED: dict[str, Maker] = {
    "action_histogram": lambda _: callbacks.ActionHistogram(agent_steps=50),
    "episode_files": lambda folder: callbacks.EpisodeFiles(keep=2, folder=folder),
    "milestones": lambda folder: callbacks.Milestones([10, 15], games=3, folder=folder),
    "mlflow": lambda folder: callbacks.Mlflow(f"file:{folder}/mlruns"),
    "nan_guard": lambda _: callbacks.NanGuard(every=10),
    "q_values": lambda _: callbacks.QValues(every=20, states=16),
    "stop_at_score": lambda _: callbacks.StopAtScore(score=1_000, games=3),
    "throughput": lambda _: callbacks.Throughput(),
    "trackio": lambda _: callbacks.Trackio(),
    "video": lambda folder: callbacks.Video(every=60, max_agent_steps=5, make_venv=cart_pole, folder=folder),
    "wandb": lambda _: callbacks.WeightsAndBiases(mode="offline"),
}
WITHOUT_A_NAME: dict[str, Maker] = {
    "agent_files": lambda folder: callbacks.AgentFiles(50, lambda agent_steps: folder / f"{agent_steps}.zip"),
    "evaluation": lambda _: callbacks.ProtocolEvaluation(cart_pole, protocols.get("greedy"), 60, episodes=2, seed=3),
    "health": lambda _: callbacks.HealthWarnings(print, every=20),
}
LEFT_OUT = {"hub_upload"}  # it uploads a run's folder


def cart_pole() -> VecEnv:
    return make_vec_env("CartPole-v1")


def trained(callback: list[BaseCallback]) -> list[bytes]:
    """Weights, and where the random generators stand, after a short training."""
    model = DQN("MlpPolicy", make_vec_env("CartPole-v1", n_envs=2, seed=0), learning_starts=40, seed=0, verbose=0)
    model.learn(200, callback=callback, log_interval=2)
    return [
        *(weight.numpy().tobytes() for weight in model.policy.state_dict().values()),
        torch.get_rng_state().numpy().tobytes(),
        pickle.dumps(np.random.get_state()),  # noqa: NPY002
        pickle.dumps(random.getstate()),
    ]


@pytest.fixture(scope="module")
def alone() -> list[bytes]:
    return trained([])


@pytest.mark.parametrize("name", [*NAMED, *WITHOUT_A_NAME])
def test_it_learns_the_same(name: str, alone: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in ("mlflow", "trackio", "wandb") and importlib.util.find_spec(name) is None:
        pytest.skip(f"the extra {name} is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # to make a database takes seconds
    assert trained([(NAMED | WITHOUT_A_NAME)[name](tmp_path)]) == alone


def test_none_is_forgotten() -> None:
    registered = {name: registry.callbacks.get(name) for name in registry.callbacks.names()}
    ours = {name for name, each in registered.items() if each.__module__.startswith("dqn_zoo_ext.")}
    assert ours == NAMED.keys() | LEFT_OUT
