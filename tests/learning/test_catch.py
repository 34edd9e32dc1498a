"""Learning from pixels in seconds: a ball falls over a 10 x 10 screen, the paddle at the bottom is to catch it."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecFrameStack, VecTransposeImage

from dqn_zoo_ext.algorithms import DQN, DoubleDQN
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.schedules import Linear


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

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.paddle = int(np.clip(self.paddle + action - 1, 0, 9))
        self.row += 1
        over = self.row == 9
        reward = 0.0 if not over else 1.0 if self.paddle == self.ball else -1.0
        return self._screen(), reward, over, False, {}

    def _screen(self) -> np.ndarray:
        screen = np.zeros((10, 10, 1), dtype=np.uint8)
        screen[self.row, self.ball] = screen[9, self.paddle] = 255
        return screen


def games(n_envs: int, seed: int) -> VecEnv:
    venv = DummyVecEnv([lambda: Monitor(Catch()) for _ in range(n_envs)])
    venv.seed(seed)
    return VecTransposeImage(VecFrameStack(venv, 2))


@pytest.mark.parametrize(
    ("algorithm", "replay", "n_steps"), [(DQN, "frame_ring", 1), (DoubleDQN, "frame_ring", 3), (DQN, "sb3", 1)]
)
def test_catch_is_learned_on_both_paths(algorithm: type[DeepQ], replay: str, n_steps: int) -> None:
    model = algorithm(
        "CnnPolicy",
        games(4, seed=1),
        learning_rate=1e-3,
        buffer_size=8_000,
        learning_starts=200,
        target_update_interval=200,
        train_freq=2,
        n_steps=n_steps,
        exploration=Linear(1.0, 0.2, agent_steps=3_000),
        replay_buffer_class=replay,
        policy_kwargs={"torso": "flatten", "net_arch": [128]},
        seed=1,
    )
    model.learn(8_000)
    mean, _ = evaluate_policy(model.policy, games(1, seed=2), n_eval_episodes=100)
    assert isinstance(mean, float | np.floating)
    assert mean > 0.9  # a random player's mean is about -0.8
