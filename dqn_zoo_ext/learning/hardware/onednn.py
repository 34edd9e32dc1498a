"""Wide dense layers of float32 on a CPU, by oneDNN, the library inside PyTorch that makes its convolutions.

PyTorch leaves them to another library, MKL. Without it DQN's update of 32 transitions was 4 to 10 % shorter on two
cores of an AMD EPYC with AVX-512, and 1 to 2 % on one; with fewer than 4 rows MKL is the faster one. Other processors
were not measured. What is called here is what PyTorch's compiler calls; it has no public name, so where it is missing
PyTorch's own layer does the same.
"""

import functools
from typing import Any

import torch
from torch import Tensor

from dqn_zoo_ext.learning.hardware.tracing import is_traced

_WEIGHTS, _ROWS = 100_000, 4  # with less there is nothing to gain


def takes(vectors: Tensor, weight: Tensor) -> bool:
    """Whether a layer is made so: a wide one, of (B, in_features) of float32, which nobody is about to round.

    Not in a graph for others than PyTorch, who would not know the name.
    """
    if vectors.device.type != "cpu" or not _is_there() or not torch.backends.mkldnn.enabled:
        return False
    if is_traced() or not vectors.dtype == weight.dtype == torch.float32 or torch.is_autocast_enabled("cpu"):
        return False
    return vectors.ndim == 2 and len(vectors) >= _ROWS and weight.numel() >= _WEIGHTS


def dense(vectors: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``nn.functional.linear`` of (B, in_features) with weight (out_features, in_features) and bias (out_features,)."""
    result: Tensor = _Dense.apply(vectors, weight, bias)  # type: ignore[no-untyped-call]
    return result


@functools.cache
def _is_there() -> bool:
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class _Dense(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(vectors: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return _products(vectors, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        del output
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor]:
        vectors, weight = ctx.saved_tensors
        of_vectors, of_weight, _ = ctx.needs_input_grad
        if torch.is_grad_enabled():  # the gradient is to be differentiated again, which what is called below cannot be
            below, beside = gradient @ weight, gradient.t() @ vectors
        else:
            below = _products(gradient, weight.t()) if of_vectors else None
            beside = _products(gradient.t().contiguous(), vectors.t()) if of_weight else None
        return below, beside, gradient.sum(0)


def _products(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Each of `rows` with each row of `weight`."""
    made: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return made
