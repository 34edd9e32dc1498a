"""Kernels for NVIDIA's GPUs, written in Triton, where what PyTorch brings leaves most of a GPU idle at batches of 32.

Triton comes with PyTorch on Linux. Where the kernels do not run, PyTorch's own operations do the same, slower.

Triton launches a kernel on the present device, wherever its tensors lie: who calls these functions makes it theirs.
"""

import functools
import importlib.util
from collections.abc import Iterable

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


def take(tensors: Iterable[Tensor]) -> bool:
    """Whether ``weights`` can work on all of these together."""
    every = list(tensors)
    return bool(every) and all(
        each.dtype == torch.float32 and each.is_contiguous() and each.numel() > 0 and run_on(each.device)
        for each in every
    )
