"""Emulators whose screens are made into pictures, and stacked, here and not in C++."""

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box

from dqn_zoo_ext.envs.emulators.vector_emulators import VectorEmulators
from dqn_zoo_ext.envs.screens.pictures import Pictures, pictures_of
from dqn_zoo_ext.envs.screens.rules import ScreenRules
from dqn_zoo_ext.envs.screens.stacking import Stacking, Stacks


class PicturedEmulators:
    """The same emulators with other observations: (planes * frame_stack, height, width), oldest frame first.

    emulators: `n_envs` that show single screens, of the kind that ``pictures_of`` takes. Everything else about them
    stays as it is. The arrays handed out are the caller's to change.
    """

    def __init__(self, emulators: VectorEmulators, rules: ScreenRules, n_envs: int, frame_stack: int) -> None:
        planes, height, width = rules.picture_shape
        self._emulators = emulators
        self._rules = rules
        self._stacking = Stacking(planes, rules.stack_start)
        self._frame_stack = frame_stack
        self._stacks: Stacks = np.zeros((n_envs, planes * frame_stack, height, width), dtype=np.uint8)
        self.single_observation_space = Box(0, 255, self._stacks.shape[1:], np.uint8)
        self.single_action_space = emulators.single_action_space
        self.ale = emulators.ale

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Stacks, dict[str, Any]]:
        """See VectorEmulators."""
        screens, infos = self._emulators.reset(seed=seed, options=options)
        begun = np.ones(len(screens), dtype=np.bool_) if options is None else options["reset_mask"]
        self._begin(begun, pictures_of(screens[begun, 0], self._rules))
        return self._stacks.copy(), infos

    def send(self, actions: npt.NDArray[np.int64]) -> None:
        """See VectorEmulators."""
        self._emulators.send(actions)

    def recv(self) -> tuple[Any, ...]:
        """See VectorEmulators."""
        screens, rewards, terminated, truncated, infos = self._emulators.recv()
        shown = pictures_of(screens[:, 0], self._rules)
        over = terminated | truncated
        if not over.any():
            self._stacks = self._followed_by(shown)
            return self._stacks.copy(), rewards, terminated, truncated, infos
        last = shown.copy()
        last[over] = pictures_of(infos["final_obs"][over, 0], self._rules)
        final_stacks = self._followed_by(last)
        self._stacks = self._followed_by(shown)
        self._begin(over, shown[over])
        return self._stacks.copy(), rewards, terminated, truncated, {**infos, "final_obs": final_stacks}

    def _followed_by(self, pictures: Pictures) -> Stacks:
        return np.concatenate([self._stacks[:, self._stacking.planes :], pictures], axis=1)

    def _begin(self, which: npt.NDArray[np.bool_], first: Pictures) -> None:
        """Let the stacks of consoles `which` begin with these pictures, one each."""
        for i, picture in zip(np.flatnonzero(which).tolist(), first, strict=True):
            self._stacks[i, -self._stacking.planes :] = picture
            self._stacking.fill(self._stacks[i], self._frame_stack - 1)
