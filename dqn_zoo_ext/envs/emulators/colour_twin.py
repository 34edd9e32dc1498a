"""Colour pictures of games that the agent sees in gray."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dqn_zoo_ext.envs.emulators.build import make_emulators
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.errors import UserError

EVERY_FRAME = "rgb_array_list"
"""The render_mode for films: gymnasium's name for all pictures since the last time they were asked for."""

Screen = npt.NDArray[np.uint8]


class ColourTwin:
    """A second vector of emulators that is given the same seeds and actions, and shows whole colour screens.

    The emulators that feed the agent hand out gray squares only. Being deterministic, the twin stays in lock-step with
    them, at twice the cost of emulation: made only where pictures are asked for.

    every_frame: the twin stops after each frame, so that those which an agent step skips are seen too, as on a
    television: 60 a second, and without the brighter of two. For one console only: of several that step together, none
    could wait where its game is over.
    """

    def __init__(
        self, game: str, n_envs: int, rules: AtariRules, *, num_threads: int, every_frame: bool = False
    ) -> None:
        if every_frame and n_envs != 1:
            raise ValueError(f"every frame is shown of one console only, not of {n_envs}")
        self._steps_at_once = rules.frame_skip if every_frame else 1
        if every_frame:
            rules = replace(rules, frame_skip=1)
        self._emulators = make_emulators(game, n_envs, rules, frame_stack=1, num_threads=num_threads, colour=True)
        self._screens: Screen | None = None
        self._actions = np.zeros(n_envs, dtype=np.int64)
        self._of_step: list[Screen] = []

    def reset(self, seeds: npt.NDArray[np.int64], options: dict[str, Any] | None) -> None:
        """Reset as the emulators of the agent are reset, with the same arguments."""
        stacks, _ = self._emulators.reset(seed=seeds, options=options)
        self._screens = stacks[:, 0]

    def send(self, actions: npt.NDArray[np.int64]) -> None:
        """Begin a step."""
        self._actions = actions
        self._emulators.send(actions)

    def recv(self) -> None:
        """Finish the step."""
        self._of_step = []
        for frame in range(self._steps_at_once):
            if frame > 0:
                self._emulators.send(self._actions)
            stacks, _, terminated, truncated, infos = self._emulators.recv()
            self._screens = stacks[:, 0]
            over = bool(terminated[0] or truncated[0])
            self._of_step.append(infos["final_obs"][0, 0].copy() if over else self._screens[0])
            if over and self._steps_at_once > 1:
                break

    def screens(self) -> list[Screen]:
        """What each console shows now: (210, 160, 3) uint8, RGB.

        Where a game has just ended that is the next one's first screen, as in the observation.
        """
        if self._screens is None:
            raise RuntimeError("no screens before the first reset()")
        return list(self._screens)

    def screens_of_last_step(self) -> list[Screen]:
        """What the first console showed in its last step, in order; of a game that ended, the last one is its last."""
        return list(self._of_step)


def twin_for(render_mode: str | None, game: str, n_envs: int, rules: AtariRules, num_threads: int) -> ColourTwin | None:
    """The twin that a render_mode asks for; None for none. UserError for a mode there is not."""
    if render_mode is None:
        return None
    if render_mode not in ("rgb_array", EVERY_FRAME):
        raise UserError(f"render_mode '{render_mode}' is not available for Atari; choose 'rgb_array' or none")
    every_frame = render_mode == EVERY_FRAME
    if every_frame and rules.skip_after_life_loss:
        raise UserError(f"render_mode '{EVERY_FRAME}' cannot show skip_after_life_loss; use 'rgb_array'")
    if every_frame and n_envs != 1:
        raise UserError(f"render_mode '{EVERY_FRAME}' is for 1 environment, not for {n_envs}")
    return ColourTwin(game, n_envs, rules, num_threads=num_threads, every_frame=every_frame)
