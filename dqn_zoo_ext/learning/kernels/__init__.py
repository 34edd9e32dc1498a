"""Kernels for NVIDIA's GPUs, written in Triton, where what PyTorch brings leaves most of a GPU idle at batches of 32.

Triton comes with PyTorch on Linux. Where it is missing, PyTorch's own operations do the same, slower.
"""

import functools
import importlib.util


@functools.cache
def have_triton() -> bool:
    """Whether the kernels of this package can be imported."""
    return importlib.util.find_spec("triton") is not None
