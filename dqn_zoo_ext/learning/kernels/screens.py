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
    sizes = {"CHANNELS": channels, "ROOM": triton.next_power_of_2(channels), "PIXELS": pixels}
    _scaled[(triton.cdiv(pixels, 512), batch)](screens.contiguous(), out, **sizes, HIGHEST=highest, BLOCK=512, num_warps=4)
    return out


@triton.jit
def _scaled(
    screens, out,
    CHANNELS: tl.constexpr, ROOM: tl.constexpr, PIXELS: tl.constexpr, HIGHEST: tl.constexpr, BLOCK: tl.constexpr,
):
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    channel = tl.arange(0, ROOM)
    first = tl.program_id(1) * PIXELS * CHANNELS
    inside = (channel < CHANNELS)[:, None] & (pixel < PIXELS)[None, :]
    values = tl.load(screens + first + channel[:, None] * PIXELS + pixel[None, :], mask=inside, other=0)
    values = tl.trans(tl.math.div_rn(values.to(tl.float32), HIGHEST * 1.0))
    inside = (pixel < PIXELS)[:, None] & (channel < CHANNELS)[None, :]
    place = pixel[:, None] * CHANNELS + channel[None, :]
    tl.store(out + first + place, values.to(out.dtype.element_ty), mask=inside)
