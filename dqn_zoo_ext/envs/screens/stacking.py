"""How observations stack frames, and what stands in for frames that an episode does not have yet."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Stacks = npt.NDArray[np.uint8]


class Stacking(NamedTuple):
    """Observations of (planes * frames, height, width), oldest frame first.

    planes: arrays of each frame, 3 for R, G and B. stack_start: ``zeros`` before an episode's first frame, or that
    frame, ``repeat``. An environment whose observations are not stacked as by default has one as ``stacking``.
    """

    planes: int = 1
    stack_start: Literal["zeros", "repeat"] = "zeros"

    def fill(self, stack: npt.NDArray[Any], missing: int) -> None:
        """Put in place of the `missing` oldest frames of an observation what stands in for them."""
        planes = missing * self.planes
        if self.stack_start == "zeros":
            stack[:planes] = 0
        else:
            first = stack[planes : planes + self.planes]
            stack[:planes] = np.tile(first, (missing, 1, 1))


def stacking_of(env: object) -> Stacking:
    """What an environment, or a wrapper around one, says as ``stacking``; the default where it says nothing."""
    found = getattr(env, "stacking", None)
    return found if isinstance(found, Stacking) else Stacking()


class YoungStacks:
    """Episodes that began with a lost life: the emulators' stacks still hold frames of the life before."""

    def __init__(self, stacking: Stacking) -> None:
        self._stacking = stacking
        self._frames_before: dict[int, int] = {}
        """Console -> how many of the oldest frames in its stack belong to the life before."""

    def clear(self) -> None:
        """Forget them: games begin anew."""
        self._frames_before.clear()

    def begin(self, i: int, stack: Stacks) -> None:
        """Let console i's episode begin with the newest frame of its stack, which is changed to show nothing else."""
        older_frames = len(stack) // self._stacking.planes - 1
        if older_frames:
            self._stacking.fill(stack, older_frames)
            self._frames_before[i] = older_frames

    def go_on(self, stacks: Stacks, final_stacks: Stacks | None, over: npt.NDArray[np.bool_]) -> None:
        """Hide what the stacks of one step later hold of the life before; one frame fewer with every step.

        final_stacks: the last ones of the games that are over.
        """
        if not self._frames_before:
            return
        remaining = {}
        for i, frames in self._frames_before.items():
            if over[i]:
                assert final_stacks is not None
                self._stacking.fill(final_stacks[i], frames - 1)
                continue
            self._stacking.fill(stacks[i], frames - 1)
            if frames > 2:
                remaining[i] = frames - 1
        self._frames_before = remaining

    def counts(self, n_envs: int) -> list[int]:
        """For each console, how many of its frames belong to the life before: what ``load`` takes."""
        return [self._frames_before.get(i, 0) for i in range(n_envs)]

    def load(self, counts: Sequence[int]) -> None:
        """Go on from there."""
        self._frames_before = {i: frames for i, frames in enumerate(counts) if frames}
