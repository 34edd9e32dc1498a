"""Games that are learned in seconds: a bandit, a chain, a lock, a ball to be caught on a screen of 10 x 10 pixels."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecFrameStack, VecTransposeImage

Step = tuple[np.ndarray, float, bool, bool, dict[str, Any]]
Env = gym.Env[np.ndarray, np.int64]


class Bandit(gym.Env[np.ndarray, np.int64]):
    """One decision: arm i of 4 pays 1 with probability `PAYS[i]`, else 0."""

    PAYS = (0.1, 0.3, 0.9, 0.5)
    observation_space = gym.spaces.Box(0, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(4)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return np.ones(1, np.float32), {}

    def step(self, action: np.int64) -> Step:
        reward = float(self.np_random.random() < self.PAYS[action])
        return np.ones(1, np.float32), reward, True, False, {}


class Chain(gym.Env[np.ndarray, np.int64]):
    """`length` states in a row, begun at the second; 1 for each step spent at the far end, 0.001 at the near one.

    An episode ends after length + 9 steps, so that the far end can pay 12 times at the most. The state is shown as ones
    up to where it is and zeros behind (Osband et al. 2016, "Deep exploration via bootstrapped DQN").
    """

    action_space = gym.spaces.Discrete(2)

    def __init__(self, length: int) -> None:
        self.length = length
        self.observation_space = gym.spaces.Box(0, 1, (length,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.place, self.steps = 1, 0
        return self._shown(), {}

    def step(self, action: np.int64) -> Step:
        self.place = int(np.clip(self.place + (1 if action == 1 else -1), 0, self.length - 1))
        self.steps += 1
        reward = {0: 0.001, self.length - 1: 1.0}.get(self.place, 0.0)
        return self._shown(), reward, self.steps == self.length + 9, False, {}

    def _shown(self) -> np.ndarray:
        return (np.arange(self.length) <= self.place).astype(np.float32)


class Lock(Chain):
    """A chain on which one action moves on and the other goes back to the near end; which is which, `seed` says.

    It is drawn for every state by itself, as in bsuite's deep sea (Osband et al. 2020, "Behaviour suite for
    reinforcement learning"), and states are shown one-hot, so that a network cannot reach the far end by a habit.
    `reached` counts the steps spent there.
    """

    def __init__(self, length: int, seed: int) -> None:
        super().__init__(length)
        self.moves_on = np.random.default_rng(seed).integers(2, size=length)
        self.reached = 0

    def step(self, action: np.int64) -> Step:
        on = action == self.moves_on[self.place]
        if not on:
            self.place = 0
        step = super().step(np.int64(on))
        self.reached += self.place == self.length - 1
        return step

    def _shown(self) -> np.ndarray:
        shown = np.zeros(self.length, np.float32)
        shown[self.place] = 1
        return shown


class Catch(gym.Env[np.ndarray, np.int64]):
    """Nine steps; the last one pays 1 for a ball caught and -1 for one missed. Actions: left, stay, right."""

    observation_space = gym.spaces.Box(0, 255, (10, 10, 1), np.uint8)
    action_space = gym.spaces.Discrete(3)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.row, self.ball, self.paddle = 0, int(self.np_random.integers(10)), 5
        return self._screen(), {}

    def step(self, action: np.int64) -> Step:
        self.paddle = int(np.clip(self.paddle + action - 1, 0, 9))
        self.row += 1
        over = self.row == 9
        reward = 0.0 if not over else 1.0 if self.paddle == self.ball else -1.0
        return self._screen(), reward, over, False, {}

    def _screen(self) -> np.ndarray:
        screen = np.zeros((10, 10, 1), dtype=np.uint8)
        screen[self.row, self.ball] = screen[9, self.paddle] = 255
        return screen


def vectors(make: Callable[[], Env], n_envs: int, seed: int) -> VecEnv:
    """`n_envs` games of vectors side by side."""
    venv = DummyVecEnv([lambda: Monitor(make()) for _ in range(n_envs)])
    venv.seed(seed)
    return venv


def catch(n_envs: int, seed: int) -> VecEnv:
    """Games of Catch, two screens stacked."""
    return VecTransposeImage(VecFrameStack(vectors(Catch, n_envs, seed), 2))
