"""Colour pictures of games that the agent sees in gray."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dqn_zoo_ext.envs.emulators import make_emulators
from dqn_zoo_ext.envs.rules import AtariRules


class ColourTwin:
    """A second vector of emulators that is given the same seeds and actions, and shows whole colour screens.

    The emulators that feed the agent hand out gray squares only. Being deterministic, the twin stays in lock-step with
    them, at twice the cost of emulation: made only where pictures are asked for.
    """

    def __init__(self, game: str, n_envs: int, rules: AtariRules, *, num_threads: int) -> None:
        self._emulators = make_emulators(game, n_envs, rules, frame_stack=1, num_threads=num_threads, colour=True)
        self._screens: npt.NDArray[np.uint8] | None = None

    def reset(self, seeds: npt.NDArray[np.int64], options: dict[str, Any] | None) -> None:
        """Reset as the emulators of the agent are reset, with the same arguments."""
        stacks, _ = self._emulators.reset(seed=seeds, options=options)
        self._screens = stacks[:, 0]

    def send(self, actions: npt.NDArray[np.int64]) -> None:
        """Begin a step."""
        self._emulators.send(actions)

    def recv(self) -> None:
        """Finish the step."""
        stacks, *_ = self._emulators.recv()
        self._screens = stacks[:, 0]

    def screens(self) -> list[npt.NDArray[np.uint8]]:
        """What each console shows now: (210, 160, 3) uint8, RGB.

        Where a game has just ended that is the next one's first screen, as in the observation.
        """
        if self._screens is None:
            raise RuntimeError("no screens before the first reset()")
        return list(self._screens)
