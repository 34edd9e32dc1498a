"""Wide dense layers of float32 on a CPU, by oneDNN, the library inside PyTorch that makes its convolutions.

PyTorch leaves them to another library, MKL, which takes longer for batches of 32 on AMD's processors: DQN's update was
4 to 10 % shorter without it on two cores, 1 to 2 % on one. What is called here is what PyTorch's compiler calls; it has
no public name, so where it is missing PyTorch's own layer does the same.
"""

import functools
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_WEIGHTS = 100_000  # fewer are no gain


def takes(vectors: Tensor, weight: Tensor) -> bool:
    """Whether a layer is made so: a wide one, of (B, in_features) of float32, which nobody is about to round."""
    if vectors.device.type != "cpu" or vectors.ndim != 2 or weight.numel() < _WEIGHTS:
        return False
    return vectors.dtype == weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu") and _is_there()


def dense(vectors: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``nn.functional.linear`` of (B, in_features); cannot be differentiated twice."""
    result: Tensor = _Dense.apply(vectors, weight, bias)  # type: ignore[no-untyped-call]
    return result


@functools.cache
def _is_there() -> bool:
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class _Dense(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vectors: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(vectors, weight)
        return _products(vectors, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        vectors, weight = ctx.saved_tensors
        below = _products(gradient, weight.t()) if ctx.needs_input_grad[0] else None
        return below, _products(gradient.t().contiguous(), vectors.t()), gradient.sum(0)


def _products(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Each of `rows` with each row of `weight`."""
    made: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return made
