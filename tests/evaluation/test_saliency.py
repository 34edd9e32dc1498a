import cv2
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor, nn

from dqn_zoo_ext.evaluation.saliency import RADIUS, saliency
from dqn_zoo_ext.evaluation.watch import action_values
from dqn_zoo_ext.learning.policies import CnnPolicy


class Bright(nn.Module):
    """Values are the sum of a window of the screen, from 0 to 255 a pixel, and minus that."""

    def __init__(self, rows: slice, columns: slice) -> None:
        super().__init__()
        self._rows, self._columns = rows, columns

    def forward(self, obs: Tensor) -> Tensor:
        total = obs[:, :, self._rows, self._columns].float().sum(dim=(1, 2, 3)) / 1000
        return torch.stack([total, -total], dim=1)


def policy_looking_at(rows: slice, columns: slice, height: int, width: int) -> CnnPolicy:
    space = spaces.Box(0, 255, (2, height, width), np.uint8)
    policy = CnnPolicy(space, spaces.Discrete(2), lambda _: 1e-3)
    policy.q_net.forward = Bright(rows, columns).forward  # type: ignore[method-assign, assignment]
    return policy


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, height, width)).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(84, 84), (105, 80)])
def test_it_glows_where_the_network_looks(height: int, width: int) -> None:
    policy = policy_looking_at(slice(14, 28), slice(49, 63), height, width)
    heat = saliency(policy, noise(height, width))
    assert heat.shape == (height, width)
    assert heat.dtype == np.float32
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert 10 <= row <= 32
    assert 45 <= column <= 67
    assert heat[60:, :30].max() < 0.01 * heat.max()


def test_a_spot_by_the_paper() -> None:
    """I' = I (1 - M) + A M; half the squared distance of the values: at one spot, in a loop over the pixels."""
    height = width = 84
    policy, stack = policy_looking_at(slice(0, 84), slice(0, 84), height, width), noise(height, width)
    row = column = 3 * 7 + 3  # the fourth spot of twelve lies in the middle of pixels 21 to 27
    perturbed = np.zeros_like(stack)
    for frame in range(2):
        blurred = cv2.GaussianBlur(stack[frame], (0, 0), RADIUS)
        for y in range(height):
            for x in range(width):
                mask = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * RADIUS**2))
                perturbed[frame, y, x] = np.rint(stack[frame, y, x] * (1 - mask) + blurred[y, x] * mask)
    before, after = action_values(policy, np.stack([stack, perturbed]))
    by_hand = 0.5 * ((after - before) ** 2).sum()
    assert by_hand > 0
    assert saliency(policy, stack)[row, column] == pytest.approx(by_hand, rel=0.02)


def test_large_screens_are_looked_at_in_parts_to_the_same_end(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, stack = policy_looking_at(slice(14, 28), slice(49, 63), 84, 84), noise(84, 84)
    at_once = saliency(policy, stack)
    monkeypatch.setattr("dqn_zoo_ext.evaluation.saliency._MOST_PIXELS_AT_ONCE", 5 * 12 * stack.size)  # 5 rows of 12
    np.testing.assert_array_equal(saliency(policy, stack), at_once)


def test_a_network_that_sees_nothing_glows_nowhere() -> None:
    policy = policy_looking_at(slice(0, 0), slice(0, 0), 84, 84)
    assert saliency(policy, noise(84, 84)).max() == 0
