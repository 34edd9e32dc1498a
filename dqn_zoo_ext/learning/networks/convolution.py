"""Convolutions and dense layers: PyTorch's, and on NVIDIA's GPUs kernels of ours that keep all of the GPU busy."""

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
        return self.made(input)

    def made(self, screens: Tensor, relu: bool = False, planes: bool = False) -> Tensor:
        """``forward``, with a ReLU if `relu`. planes: lies better in memory plane by plane, for a ``Flatten``."""
        if not _by_kernels(screens):
            made = super().forward(screens)
            return made.relu() if relu else made
        steps = (self.stride[0], int(self.padding[0]))
        result: Tensor = _Made.apply(screens, self.weight, self.bias, *steps, relu, planes)  # type: ignore[no-untyped-call]
        return result


class Dense(nn.Linear):
    """A ``Linear`` for batches of vectors; same parameters, same numbers but for rounding."""

    def forward(self, input: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        return dense(input, self.weight, self.bias)

    def made(self, vectors: Tensor, relu: bool = False, planes: bool = False) -> Tensor:  # noqa: ARG002  # one pixel each
        """``forward``, with a ReLU if `relu`."""
        return dense(vectors, self.weight, self.bias, relu)


class Layers(nn.Sequential):
    """Layers one after the other, some with what follows them in one step: a ReLU, and memory as a ``Flatten`` has it."""

    def forward(self, input: Tensor) -> Tensor:
        """What the last layer makes of what the one before made."""
        layers = list(self)
        while layers:
            layer = layers.pop(0)
            if isinstance(layer, Convolution | Dense):
                relu = bool(layers) and isinstance(layers[0], nn.ReLU)
                layers = layers[1:] if relu else layers
                input = layer.made(input, relu, planes=bool(layers) and isinstance(layers[0], nn.Flatten))
            else:
                input = layer(input)
        return input


def dense(vectors: Tensor, weight: Tensor, bias: Tensor, relu: bool = False) -> Tensor:
    """``nn.functional.linear``, and a ReLU if `relu`."""
    if not _by_kernels(vectors) or vectors.ndim != 2 or vectors.shape[1] < _LONG_SUMS:
        made = nn.functional.linear(vectors, weight, bias)
        return made.relu() if relu else made
    made = _Made.apply(vectors[:, :, None, None], weight[:, :, None, None], bias, 1, 0, relu, False)  # type: ignore[no-untyped-call]
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
        ctx: Any, screens: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int, relu: bool, planes: bool
    ) -> Tensor:
        from dqn_zoo_ext.learning.kernels import convolution  # Triton is not everywhere

        shape = convolution.Shape.of(screens, weight, stride, padding)
        screens = screens.contiguous(memory_format=torch.channels_last)
        filters = weight.detach().permute(0, 2, 3, 1).contiguous()
        products = _products()
        out = convolution.forward(screens, filters, bias, shape, products, relu=relu, planes=planes)
        ctx.save_for_backward(screens, filters, out if relu else None)
        ctx.how = (shape, products)
        ctx.planes = planes
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None, None, None, None]:
        from dqn_zoo_ext.learning.kernels import convolution

        screens, filters, out = ctx.saved_tensors
        order = torch.contiguous_format if ctx.planes else torch.channels_last
        given = (gradients[0].contiguous(memory_format=order), out, *ctx.how)
        below = None
        if ctx.needs_input_grad[0]:
            below = convolution.gradient_of_screens(filters, *given, planes=ctx.planes)
        weight, bias = convolution.gradient_of_filters(screens, *given, planes=ctx.planes)
        return below, weight, bias, None, None, None, None
