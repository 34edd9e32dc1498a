"""Epsilon-greedy play in a vector environment: the one loop behind evaluating, recording and watching."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from gymnasium.spaces import Discrete
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.envs.replaying.vec_state import restore, state_of
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.saved.random_state import generator_state, set_generator_state
from dqn_zoo_ext.state import State


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


class Came(NamedTuple):
    """What a step brought beside the observations. rewards, dones: (n_envs,)."""

    rewards: np.ndarray
    dones: np.ndarray
    infos: list[dict[str, Any]]


class Player:
    """Plays on and on, from a reset with `seed`; each environment throws its own coin at each step.

    observations: what the agent sees now. actions: (n_envs,), those of the last step. came: what the environments gave
    back for them.
    The environments are seeded with `seed_of_games`. Same policy, epsilon and seed, and new environments made alike:
    same games. Those that have played before may be seeded anew sooner.
    UserError if the actions are not discrete, or do not begin at 0 (a Q-network's greedy action is an index).
    """

    def __init__(self, policy: Policy, venv: VecEnv, epsilon: float, seed: int) -> None:
        if not isinstance(venv.action_space, Discrete):
            raise UserError(f"cannot play: the actions are {venv.action_space}, and only discrete ones are known here")
        if venv.action_space.start != 0:
            raise UserError(f"cannot play: the actions are {venv.action_space}, and only actions from 0 are known here")
        self._policy = policy
        self._venv = venv
        self._actions = venv.action_space
        self._epsilon = epsilon
        self._random = np.random.default_rng(seed)
        venv.seed(seed_of_games(seed))
        self.observations: Any = venv.reset()
        self.actions: np.ndarray = np.zeros(venv.num_envs, dtype=np.int64)
        self.came = Came(np.zeros(venv.num_envs), np.zeros(venv.num_envs, dtype=bool), [{}] * venv.num_envs)

    def step(self) -> tuple[Game, ...]:
        """One agent step in every environment; the games that ended with it, by environment.

        Scores are those that the Monitor counted, inside of reward clipping and life-loss episodes. UserError if an
        environment ends a game without such a count.
        """
        self.actions = self._choose()
        self.observations, rewards, dones, infos = self._venv.step(self.actions)
        self.came = Came(rewards, dones, infos)
        return tuple(_ended(index, infos[index]) for index in np.flatnonzero(dones) if _is_over(infos[index]))

    def state(self) -> State:
        """Where it stands between two steps; ValueError if its environments cannot be brought back."""
        return {
            "random": generator_state(self._random),
            "observations": self.observations,
            "environments": state_of(self._venv),
        }

    def load_state(self, state: State) -> None:
        """Go on as the player, made in the same way, whose state it was. ValueError if that cannot be."""
        restore(self._venv, state["environments"])
        set_generator_state(self._random, state["random"])
        self.observations = state["observations"]

    def _choose(self) -> np.ndarray:
        greedy, _ = self._policy.predict(self.observations, deterministic=True)
        n_envs = self._venv.num_envs
        uniform = self._random.integers(self._actions.n, size=n_envs)
        return np.where(self._random.random(n_envs) < self._epsilon, uniform, greedy)


def seed_of_games(seed: int) -> int:
    """What SB3's ``VecEnv.seed`` is given when games are played from `seed`.

    SB3 seeds environment i with the number given plus i: given `seed` itself, environment 1 of seed 1 would play the
    games of environment 0 of seed 2. Spread out, neighbouring seeds share no games. Below 2**31 with room for 65536
    environments: larger seeds are refused by some of them.
    """
    spread = np.random.SeedSequence(seed, spawn_key=(0,)).generate_state(1)[0]
    return int(spread) % (2**31 - 2**16)


def _is_over(info: dict[str, Any]) -> bool:
    """False for a done that is only a lost life: the game goes on, and the Monitor says nothing."""
    return "episode" in info or not info.get("lives", 0)


def _ended(index: np.intp, info: dict[str, Any]) -> Game:
    if "episode" not in info:
        raise UserError(
            f"environment {index} ended a game without its score (no 'episode' in its info); wrap it in SB3's Monitor"
        )
    return Game(int(index), float(info["episode"]["r"]), int(info["episode"]["l"]))
