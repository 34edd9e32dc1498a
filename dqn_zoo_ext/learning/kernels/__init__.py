"""Kernels for NVIDIA's GPUs, written in Triton, where what PyTorch brings leaves most of a GPU idle at batches of 32.

Triton comes with PyTorch on Linux. Where the kernels do not run, PyTorch's own operations do the same, slower.

Triton launches a kernel on the present device, wherever its tensors lie: who calls these functions makes it theirs.
"""

import functools
import importlib.util
from collections.abc import Sequence

import torch
from torch import Tensor

_TENSOR_CORES_FOR_TF32 = (8, 0)  # compute capability: Ampere's, and what came after it


@functools.cache
def run_on(device: torch.device) -> bool:
    """Whether the kernels of this package can be compiled for `device`."""
    if device.type != "cuda" or importlib.util.find_spec("triton") is None:
        return False
    is_nvidias = torch.cuda.is_available() and torch.version.hip is None
    return is_nvidias and torch.cuda.get_device_capability(device) >= _TENSOR_CORES_FOR_TF32


def can_take(weights: Sequence[Tensor], *others: Sequence[Tensor]) -> bool:
    """Whether ``kernels.weights`` can work on these: `others` hold a tensor for each weight, lying in memory as it."""
    return bool(weights) and all(_is_taken(each[0], each) for each in zip(weights, *others, strict=True))


def _is_taken(weight: Tensor, lying_alike: Sequence[Tensor]) -> bool:
    is_dense = weight.is_contiguous() or (weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last))
    return (
        is_dense
        and weight.numel() > 0
        and run_on(weight.device)
        and all(
            each.dtype == torch.float32 and each.device == weight.device and _strides(each) == _strides(weight)
            for each in lying_alike
        )
    )


def _strides(tensor: Tensor) -> list[tuple[int, int]]:
    """Sizes and strides, without dimensions of size 1, whose stride means nothing."""
    return [each for each in zip(tensor.shape, tensor.stride(), strict=True) if each[0] != 1]
