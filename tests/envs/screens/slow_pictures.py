"""From a screen to a picture in plain numpy, as slow and obvious as it gets: no OpenCV, one rule after the other."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from dqn_zoo_ext.envs.rules import AtariRules

Picture = npt.NDArray[np.uint8]
Weights = list[list[tuple[int, np.float32]]]


def slow_picture(screen: Picture, rules: AtariRules) -> Picture:
    """(planes, height, width) of a gray screen (rows, columns) or a coloured one (rows, columns, 3)."""
    if screen.shape[0] != 210:  # a game with more rows than most
        screen = each_plane(screen, lambda plane: area(plane, 210, 160))
    rows, columns = rules.crop_rows or (0, 210), rules.crop_columns or (0, 160)
    kept = screen[rows[0] : rows[1], columns[0] : columns[1]]
    picture = np.array([row[:: rules.subsample] for row in kept[:: rules.subsample]])
    if rules.colour == "mean":
        picture = np.mean(picture, axis=2).astype(np.uint8)  # as the article of 2019 has it
    size = rules.screen_size
    if size is not None:
        height, width = (size, size) if isinstance(size, int) else size
        resize = {"area": area, "bilinear": bilinear, "nearest": nearest}[rules.resize]
        picture = each_plane(picture, lambda plane: resize(plane, height, width))
    if rules.colour == "luminance_int8":
        picture = (picture.astype(np.int8).astype(np.int16) + 128).astype(np.uint8)
    return np.moveaxis(picture, 2, 0) if picture.ndim == 3 else picture[np.newaxis]


def each_plane(picture: Picture, change: Any) -> Picture:
    if picture.ndim == 2:
        return np.asarray(change(picture))
    return np.stack([change(picture[..., plane]) for plane in range(3)], axis=2)


def area(plane: Picture, height: int, width: int) -> Picture:
    """The mean of what each new pixel covers, every pixel weighed by the share of it that is covered.

    Sums are of float32, columns first, from left to right and from top to bottom: on an edge between two shades many a
    mean is a number and a half, and the order of the sum decides which way it goes. Where every new pixel covers whole
    old ones the sum is exact, and 2 x 2 are rounded half up.
    """
    if plane.shape == (2 * height, 2 * width):
        four = plane.reshape(height, 2, width, 2).astype(int).sum(axis=(1, 3))
        return np.asarray((four + 2) // 4, dtype=np.uint8)
    across = []
    for weights in covered(plane.shape[1], width):
        total = np.zeros(len(plane), dtype=np.float32)
        for column, weight in weights:
            total = total + plane[:, column].astype(np.float32) * weight
        across.append(total)
    lines = np.stack(across, axis=1)
    picture = np.empty((height, width), dtype=np.uint8)
    for y, weights in enumerate(covered(plane.shape[0], height)):
        line = np.zeros(width, dtype=np.float32)
        for row, weight in weights:
            line = line + lines[row] * weight
        picture[y] = np.clip(np.rint(line), 0, 255)
    return picture


def covered(old: int, new: int) -> Weights:
    """For each new pixel of a line the old ones that it covers, and their shares of it."""
    scale = old / new
    result: Weights = []
    for pixel in range(new):
        begin, end = pixel * scale, min((pixel + 1) * scale, old)
        shares = []
        for each in range(math.floor(begin), min(math.ceil(end), old)):
            length = min(end, each + 1) - max(begin, each)
            if length > 1e-3:
                shares.append((each, np.float32(length / (end - begin))))
        result.append(shares)
    return result


def bilinear(plane: Picture, height: int, width: int) -> Picture:
    """Of the nearest two by two, with weights in 256ths."""
    rows, columns = between(plane.shape[0], height), between(plane.shape[1], width)
    picture = np.empty((height, width), dtype=np.uint8)
    whole = plane.astype(np.int64)
    for y, (row, down) in enumerate(rows):
        for x, (column, right) in enumerate(columns):
            upper = whole[row, column] * (256 - right) + whole[row, column + 1] * right
            lower = whole[row + 1, column] * (256 - right) + whole[row + 1, column + 1] * right
            picture[y, x] = (upper * (256 - down) + lower * down + 2**15) >> 16
    return picture


def between(old: int, new: int) -> list[tuple[int, int]]:
    """For each new pixel the old one before its middle, and how far behind that it lies, in 256ths of a pixel."""
    result = []
    for pixel in range(new):
        middle = (pixel + 0.5) * old / new - 0.5
        before = math.floor(middle)
        behind = round((middle - before) * 256)
        if before < 0:
            before, behind = 0, 0
        if before >= old - 1:
            before, behind = old - 2, 256
        result.append((before, behind))
    return result


def nearest(plane: Picture, height: int, width: int) -> Picture:
    rows = [math.floor(y * plane.shape[0] / height) for y in range(height)]
    columns = [math.floor(x * plane.shape[1] / width) for x in range(width)]
    picture: Picture = np.array([[plane[row, column] for column in columns] for row in rows], dtype=np.uint8)
    return picture
