"""AleVecEnv's slow twin: one console, plain Python, gymnasium's own Atari preprocessing, nothing clever."""

from typing import Any, NamedTuple

import ale_py
import gymnasium
import numpy as np
import numpy.typing as npt
from ale_py.env import AtariEnv
from gymnasium.wrappers import AtariPreprocessing

from dqn_zoo_ext.envs.rules import AtariRules

gymnasium.register_envs(ale_py)


class OracleStep(NamedTuple):
    obs: npt.NDArray[np.uint8]
    reward: float
    done: bool
    info: dict[str, Any]


class AleOracle:
    """Steps one game as AleVecEnv promises to; `rules` must have no no-ops and no FIRE (their number is random)."""

    def __init__(self, game: str, rules: AtariRules, seed: int, frame_stack: int = 4) -> None:
        assert rules.noop_max == 0
        assert not rules.fire_on_reset
        assert rules.screen_size is not None
        title = game.title().replace("_", "")
        raw_env = gymnasium.make(
            f"ALE/{title}-v5",
            frameskip=1,
            repeat_action_probability=rules.repeat_action_probability or 0.0,
            full_action_space=rules.full_action_space,
            max_num_frames_per_episode=rules.max_frames_per_game,
        )
        console = raw_env.unwrapped
        assert isinstance(console, AtariEnv)
        console.ale.setInt("random_seed", seed)
        console.load_game()
        self.env = AtariPreprocessing(
            raw_env, noop_max=0, frame_skip=rules.frame_skip, screen_size=rules.screen_size, grayscale_newaxis=False
        )
        self.console = console
        self.rules = rules
        self.frame_stack = frame_stack

    def reset(self) -> npt.NDArray[np.uint8]:
        frame, info = self.env.reset()
        self.lives = info["lives"]
        self.frames = [frame]
        self.score = 0.0
        self.agent_steps = 0
        return self._stack()

    def step(self, action: int) -> OracleStep:
        frame, raw_reward, terminated, truncated, raw_info = self.env.step(action)
        self.frames.append(np.asarray(frame))
        self.score += float(raw_reward)
        self.agent_steps += 1
        reward = float(np.sign(float(raw_reward))) if self.rules.clip_reward else float(raw_reward)
        info: dict[str, Any] = {}
        if terminated or truncated:
            info["terminal_observation"] = self._stack()
            info["TimeLimit.truncated"] = truncated and not terminated
            info["episode"] = {"r": self.score, "l": self.agent_steps}
            return OracleStep(self.reset(), reward, True, info | {"lives": self.lives})
        lost_life = 0 < raw_info["lives"] < self.lives
        self.lives = raw_info["lives"]
        if lost_life and self.rules.terminal_on_life_loss:
            info["terminal_observation"] = self._stack()
            info["TimeLimit.truncated"] = False
            self.frames = self.frames[-1:]
            return OracleStep(self._stack(), reward, True, info | {"lives": self.lives})
        return OracleStep(self._stack(), reward, False, {"lives": self.lives})

    def _stack(self) -> npt.NDArray[np.uint8]:
        frames = self.frames[-self.frame_stack :]
        blank = [np.zeros_like(frames[0])] * (self.frame_stack - len(frames))
        return np.stack([*blank, *frames])
