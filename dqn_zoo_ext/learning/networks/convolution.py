"""Convolutions and dense layers: PyTorch's, but on NVIDIA's GPUs kernels of ours, which keep all of the GPU busy.

Wide dense layers on CPUs are oneDNN's.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from dqn_zoo_ext.learning import kernels
from dqn_zoo_ext.learning.hardware import onednn
from dqn_zoo_ext.learning.hardware.tracing import is_recorded_by_torchscript

_LONG_SUMS = 256  # terms, from which on a dense layer's sums are cut into pieces on a GPU


class Convolution(nn.Conv2d):
    """A ``Conv2d`` with one stride and one padding for both directions.

    Same parameters, same numbers but for rounding. Where there is no Triton it is nothing but that.
    """

    def __init__(self, channels: int, filters: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__(channels, filters, kernel, stride, padding)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Convolution":
        """What ``to`` does; where our kernels run, filters lie channels last, as the kernels read them."""
        before = self._filters_are_for_kernels()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # PyTorch's own
        after = self._filters_are_for_kernels()
        if after or before:
            lying = torch.channels_last if after else torch.contiguous_format
            self.weight.data = self.weight.data.contiguous(memory_format=lying)
        return self

    def _filters_are_for_kernels(self) -> bool:
        weight = self._parameters.get("weight")  # where it is computed (spectral normalisation) there is none
        return weight is not None and _can_be_by_kernels(weight)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # PyTorch's name
        """(B, C, H, W) to (B, filters, OH, OW). Also of screens in blocks, see ``side_of_blocks``."""
        if self._is_in_blocks(input):
            return nn.functional.conv2d(input, nn.functional.pixel_unshuffle(self.weight, self.stride[0]), self.bias)
        return self.by_kernels(input) if _can_be_by_kernels(input) else super().forward(input)

    def side_of_blocks(self, height: int, width: int) -> int:
        """Of the blocks of pixels, as ``pixel_unshuffle`` makes them, on which it has a stride of 1.

        It is the stride, if that divides the kernel and the sides of screens so large; else 1: there are none.
        """
        divides = self._can_see_blocks() and height % self.stride[0] == 0 and width % self.stride[0] == 0
        return self.stride[0] if divides else 1

    def _can_see_blocks(self) -> bool:
        """Not a subclass that does something else, nor a layer that somebody watches: both are to see screens."""
        plain = type(self).forward is Convolution.forward and is_left_alone(self)
        return plain and self.padding == (0, 0) and all(size % self.stride[0] == 0 for size in self.kernel_size)

    def _is_in_blocks(self, screens: Tensor) -> bool:
        if self.stride[0] == 1 or is_recorded_by_torchscript() or screens.ndim != 4:
            return False
        return screens.shape[1] == self.in_channels * self.stride[0] ** 2 and self._can_see_blocks()

    def by_kernels(self, screens: Tensor, relu: bool = False) -> Tensor:
        """``forward``, on a GPU, with a ReLU if `relu`."""
        how = (self.stride[0], int(self.padding[0]), relu, _products(torch.backends.cudnn.allow_tf32))
        result: Tensor = _Made.apply(screens, self.weight, self.bias, *how)  # type: ignore[no-untyped-call]
        return result


class Dense(nn.Linear):
    """A ``Linear`` for batches of vectors; same parameters, same numbers but for rounding."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # PyTorch's name
        """(..., in_features) to (..., out_features)."""
        return dense(input, self.weight, self.bias)

    def by_kernels(self, vectors: Tensor, relu: bool = False) -> Tensor:
        """``forward``, on a GPU, with a ReLU if `relu`."""
        return dense(vectors, self.weight, self.bias, relu)


class Layers(nn.Sequential):
    """Layers one after the other; on a GPU a ReLU is made in one step with the layer before it, unless hooks watch."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # PyTorch's name
        """What the last layer makes of what the one before made."""
        if not _can_be_by_kernels(input):
            result: Tensor = super().forward(input)  # type: ignore[no-untyped-call]
            return result
        layers = list(self)
        while layers:
            layer = layers.pop(0)
            in_one = bool(layers) and isinstance(layers[0], nn.ReLU) and not _are_watched(layer, layers[0])
            if in_one and isinstance(layer, Convolution | Dense):
                layers.pop(0)
                input = layer.by_kernels(input, relu=True)  # noqa: A001
            else:
                input = layer(input)  # noqa: A001
        return input


def dense(vectors: Tensor, weight: Tensor, bias: Tensor, relu: bool = False) -> Tensor:
    """``nn.functional.linear``, and a ReLU if `relu`."""
    if not _can_be_by_kernels(vectors) or vectors.ndim != 2 or vectors.shape[1] < _LONG_SUMS:
        by_onednn = bias is not None and onednn.takes(vectors, weight)
        made = onednn.dense(vectors, weight, bias) if by_onednn else nn.functional.linear(vectors, weight, bias)
        return made.relu() if relu else made
    of_a_pixel = (vectors[:, :, None, None], weight[:, :, None, None])
    products = _products(torch.backends.cuda.matmul.allow_tf32)
    result: Tensor = _Made.apply(*of_a_pixel, bias, 1, 0, relu, products)  # type: ignore[no-untyped-call]
    return result.flatten(1)


def is_left_alone(part: nn.Module) -> bool:
    """Whether nobody is to be called with what goes into it, or has put a ``forward`` of his own in its place."""
    return "forward" not in part.__dict__ and not _are_watched(part)


def _are_watched(*layers: nn.Module) -> bool:
    """Whether somebody is to be called with what goes into one of them, or comes out: of dead units, say."""
    return any(each._forward_hooks or each._forward_pre_hooks or each._backward_hooks for each in layers)


def _can_be_by_kernels(inputs: Tensor) -> bool:
    return kernels.run_on(inputs.device)


def _products(allow_tf32: bool) -> str:
    """How products of float32 are made: of three tf32 ones, which is no less exact than float32's own, or of one."""
    return "tf32" if allow_tf32 else "tf32x3"


class _Made(torch.autograd.Function):
    """A convolution by ``kernels.convolution``, with a ReLU if `relu`. A dense layer is one of screens of one pixel."""

    @staticmethod
    def forward(
        ctx: Any, screens: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int, relu: bool, products: str
    ) -> Tensor:
        from dqn_zoo_ext.learning.kernels import convolution  # Triton is not everywhere

        shape = convolution.Shape.of(screens, weight, stride, padding)
        screens = screens.contiguous(memory_format=torch.channels_last)
        filters = weight.detach().permute(0, 2, 3, 1).contiguous()  # as they lie already, unless somebody's do not
        with torch.cuda.device_of(screens):  # Triton launches on the present one; autograd sees to it in ``backward``
            out = convolution.forward(screens, filters, bias, shape, products, relu)
        ctx.save_for_backward(screens, filters, out if relu else None)
        ctx.how = (shape, products)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None, None, None, None]:
        from dqn_zoo_ext.learning.kernels import convolution

        screens, filters, out = ctx.saved_tensors
        given = (gradients[0].contiguous(memory_format=torch.channels_last), out, *ctx.how)
        below = None
        if ctx.needs_input_grad[0]:
            below = convolution.gradient_of_screens(filters, *given)
        weight, bias = convolution.gradient_of_filters(screens, *given)
        return below, weight, bias, None, None, None, None
