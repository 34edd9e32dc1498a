"""Epsilon-greedy: each environment by itself takes a random action with probability epsilon, else the greedy one."""

import numpy as np


def epsilon_greedy(greedy: np.ndarray, epsilon: float, n_actions: int, rng: np.random.Generator) -> np.ndarray:
    """Replace each greedy action with probability `epsilon` by one drawn uniformly from all `n_actions`.

    greedy: (n_envs,) actions; returns (n_envs,) int64. Every environment has its own coin.
    """
    explores = rng.random(greedy.shape) < epsilon
    return np.where(explores, rng.integers(n_actions, size=greedy.shape), greedy)
