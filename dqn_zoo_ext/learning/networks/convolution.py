"""Convolutions and dense layers: PyTorch's, and on NVIDIA's GPUs kernels of ours that keep all of the GPU busy."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from dqn_zoo_ext.learning.kernels import have_triton

_LONG_SUMS = 256  # terms, from which on a dense layer's sums are cut into pieces on a GPU


class Convolution(nn.Conv2d):
    """A ``Conv2d`` with one stride and one padding for both directions.

    Same parameters, same numbers but for rounding. Where there is no Triton it is nothing but that.
    """

    def __init__(self, channels: int, filters: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__(channels, filters, kernel, stride, padding)

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) to (B, filters, OH, OW)."""
        return self._made(input, relu=False)

    def positive(self, screens: Tensor) -> Tensor:
        """``forward`` and a ReLU."""
        return self._made(screens, relu=True)

    def _made(self, screens: Tensor, relu: bool) -> Tensor:
        if not _by_kernels(screens):
            made = super().forward(screens)
            return made.relu() if relu else made
        assert self.bias is not None
        result: Tensor = _Made.apply(screens, self.weight, self.bias, self.stride[0], int(self.padding[0]), relu)  # type: ignore[no-untyped-call]
        return result


class Dense(nn.Linear):
    """A ``Linear`` for batches of vectors; same parameters, same numbers but for rounding."""

    def forward(self, input: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        return dense(input, self.weight, self.bias)

    def positive(self, vectors: Tensor) -> Tensor:
        """``forward`` and a ReLU."""
        return dense(vectors, self.weight, self.bias, relu=True)


class Layers(nn.Sequential):
    """Layers one after the other; where a ReLU follows a layer that can make it (``positive``), they are one step."""

    def forward(self, input: Tensor) -> Tensor:
        """What the last layer makes of what the one before made."""
        before: nn.Module | None = None
        for layer, after in pairwise([*self, None]):
            assert layer is not None
            if isinstance(after, nn.ReLU) and isinstance(layer, Convolution | Dense):
                input = layer.positive(input)
            elif not (isinstance(layer, nn.ReLU) and isinstance(before, Convolution | Dense)):
                input = layer(input)
            before = layer
        return input


def dense(vectors: Tensor, weight: Tensor, bias: Tensor, relu: bool = False) -> Tensor:
    """``nn.functional.linear``, and a ReLU if `relu`."""
    if not _by_kernels(vectors) or vectors.ndim != 2 or vectors.shape[1] < _LONG_SUMS:
        made = nn.functional.linear(vectors, weight, bias)
        return made.relu() if relu else made
    made = _Made.apply(vectors[:, :, None, None], weight[:, :, None, None], bias, 1, 0, relu)  # type: ignore[no-untyped-call]
    return made.flatten(1)


def _by_kernels(inputs: Tensor) -> bool:
    return inputs.is_cuda and have_triton()


def _products() -> str:
    """How products of float32 are made: of three tf32 ones, which is no less exact than float32's own, or as told."""
    return "tf32" if torch.backends.cudnn.allow_tf32 else "tf32x3"


class _Made(torch.autograd.Function):
    """A convolution, with its ReLU if `relu`, by ``kernels.convolution``; a dense layer is one of screens of a pixel."""

    @staticmethod
    def forward(
        ctx: Any, screens: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int, relu: bool
    ) -> Tensor:
        from dqn_zoo_ext.learning.kernels import convolution  # Triton is not everywhere

        shape = convolution.Shape.of(screens, weight, stride, padding)
        screens = screens.contiguous(memory_format=torch.channels_last)
        filters = weight.detach().permute(0, 2, 3, 1).contiguous()
        products = _products()
        out = convolution.forward(screens, filters, bias, shape, products, relu)
        ctx.save_for_backward(screens, filters, out if relu else None)
        ctx.shape, ctx.products = shape, products
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None, None, None]:
        from dqn_zoo_ext.learning.kernels import convolution

        screens, filters, out = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        below = None
        if ctx.needs_input_grad[0]:
            below = convolution.gradient_of_screens(filters, gradient, out, ctx.shape, ctx.products)
        weight, bias = convolution.gradient_of_filters(screens, gradient, out, ctx.shape, ctx.products)
        return below, weight, bias, None, None, None
