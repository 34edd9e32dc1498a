"""Epsilon-greedy play in a vector environment: the one loop behind evaluating, recording and watching."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gymnasium.spaces import Discrete
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.errors import UserError


class Policy(Protocol):
    """Anything that chooses actions as SB3's models and policies do."""

    def predict(self, observation: Any, /, *, deterministic: bool) -> tuple[np.ndarray, Any]:
        """(n_envs,) greedy actions for a batch of observations, and a state that is not used."""


@dataclass(frozen=True)
class Game:
    """A game that has ended: in which environment, with which raw score, after how many agent steps."""

    env_index: int
    score: float
    agent_steps: int


class Player:
    """Plays on and on, from a reset with `seed`; each environment throws its own coin at each step.

    Same policy, environments, epsilon and seed: same games. UserError if the actions are not discrete.
    """

    def __init__(self, policy: Policy, venv: VecEnv, epsilon: float, seed: int) -> None:
        if not isinstance(venv.action_space, Discrete):
            raise UserError(f"cannot play: the actions are {venv.action_space}, and only discrete ones are known here")
        self._policy = policy
        self._venv = venv
        self._actions = venv.action_space
        self._epsilon = epsilon
        self._random = np.random.default_rng(seed)
        venv.seed(seed)
        self._observations = venv.reset()

    def step(self) -> tuple[Game, ...]:
        """One agent step in every environment; the games that ended with it, by environment.

        Scores are those that the Monitor counted, inside of reward clipping and life-loss episodes. UserError if an
        environment ends a game without such a count.
        """
        self._observations, _, dones, infos = self._venv.step(self._choose())
        return tuple(_ended(index, infos[index]) for index in np.flatnonzero(dones) if _is_over(infos[index]))

    def _choose(self) -> np.ndarray:
        greedy, _ = self._policy.predict(self._observations, deterministic=True)
        n_envs = self._venv.num_envs
        uniform = self._random.integers(self._actions.n, size=n_envs) + self._actions.start
        return np.where(self._random.random(n_envs) < self._epsilon, uniform, greedy)


def _is_over(info: dict[str, Any]) -> bool:
    """False for a done that is only a lost life: the game goes on, and the Monitor says nothing."""
    return "episode" in info or not info.get("lives", 0)


def _ended(index: np.intp, info: dict[str, Any]) -> Game:
    if "episode" not in info:
        raise UserError(
            f"environment {index} ended a game without its score (no 'episode' in its info); wrap it in SB3's Monitor"
        )
    return Game(int(index), float(info["episode"]["r"]), int(info["episode"]["l"]))
