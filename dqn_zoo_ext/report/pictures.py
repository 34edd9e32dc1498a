"""Pictures made of pictures: the agent's own view, a glow over it, and several side by side."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from dqn_zoo_ext.evaluation.screens import Picture

_GLOW = np.array([255, 170, 0], dtype=np.float32)  # amber: told from the gray of the frame by every kind of sight
_GAP = 8
_BACKGROUND = 24


def newest_frame(stack: npt.NDArray[np.uint8], planes: int = 1) -> Picture:
    """The last frame of a stack (planes * frames, H, W), as a picture (H, W, 3): gray, or of three planes in colour."""
    frame = np.moveaxis(stack[-planes:], 0, 2)
    return frame if planes == 3 else np.repeat(frame[:, :, -1:], 3, axis=2)


def whole_stack(stack: npt.NDArray[np.uint8], planes: int = 1) -> Picture:
    """All frames of a stack (planes * frames, H, W) in a row, the oldest on the left."""
    ends = range(planes, len(stack) + 1, planes)
    return beside([newest_frame(stack[:end], planes) for end in ends], gap=1)


def glowing(picture: Picture, heat: npt.NDArray[np.float32], brightest: float) -> Picture:
    """`picture` with an amber light where `heat` (H, W) is; from `brightest` on it is as bright as it gets."""
    share = np.clip(heat / brightest, 0.0, 1.0)[:, :, None] if brightest > 0 else np.zeros((*heat.shape, 1))
    return np.asarray(np.rint(picture * (1 - 0.75 * share) + _GLOW * 0.75 * share), dtype=np.uint8)


def enlarged(picture: Picture, height: int) -> Picture:
    """`picture` at this height, each pixel a block of sharp edges; its width grows in proportion."""
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def beside(pictures: Sequence[Picture], gap: int = _GAP) -> Picture:
    """Pictures from left to right, at their tops; what is not covered is dark."""
    height = max(picture.shape[0] for picture in pictures)
    width = sum(picture.shape[1] for picture in pictures) + gap * (len(pictures) - 1)
    whole = np.full((height, width, 3), _BACKGROUND, dtype=np.uint8)
    left = 0
    for picture in pictures:
        whole[: picture.shape[0], left : left + picture.shape[1]] = picture
        left += picture.shape[1] + gap
    return whole
