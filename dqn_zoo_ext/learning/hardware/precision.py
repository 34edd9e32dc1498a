"""With how many digits the torso computes: nearly all of the arithmetic of a network for screens is in it.

- fp32: as it is; on a GPU by kernels of ours, which make a product of three of tf32 and are no less exact.
- tf32: on GPUs that have it, factors of products are rounded to 10 bits, sums stay fp32. Elsewhere it is fp32.
- bf16: convolutions and the torso's dense layer take factors and give results of 8 bits. Its weights stay fp32, so that
  small steps are not lost, and so do heads and losses: action values of about 10 would else be 0.06 apart.
"""

import contextlib
from typing import Literal

import torch
from torch import Tensor

from dqn_zoo_ext.learning import kernels
from dqn_zoo_ext.learning.hardware.tracing import is_traced

Precision = Literal["fp32", "tf32", "bf16"]
_HIGHEST = 255  # of a pixel
_ROW_AS_ONE_NUMBER = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # so many pixels of a row moved as one number


def computing(precision: Precision, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Inside, layers compute so. On a GPU whatever is behind it, too, until the next one: PyTorch has one setting."""
    if device.type == "cuda":
        allow_tf32(precision == "tf32")
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()


def allow_tf32(allowed: bool) -> None:
    """Let products be rounded so, or not, in this process, on a GPU. PyTorch's own choice is: convolutions only."""
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cuda.matmul.allow_tf32 = allowed


def scaled_screens(screens: Tensor, precision: Precision, side: int = 1) -> Tensor:
    """(B, C, H, W) bytes as numbers in [0, 1], for the torso. Other numbers than bytes are divided by 255 too.

    side: at 2, 4 or 8 bytes come in blocks of so many pixels a side, each one pixel of more channels, as
    ``pixel_unshuffle`` makes them: (B, C * side**2, H / side, W / side). At any other they come as they are.

    They lie in memory pixel by pixel (channels last), which convolutions and, above all, the gradients of their weights
    are faster for.
    """
    kind = torch.bfloat16 if precision == "bf16" else torch.float32  # either has all bytes, and rounds a quotient once
    if side in _ROW_AS_ONE_NUMBER and screens.dtype == torch.uint8 and len(screens) > 0:
        return _blocks(screens, side).to(kind).div_(_HIGHEST).permute(0, 3, 1, 2)
    if kernels.run_on(screens.device):
        from dqn_zoo_ext.learning.kernels.screens import scaled as made  # Triton is not everywhere

        with torch.cuda.device_of(screens):  # Triton launches on the present one
            return made(screens, _HIGHEST, kind)
    if screens.device.type != "cpu":
        return screens.to(kind, memory_format=torch.channels_last).div_(_HIGHEST)
    # plane by plane: PyTorch's own way from one order to the other takes three times as long on a CPU
    batch, channels, height, width = screens.shape
    pixels = screens.new_empty((batch, height, width, channels), dtype=kind)
    for channel in range(channels):
        pixels[..., channel].copy_(screens[:, channel])
    return pixels.div_(_HIGHEST).permute(0, 3, 1, 2)


def _blocks(screens: Tensor, side: int) -> Tensor:
    """(B, H / side, W / side, C * side**2) bytes: of each block of pixels channel after channel, row after row."""
    batch, channels, height, width = screens.shape
    lies_otherwise = any(stride % side for stride in (*screens.stride()[:-1], screens.storage_offset()))
    if lies_otherwise or not screens.is_contiguous():
        screens = screens.clone(memory_format=torch.contiguous_format)
    rows = screens.view(_ROW_AS_ONE_NUMBER[side])  # of a block's one row, which stays together
    rows = rows.view(batch, channels, height // side, side, width // side).transpose(1, 2)
    rows = rows.reshape(batch, height // side, channels * side, width // side)
    return rows.transpose(2, 3).contiguous().view(torch.uint8)


def pays_in_blocks(precision: Precision, device: torch.device) -> bool:
    """Whether a first convolution of large stride is to see blocks of pixels, on which its stride is 1.

    bf16's, with its gradients, is faster so on a CPU, fp32's slower. What is traced stays a plain convolution.
    """
    return precision == "bf16" and device.type == "cpu" and not is_traced()


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes with it, and does not merely imitate it, which takes longer than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    supported: bool = torch.cpu._is_avx512_bf16_supported()
    return supported
