"""What in a picture an agent's expectations hang on: blur a spot, and see how much they change."""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.policies import BasePolicy

from dqn_zoo_ext.evaluation.watch import action_values

SPACING = 7
"""pixels between neighbouring spots, on the agent's screen"""
RADIUS = 5.0
"""standard deviation of a spot, and of the blur in it, in pixels"""
_MOST_PIXELS_AT_ONCE = 10_000_000  # of stacks in memory, as 32-bit floats


def saliency(policy: BasePolicy, stack: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """How much the action values change when the stack is blurred around each pixel, (H, W) float32, never negative.

    stack: (frames, H, W), what the agent sees. At a spot it is half the squared distance of the values with and
    without the blur, in all frames at once; between the spots it is interpolated.
    Source: Greydanus et al. 2018, equations 1 to 3, with the action values for the logits of a policy.
    """
    height, width = stack.shape[1:]
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), RADIUS) for frame in stack]).astype(np.float32)
    change = blurred - stack
    before = action_values(policy, stack[None])
    rows_at_once = max(1, _MOST_PIXELS_AT_ONCE // (stack.size * _lines(width).size))
    lines = _lines(height)
    scores = []
    for first in range(0, lines.size, rows_at_once):
        masks = _spots(height, width, first, rows_at_once)
        perturbed = np.rint(stack + masks[:, None] * change[None]).astype(np.uint8)
        scores.append(0.5 * ((action_values(policy, perturbed) - before) ** 2).sum(axis=1))
    grid = np.concatenate(scores).reshape(_lines(height).size, _lines(width).size).astype(np.float32)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)).clip(min=0.0)


def _lines(pixels: int) -> npt.NDArray[np.float32]:
    """Where the spots lie along one side: as many as fit, each in the middle of its own share."""
    count = max(1, pixels // SPACING)
    return np.asarray((np.arange(count) + 0.5) * pixels / count - 0.5, dtype=np.float32)


@lru_cache(maxsize=4)
def _spots(height: int, width: int, first: int, count: int) -> npt.NDArray[np.float32]:
    """(spots, H, W) of `count` rows of spots from `first` on: at each spot a Gaussian of height 1, row by row."""
    rows, columns = np.arange(height), np.arange(width)
    down = np.exp(-((rows - _lines(height)[first : first + count, None]) ** 2) / (2 * RADIUS**2))
    across = np.exp(-((columns - _lines(width)[:, None]) ** 2) / (2 * RADIUS**2))
    spots = down[:, None, :, None] * across[None, :, None, :]
    return np.asarray(spots.reshape(-1, height, width), dtype=np.float32)
