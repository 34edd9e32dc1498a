"""Which tensors from anybody's files are what they say: plain numbers, each of them stored."""

import torch
from torch import Tensor, nn

KINDS = frozenset(
    {
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
    }
)
"""What weights and an optimizer's numbers come as. Of most others PyTorch can only keep the bits: not even compare."""


def what_is_wrong(tensor: Tensor) -> str | None:
    """Why a tensor from a file is not to be computed with, as the end of a sentence about it; None if it may be.

    One with a stride of 0, a sparse one or none but a shape has more numbers than are stored.
    """
    if not _is_all_there(tensor):
        return "has more numbers than are stored of it"
    if tensor.dtype not in KINDS:
        return f"has numbers of the kind {tensor.dtype}, which nothing here computes with"
    return None


def _is_all_there(tensor: Tensor) -> bool:
    if type(tensor) not in (Tensor, nn.Parameter) or tensor.layout != torch.strided:
        return False
    if tensor.is_meta or tensor.is_quantized or tensor.is_nested:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
