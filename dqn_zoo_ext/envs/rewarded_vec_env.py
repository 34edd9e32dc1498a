"""Environments whose rewards are those that the agent is to learn from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from dqn_zoo_ext.envs.rewards import Ended, RewardStep, applied


class RewardedVecEnv(VecEnvWrapper):
    """`venv` with `steps` applied to its rewards; infos, and so scores, stay the game's own.

    It keeps nothing from one step to the next, and steps in the background if `venv` does.
    """

    def __init__(self, venv: VecEnv, steps: Sequence[RewardStep]) -> None:
        super().__init__(venv)
        self.steps = tuple(steps)

    def reset(self) -> VecEnvObs:
        """As `venv` resets."""
        observations = self.venv.reset()
        self.reset_infos = self.venv.reset_infos
        return observations

    def step_wait(self) -> VecEnvStepReturn:
        """As `venv` steps, with the rewards to learn from: (n_envs,) float32."""
        observations, rewards, dones, infos = self.venv.step_wait()
        received = np.asarray(rewards, dtype=np.float32)
        return observations, applied(self.steps, received, truly_ended(dones, infos)).astype(np.float32), dones, infos


def truly_ended(dones: Ended, infos: list[dict[str, Any]]) -> Ended:
    """(n_envs,) which transitions ended an episode that no time limit cut."""
    ended = np.array(dones, dtype=bool)
    for env in np.flatnonzero(ended):
        ended[env] = not infos[env].get("TimeLimit.truncated", False)
    return ended
