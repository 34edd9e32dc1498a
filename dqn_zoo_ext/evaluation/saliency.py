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


def saliency(policy: BasePolicy, stack: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """How much the action values change when the stack is blurred around each pixel, (H, W) float32, never negative.

    stack: (frames, H, W), what the agent sees. At a spot it is half the squared distance of the values with and
    without the blur, in all frames at once; between the spots it is interpolated.
    Source: Greydanus et al. 2018, equations 1 to 3, with the action values for the logits of a policy.
    """
    height, width = stack.shape[1:]
    masks = _spots(height, width)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), RADIUS) for frame in stack]).astype(np.float32)
    change = blurred - stack
    perturbed = np.rint(stack + masks[:, None] * change[None]).astype(np.uint8)
    values = action_values(policy, np.concatenate([stack[None], perturbed]))
    scores = 0.5 * ((values[1:] - values[0]) ** 2).sum(axis=1)
    grid = scores.reshape(_lines(height).size, _lines(width).size).astype(np.float32)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)).clip(min=0.0)


def _lines(pixels: int) -> npt.NDArray[np.float32]:
    """Where the spots lie along one side: as many as fit, each in the middle of its own share."""
    count = max(1, pixels // SPACING)
    return np.asarray((np.arange(count) + 0.5) * pixels / count - 0.5, dtype=np.float32)


@lru_cache(maxsize=4)
def _spots(height: int, width: int) -> npt.NDArray[np.float32]:
    """(spots, H, W): at each spot a Gaussian of height 1, row by row."""
    rows, columns = np.arange(height), np.arange(width)
    down = np.exp(-((rows - _lines(height)[:, None]) ** 2) / (2 * RADIUS**2))
    across = np.exp(-((columns - _lines(width)[:, None]) ** 2) / (2 * RADIUS**2))
    spots = down[:, None, :, None] * across[None, :, None, :]
    return np.asarray(spots.reshape(-1, height, width), dtype=np.float32)
