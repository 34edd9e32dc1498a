"""From screens to pictures: a pure function."""

import cv2
import numpy as np
import numpy.typing as npt

from dqn_zoo_ext.envs.screens.rules import ScreenRules

Screens = npt.NDArray[np.uint8]
Pictures = npt.NDArray[np.uint8]

_INTERPOLATIONS = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR_EXACT, "nearest": cv2.INTER_NEAREST}


def pictures_of(screens: Screens, rules: ScreenRules) -> Pictures:
    """(n, planes, height, width): crop, every k-th pixel, colour, size, in this order.

    screens: (n, rows, columns) gray, for the two luminances, or (n, rows, columns, 3) RGB, for ``mean`` and ``rgb``.
    Screens that the emulator has resized already have the size they are to have, and keep it.
    """
    kept = screens[:, _slice(rules.crop_rows), _slice(rules.crop_columns)]
    coloured = kept[:, :: rules.subsample, :: rules.subsample]
    if rules.colour == "mean":
        coloured = _mean(coloured)
    _, height, width = rules.picture_shape
    sized = _resized(coloured, height, width, _INTERPOLATIONS[rules.resize])
    if rules.colour == "luminance_int8":
        sized = sized ^ np.uint8(128)  # the cast, v - 256 from 128 on, and 128 more
    planes = np.moveaxis(sized, 3, 1) if sized.ndim == 4 else sized[:, np.newaxis]
    return np.ascontiguousarray(planes)


def _slice(span: tuple[int, int] | None) -> slice:
    return slice(None) if span is None else slice(*span)


def _mean(colours: Screens) -> Screens:
    """(n, h, w, 3) to (n, h, w): the mean, cut to a whole number."""
    total = colours[..., 0].astype(np.uint16) + colours[..., 1] + colours[..., 2]
    return np.asarray(total // 3).astype(np.uint8)


def _resized(screens: Screens, height: int, width: int, interpolation: int) -> Screens:
    if screens.shape[1:3] == (height, width):
        return screens
    resized = np.empty((len(screens), height, width, *screens.shape[3:]), dtype=np.uint8)
    for screen, to in zip(screens, resized, strict=True):
        to[:] = cv2.resize(np.ascontiguousarray(screen), (width, height), interpolation=interpolation)
    return resized
