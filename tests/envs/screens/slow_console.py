"""One console in a plain Python loop, and what the agent sees of it: the twin of AleVecEnv for any rules."""

from typing import Any, NamedTuple

import ale_py
import numpy as np
import numpy.typing as npt
from ale_py import ALEInterface, roms
from slow_pictures import slow_picture

from dqn_zoo_ext.envs.rules import AtariRules

NOOP = 0
ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)


class SlowStep(NamedTuple):
    obs: npt.NDArray[np.uint8]
    reward: float
    done: bool
    info: dict[str, Any]


class SlowConsole:
    """Steps one game as AleVecEnv promises to. `rules` without no-ops and FIRE, whose number is random."""

    def __init__(self, game: str, rules: AtariRules, seed: int, frame_stack: int = 4) -> None:
        assert rules.noop_max == 0
        assert not rules.fire_on_reset
        self.ale = ALEInterface()
        self.ale.setInt("random_seed", seed)
        self.ale.setFloat("repeat_action_probability", rules.repeat_action_probability or 0.0)
        path = roms.get_rom_path(game)
        assert path is not None
        self.ale.loadROM(path)
        self.actions = self.ale.getMinimalActionSet()
        self.rules = rules
        self.frame_stack = frame_stack
        self.seen: set[str] = set()

    def reset(self) -> npt.NDArray[np.uint8]:
        self.ale.reset_game()
        self.frames = 0
        self.lives = self.ale.lives()
        self.newest, self.before = self._screen(), np.zeros_like(self._screen())
        self.pictures = [slow_picture(self.newest, self.rules)]
        return self._stack()

    def step(self, action: int) -> SlowStep:
        reward = self._play(action)
        lost = self._goes_on and 0 < self.ale.lives() < self.lives
        if lost:
            waited = 0
            while waited < self.rules.skip_after_life_loss and self._goes_on:
                earned = self._play(NOOP)
                reward += earned
                waited += self.rules.frame_skip
                self.seen |= {"earned while waiting"} if earned else set()
            self.seen |= set() if self._goes_on else {"over while waiting"}
        self.pictures.append(slow_picture(self.newest, self.rules))
        shown = float(np.sign(reward)) if self.rules.clip_reward else float(reward)
        if not self._goes_on:
            truncated = not self.ale.game_over()
            info = {"terminal_observation": self._terminal(truncated), "TimeLimit.truncated": truncated}
            self.seen.add("cut" if truncated else "over")
            return SlowStep(self.reset(), shown, True, info | {"lives": self.lives})
        self.lives = self.ale.lives()
        if lost and self.rules.terminal_on_life_loss:
            self.seen.add("life")
            info = {"terminal_observation": self._terminal(False), "TimeLimit.truncated": False}
            self.pictures = self.pictures[-1:]
            return SlowStep(self._stack(), shown, True, info | {"lives": self.lives})
        return SlowStep(self._stack(), shown, False, {"lives": self.lives})

    def _play(self, action: int) -> int:
        """An agent step; a game that ends in it leaves the screens as they were."""
        reward, skip = 0, self.rules.frame_skip
        for frame in range(skip):
            reward += self.ale.act(self.actions[action])
            self.frames += 1
            if not self._goes_on:
                break
            if frame == skip - 2:
                self.before = self._screen()
            if frame == skip - 1:
                self.newest = self._screen()
        if self.rules.max_pool and skip > 1:
            self.newest = np.maximum(self.newest, self.before)
        return reward

    @property
    def _goes_on(self) -> bool:
        return not self.ale.game_over() and self.frames < self.rules.max_frames_per_game

    def _screen(self) -> npt.NDArray[np.uint8]:
        gray = self.rules.colour in ("luminance", "luminance_int8")
        return np.asarray(self.ale.getScreenGrayscale() if gray else self.ale.getScreenRGB())

    def _stack(self) -> npt.NDArray[np.uint8]:
        pictures = self.pictures[-self.frame_stack :]
        before = pictures[0] if self.rules.stack_start == "repeat" else np.zeros_like(pictures[0])
        return np.concatenate([*[before] * (self.frame_stack - len(pictures)), *pictures])

    def _terminal(self, truncated: bool) -> npt.NDArray[np.uint8]:
        if self.rules.end_frame == "blank" and not truncated:
            self.pictures[-1] = np.zeros_like(self.pictures[-1])
            stack = self._stack()
            self.pictures[-1] = slow_picture(self.newest, self.rules)
            return stack
        return self._stack()
