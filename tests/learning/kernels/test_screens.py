"""Bytes as numbers by our kernel, beside PyTorch's operations."""

import pytest
import torch

from dqn_zoo_ext.learning.hardware.precision import scaled_screens


@pytest.mark.parametrize("shape", [(3, 4, 84, 84), (2, 12, 10, 7), (1, 1, 5, 5)], ids=str)
def test_screens_are_scaled_to_the_bit(shape: tuple[int, ...]) -> None:
    from dqn_zoo_ext.learning.kernels.screens import scaled

    screens = torch.randint(0, 256, shape, dtype=torch.uint8, device="cuda" if torch.cuda.is_available() else "cpu")
    made = scaled(screens, 255, torch.float32)
    assert made.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(made.cpu(), scaled_screens(screens.cpu(), "fp32"))
