"""Convolutions of small batches on a GPU, as products of matrices that are put together while they are made.

cuDNN's own deterministic kernels give a batch of 32 screens to a handful of the GPU's 132 multiprocessors: the gradient
of a layer's weights takes 150 microseconds, ten times as long as here. Sums are cut into pieces for as many of them,
and the pieces summed in one order: results are the same every time.

A convolution's input is a matrix with one row for each place of the output and one column for each weight of a filter,
(row of the kernel, column of the kernel, channel) with the channel fastest, as screens lie in memory channels last. No
such matrix is ever written.
"""

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor


class Shape(NamedTuple):
    """Of a convolution: of its input (B, C, H, W), its filters (OC, C, KH, KW), and of its output (B, OC, OH, OW)."""

    B: int
    C: int
    H: int
    W: int
    OC: int
    KH: int
    KW: int
    OH: int
    OW: int
    STRIDE: int
    PADDING: int

    @classmethod
    def of(cls, screens: Tensor, weight: Tensor, stride: int, padding: int) -> "Shape":
        """Of these."""
        batch, channels, height, width = screens.shape
        filters, _, rows, columns = weight.shape
        down, across = (
            (size + 2 * padding - kernel) // stride + 1 for size, kernel in ((height, rows), (width, columns))
        )
        return cls(batch, channels, height, width, filters, rows, columns, down, across, stride, padding)

    @property
    def places(self) -> int:
        """Of all outputs of the batch."""
        return self.B * self.OH * self.OW

    @property
    def taps(self) -> int:
        """Weights of one filter."""
        return self.KH * self.KW * self.C


def forward(screens: Tensor, filters: Tensor, bias: Tensor, shape: Shape, products: str, relu: bool) -> Tensor:
    """(B, OC, OH, OW), channels last; negative ones are 0 if `relu`.

    screens: channels last. filters: (OC, KH, KW, C). products: of float32, as ``tl.dot`` makes them.
    """
    out = _channels_last((shape.B, shape.OC, shape.OH, shape.OW), screens)
    rows, taps = _rows(shape.places, shape.OC), 32 if shape.C < 32 else 64
    tiles = triton.cdiv(shape.places, rows) * triton.cdiv(shape.OC, 32)
    pieces, of_piece = _pieces(shape.taps, taps, tiles, 2 * _PROGRAMS) if tiles < _FEW_TILES else (1, shape.taps)
    sums = out if pieces == 1 else torch.empty((pieces, out.numel()), dtype=torch.float32, device=out.device)
    _forward[(triton.cdiv(shape.places, rows), triton.cdiv(shape.OC, 32), pieces)](
        screens,
        filters,
        bias,
        sums,
        **_sizes(shape),
        RELU=relu,
        OF_PIECE=of_piece,
        PIECES=pieces,
        ROWS=rows,
        FILTERS=32,
        TAPS=taps,
        PRODUCTS=products,
        num_warps=_warps(rows),
    )
    if pieces > 1:
        of_pieces = {"PIECES": pieces, "ROOM": _room(pieces), "BLOCK": 128}
        _finish[(triton.cdiv(out.numel(), 128),)](
            sums, bias, out, out.numel(), OC=shape.OC, RELU=relu, **of_pieces, num_warps=4
        )
    return out


def gradient_of_filters(
    screens: Tensor, gradient: Tensor, out: Tensor | None, shape: Shape, products: str
) -> tuple[Tensor, Tensor]:
    """Of the weights, (OC, C, KH, KW), and of the biases, (OC,).

    gradient: of the output, channels last. out: what ``forward`` gave, if it made negative numbers 0.
    """
    taps, rows, wanted = (32, 32, 2 * _PROGRAMS) if shape.C < 32 else (64, 64, _PROGRAMS)
    rows = min(rows, max(16, triton.next_power_of_2(shape.places)))
    tiles = triton.cdiv(shape.OC, 32) * triton.cdiv(shape.taps, taps)
    pieces, of_piece = _pieces(shape.places, rows, tiles, wanted)
    weight = torch.empty((shape.OC, shape.C, shape.KH, shape.KW), dtype=torch.float32, device=screens.device)
    bias = torch.empty(shape.OC, dtype=torch.float32, device=screens.device)
    numbers = shape.OC * (shape.taps + 1)
    sums = torch.empty(pieces * numbers if pieces > 1 else 0, dtype=torch.float32, device=screens.device)
    _gradient_of_filters[(triton.cdiv(shape.taps, taps), triton.cdiv(shape.OC, 32), pieces)](
        screens,
        gradient,
        gradient if out is None else out,
        sums,
        weight,
        bias,
        **_sizes(shape),
        RELU=out is not None,
        OF_PIECE=of_piece,
        PIECES=pieces,
        ROWS=rows,
        FILTERS=32,
        TAPS=taps,
        PRODUCTS=products,
        num_warps=4,
    )
    if pieces > 1:
        _sum_of_pieces[(triton.cdiv(numbers, 64),)](
            sums,
            weight,
            bias,
            C=shape.C,
            KERNEL=shape.KH * shape.KW,
            NUMBERS=numbers,
            PIECES=pieces,
            ROOM=_room(pieces),
            BLOCK=64,
            num_warps=4,
        )
    return weight, bias


def gradient_of_screens(filters: Tensor, gradient: Tensor, out: Tensor | None, shape: Shape, products: str) -> Tensor:
    """(B, C, H, W), channels last. filters: (OC, KH, KW, C). gradient, out: as above."""
    result = _channels_last((shape.B, shape.C, shape.H, shape.W), gradient)
    of_phase = shape.B * triton.cdiv(shape.H, shape.STRIDE) * triton.cdiv(shape.W, shape.STRIDE)
    rows = _rows(of_phase * shape.STRIDE**2, shape.C)
    grid = (triton.cdiv(of_phase, rows), triton.cdiv(shape.C, 32), shape.STRIDE**2)
    _gradient_of_screens[grid](
        filters,
        gradient,
        gradient if out is None else out,
        result,
        **_sizes(shape),
        RELU=out is not None,
        ROWS=rows,
        CHANNELS=32,
        TAPS=64 if shape.taps == shape.C else 32,
        PRODUCTS=products,
        num_warps=_warps(rows),
    )
    return result


_PROGRAMS = 256
"""About as many as a large GPU runs at a time: into so many pieces sums are cut."""

_FEW_TILES = 66
"""Of the output: fewer of them leave most of a large GPU idle."""


def _rows(places: int, columns: int) -> int:
    """Of a tile: 64 take the fewest loads, 16 leave the fewest multiprocessors without a tile."""
    return 64 if triton.cdiv(places, 64) * triton.cdiv(columns, 32) >= _FEW_TILES else 16


def _warps(rows: int) -> int:
    return 4 if rows == 64 else 2


def _pieces(terms: int, block: int, tiles: int, wanted: int = _PROGRAMS) -> tuple[int, int]:
    """How many pieces sums of so many terms are cut into, and how many terms, whole blocks, are in one."""
    pieces = max(1, min(triton.cdiv(terms, block), wanted // tiles))
    of_piece = triton.cdiv(triton.cdiv(terms, pieces), block) * block
    return triton.cdiv(terms, of_piece), of_piece


def _room(pieces: int) -> int:
    power: int = triton.next_power_of_2(pieces)
    return power


def _channels_last(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def _sizes(shape: Shape) -> dict[str, Any]:
    return shape._asdict()


@triton.jit
def _forward(
    screens,
    filters,
    bias,
    sums,
    B,
    C: tl.constexpr,
    H: tl.constexpr,
    W: tl.constexpr,
    OC: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    OH: tl.constexpr,
    OW: tl.constexpr,
    STRIDE: tl.constexpr,
    PADDING: tl.constexpr,
    RELU: tl.constexpr,
    OF_PIECE: tl.constexpr,
    PIECES: tl.constexpr,
    ROWS: tl.constexpr,
    FILTERS: tl.constexpr,
    TAPS: tl.constexpr,
    PRODUCTS: tl.constexpr,
):
    """A tile of the output, or, with several pieces, one piece of its sums."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    channel = tl.program_id(1) * FILTERS + tl.arange(0, FILTERS)
    piece = tl.program_id(2)
    total = tl.zeros((ROWS, FILTERS), dtype=tl.float32)
    for first in range(0, OF_PIECE, TAPS):
        tap = piece * OF_PIECE + first + tl.arange(0, TAPS)
        seen = _seen(screens, row, tap, B, C, H, W, KH, KW, OH, OW, STRIDE, PADDING)
        known = (tap < KH * KW * C)[:, None] & (channel < OC)[None, :]
        weights = tl.load(filters + channel[None, :] * (KH * KW * C) + tap[:, None], mask=known, other=0.0)
        total = tl.dot(seen, weights.to(seen.dtype), total, input_precision=PRODUCTS)
    inside = (row < B * OH * OW)[:, None] & (channel < OC)[None, :]
    place = row[:, None] * OC + channel[None, :]
    if PIECES == 1:
        total += tl.load(bias + channel, mask=channel < OC, other=0.0)[None, :]
        if RELU:
            total = tl.maximum(total, 0.0)
        tl.store(sums + place, total.to(sums.dtype.element_ty), mask=inside)
    else:
        tl.store(sums + piece * (B * OH * OW * OC) + place, total, mask=inside)


@triton.jit
def _finish(
    sums,
    bias,
    out,
    numbers,
    OC: tl.constexpr,
    RELU: tl.constexpr,
    PIECES: tl.constexpr,
    ROOM: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """The output from the pieces of its sums."""
    number = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    total = _added(sums, number, numbers, PIECES, ROOM)
    total += tl.load(bias + number % OC, mask=number < numbers, other=0.0)
    if RELU:
        total = tl.maximum(total, 0.0)
    tl.store(out + number, total.to(out.dtype.element_ty), mask=number < numbers)


@triton.jit
def _added(sums, number, numbers, PIECES: tl.constexpr, ROOM: tl.constexpr):
    """All pieces together, always in one order."""
    piece = tl.arange(0, ROOM)
    inside = (piece < PIECES)[:, None] & (number < numbers)[None, :]
    return tl.sum(tl.load(sums + piece[:, None] * numbers + number[None, :], mask=inside, other=0.0), axis=0)


@triton.jit
def _seen(
    screens,
    row,
    tap,
    B,
    C: tl.constexpr,
    H: tl.constexpr,
    W: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    OH: tl.constexpr,
    OW: tl.constexpr,
    STRIDE: tl.constexpr,
    PADDING: tl.constexpr,
):
    """What the filters see: (rows, taps) of the matrix that the input is, zero around screens and beyond all rows."""
    screen = row // (OH * OW)
    top = row % (OH * OW) // OW * STRIDE - PADDING
    left = row % OW * STRIDE - PADDING
    h = top[:, None] + (tap // (KW * C))[None, :]
    w = left[:, None] + (tap % (KW * C) // C)[None, :]
    inside = (row < B * OH * OW)[:, None] & (tap < KH * KW * C)[None, :]
    if PADDING > 0:
        inside = inside & (h >= 0) & (h < H) & (w >= 0) & (w < W)
    return tl.load(screens + ((screen[:, None] * H + h) * W + w) * C + (tap % C)[None, :], mask=inside, other=0.0)


@triton.jit
def _sent_back(gradient, out, place, inside, RELU: tl.constexpr):
    """The gradient at places of the output, nothing where ``forward`` made negative numbers 0."""
    above = tl.load(gradient + place, mask=inside, other=0.0)
    if RELU:
        above = tl.where(tl.load(out + place, mask=inside, other=0.0) > 0, above, 0.0)
    return above


@triton.jit
def _gradient_of_filters(
    screens,
    gradient,
    out,
    sums,
    weight,
    bias,
    B,
    C: tl.constexpr,
    H: tl.constexpr,
    W: tl.constexpr,
    OC: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    OH: tl.constexpr,
    OW: tl.constexpr,
    STRIDE: tl.constexpr,
    PADDING: tl.constexpr,
    RELU: tl.constexpr,
    OF_PIECE: tl.constexpr,
    PIECES: tl.constexpr,
    ROWS: tl.constexpr,
    FILTERS: tl.constexpr,
    TAPS: tl.constexpr,
    PRODUCTS: tl.constexpr,
):
    """A tile of the gradient, or, with several pieces, one piece of its sums: over some of the output's places."""
    tap = tl.program_id(0) * TAPS + tl.arange(0, TAPS)
    channel = tl.program_id(1) * FILTERS + tl.arange(0, FILTERS)
    piece = tl.program_id(2)
    of_weights = tl.zeros((FILTERS, TAPS), dtype=tl.float32)
    of_biases = tl.zeros((FILTERS,), dtype=tl.float32)
    for first in range(0, OF_PIECE, ROWS):
        row = piece * OF_PIECE + first + tl.arange(0, ROWS)
        inside = (row < B * OH * OW)[None, :] & (channel < OC)[:, None]
        above = _sent_back(gradient, out, row[None, :] * OC + channel[:, None], inside, RELU)
        seen = _seen(screens, row, tap, B, C, H, W, KH, KW, OH, OW, STRIDE, PADDING)
        of_weights = tl.dot(above, seen.to(above.dtype), of_weights, input_precision=PRODUCTS)
        of_biases += tl.sum(above.to(tl.float32), axis=1)
    is_first = tl.program_id(0) == 0
    inside = (channel < OC)[:, None] & (tap < KH * KW * C)[None, :]
    if PIECES == 1:
        place = (channel[:, None] * C + (tap % C)[None, :]) * (KH * KW) + (tap // C)[None, :]
        tl.store(weight + place, of_weights, mask=inside)
        tl.store(bias + channel, of_biases, mask=(channel < OC) & is_first)
    else:
        of_filter = sums + (piece * OC + channel) * (KH * KW * C + 1)
        tl.store(of_filter[:, None] + tap[None, :], of_weights, mask=inside)
        tl.store(of_filter + KH * KW * C, of_biases, mask=(channel < OC) & is_first)


@triton.jit
def _sum_of_pieces(
    sums,
    weight,
    bias,
    C: tl.constexpr,
    KERNEL: tl.constexpr,
    NUMBERS: tl.constexpr,
    PIECES: tl.constexpr,
    ROOM: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Of each weight and bias; weights from (OC, KH, KW, C) to (OC, C, KH, KW)."""
    number = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    total = _added(sums, number, NUMBERS, PIECES, ROOM)
    channel = number // (KERNEL * C + 1)
    tap = number % (KERNEL * C + 1)
    is_bias = tap == KERNEL * C
    place = (channel * C + tap % C) * KERNEL + tap // C
    tl.store(weight + place, total, mask=(number < NUMBERS) & (tap < KERNEL * C))
    tl.store(bias + channel, total, mask=(number < NUMBERS) & is_bias)


@triton.jit
def _gradient_of_screens(
    filters,
    gradient,
    out,
    result,
    B,
    C: tl.constexpr,
    H: tl.constexpr,
    W: tl.constexpr,
    OC: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    OH: tl.constexpr,
    OW: tl.constexpr,
    STRIDE: tl.constexpr,
    PADDING: tl.constexpr,
    RELU: tl.constexpr,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
    TAPS: tl.constexpr,
    PRODUCTS: tl.constexpr,
):
    """Pixels that lie alike to the stride, one kind (phase) in a program, are seen by the same weights of a filter."""
    HEIGHT: tl.constexpr = (H + STRIDE - 1) // STRIDE
    WIDTH: tl.constexpr = (W + STRIDE - 1) // STRIDE
    ACROSS: tl.constexpr = (KW + STRIDE - 1) // STRIDE
    DOWN: tl.constexpr = (KH + STRIDE - 1) // STRIDE
    phase = tl.program_id(2)
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    screen = row // (HEIGHT * WIDTH)
    h = row % (HEIGHT * WIDTH) // WIDTH * STRIDE + phase // STRIDE
    w = row % WIDTH * STRIDE + phase % STRIDE
    first_down = (phase // STRIDE + PADDING) % STRIDE
    first_across = (phase % STRIDE + PADDING) % STRIDE
    last_oh = (h + PADDING - first_down) // STRIDE
    last_ow = (w + PADDING - first_across) // STRIDE
    sums = tl.zeros((ROWS, CHANNELS), dtype=tl.float32)
    for first in range(0, DOWN * ACROSS * OC, TAPS):
        tap = first + tl.arange(0, TAPS)
        of = tap % OC
        down = tap // (OC * ACROSS)
        across = tap // OC % ACROSS
        kh = first_down + down * STRIDE
        kw = first_across + across * STRIDE
        oh = last_oh[:, None] - down[None, :]
        ow = last_ow[:, None] - across[None, :]
        known = (kh < KH) & (kw < KW) & (tap < DOWN * ACROSS * OC)
        inside = known[None, :] & (screen < B)[:, None] & (oh >= 0) & (oh < OH) & (ow >= 0) & (ow < OW)
        place = ((screen[:, None] * OH + oh) * OW + ow) * OC + of[None, :]
        above = _sent_back(gradient, out, place, inside, RELU)
        place = ((of * KH + kh) * KW + kw)[:, None] * C + channel[None, :]
        weights = tl.load(filters + place, mask=known[:, None] & (channel < C)[None, :], other=0.0)
        sums = tl.dot(above, weights.to(above.dtype), sums, input_precision=PRODUCTS)
    inside = ((screen < B) & (h < H) & (w < W))[:, None] & (channel < C)[None, :]
    place = ((screen * H + h) * W + w)[:, None] * C + channel[None, :]
    tl.store(result + place, sums.to(result.dtype.element_ty), mask=inside)
