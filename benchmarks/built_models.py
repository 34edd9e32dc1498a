"""Algorithms as their YAML files make them for Space Invaders, with a replay to learn from: what benchmarks measure."""

import time
from pathlib import Path
from typing import Any

import dqn_zoo_ext  # isort: skip  # before PyTorch, as in the commands
import torch

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ids import EnvId, resolve
from dqn_zoo_ext.experiment.build import build_model, build_venv
from dqn_zoo_ext.learning.deep_q import DeepQ

GAME = resolve("SpaceInvadersNoFrameskip-v4")
FILLED = 2_000  # agent steps of random play


def built(
    algo: str,
    device: str,
    filled: int = FILLED,
    game: EnvId = GAME,
    seed: int = 1,
    conf_file: Path | None = None,
    **overrides: Any,
) -> DeepQ:
    """The algorithm as configured but for `overrides`, its replay filled with `filled` agent steps of random play.

    Unless `overrides` say otherwise: one environment, a replay of twice as many transitions, and ``learn`` makes no
    updates.
    """
    small = {"buffer_size": 2 * filled, "n_envs": 1, "learning_starts": 10 * filled, **overrides}
    configuration = load(algo, game, conf_file=conf_file, overrides=small)
    venv = build_venv(configuration, configuration.hyperparameters.n_envs, seed=seed)
    model = build_model(configuration, venv, seed=seed, device=device)
    assert isinstance(model, DeepQ)
    model.learn(filled, log_interval=None)
    return model


def finish(device: torch.device) -> None:
    """Wait until the device has done all that it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of_updates(model: DeepQ, batch_size: int, updates: int = 1) -> float:
    """Of so many updates, until the device has finished: drawing, loss, gradient, step and priorities."""
    started = time.perf_counter()
    model.train(updates, batch_size)
    finish(model.device)
    return time.perf_counter() - started
