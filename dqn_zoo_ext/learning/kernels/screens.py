"""Bytes of screens as numbers, in one launch."""

import torch
import triton
import triton.language as tl
from torch import Tensor


def scaled(screens: Tensor, highest: int, dtype: torch.dtype) -> Tensor:
    """(B, C, H, W) bytes, each divided by `highest`, channels last."""
    batch, channels, height, width = screens.shape
    out = torch.empty(screens.shape, dtype=dtype, device=screens.device, memory_format=torch.channels_last)
    pixels = height * width
    grid = (triton.cdiv(pixels * channels, 1024), batch)
    _scaled[grid](screens.contiguous(), out, CHANNELS=channels, PIXELS=pixels, HIGHEST=highest, BLOCK=1024, num_warps=4)
    return out


@triton.jit
def _scaled(screens, out, CHANNELS: tl.constexpr, PIXELS: tl.constexpr, HIGHEST: tl.constexpr, BLOCK: tl.constexpr):
    """Some numbers of one screen, from one channel after the other to one pixel after the other."""
    number = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    first = tl.program_id(1) * PIXELS * CHANNELS
    inside = number < PIXELS * CHANNELS
    values = tl.load(screens + first + number % CHANNELS * PIXELS + number // CHANNELS, mask=inside, other=0)
    values = tl.math.div_rn(values.to(tl.float32), HIGHEST * 1.0)
    tl.store(out + first + number, values.to(out.dtype.element_ty), mask=inside)
