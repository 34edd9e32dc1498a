"""Convolutions of small batches on a GPU, as products of matrices that are put together while they are made.

cuDNN's own deterministic kernels give a batch of 32 screens to a handful of the GPU's 132 multiprocessors: the gradient
of a layer's weights takes 150 microseconds, ten times as long as here. Sums are cut into pieces for as many of them,
and the pieces summed in one order: results are the same every time.

A convolution's input is a matrix with one row for each place of the output and one column for each weight of a filter,
(row of the kernel, column of the kernel, channel) with the channel fastest, as screens lie in memory channels last. No
such matrix is ever written.
"""

from typing import NamedTuple

import torch
import triton
from torch import Tensor

from dqn_zoo_ext.learning.kernels import convolution_jit


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
    convolution_jit.forward[(triton.cdiv(shape.places, rows), triton.cdiv(shape.OC, 32), pieces)](
        screens,
        filters,
        bias,
        sums,
        **shape._asdict(),
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
        convolution_jit.finish[(triton.cdiv(out.numel(), 128),)](
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
    convolution_jit.gradient_of_filters[(triton.cdiv(shape.taps, taps), triton.cdiv(shape.OC, 32), pieces)](
        screens,
        gradient,
        gradient if out is None else out,
        sums,
        weight,
        bias,
        **shape._asdict(),
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
        convolution_jit.sum_of_pieces[(triton.cdiv(numbers, 64),)](
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
    convolution_jit.gradient_of_screens[grid](
        filters,
        gradient,
        gradient if out is None else out,
        result,
        **shape._asdict(),
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
