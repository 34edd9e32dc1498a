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

    @property
    def pixels_of_phase(self) -> int:
        """Pixels of the batch that lie alike to the stride, in one of the ways that they may."""
        return self.B * -(-self.H // self.STRIDE) * -(-self.W // self.STRIDE)


class Tiles(NamedTuple):
    """How a kernel's work is cut: the size of a program's tile, and how many programs share a tile's sums.

    rows, columns: of the result's matrix. terms: of the sums, in one step. pieces: that sums are cut into, at most.
    warps: of a program. stages: steps whose numbers are on their way while one is computed. Those of the Nature network
    at a batch of 32 are within a tenth or two of the best of 44 that were drawn for each kernel and timed on an H200.
    """

    rows: int
    columns: int
    terms: int
    pieces: int
    warps: int
    stages: int


def forward(screens: Tensor, filters: Tensor, bias: Tensor, shape: Shape, products: str, relu: bool) -> Tensor:
    """(B, OC, OH, OW), channels last; negative ones are 0 if `relu`.

    screens: channels last. filters: (OC, KH, KW, C). products: of float32, as ``tl.dot`` makes them.
    """
    rows, columns, taps, wanted, warps, stages = _tiles_of_forward(shape)
    out = _channels_last((shape.B, shape.OC, shape.OH, shape.OW), screens)
    pieces, of_piece = _pieces(shape.taps, taps, wanted)
    sums = out if pieces == 1 else torch.empty((pieces, out.numel()), dtype=torch.float32, device=out.device)
    convolution_jit.forward[(triton.cdiv(shape.places, rows), triton.cdiv(shape.OC, columns), pieces)](
        screens,
        filters,
        bias,
        sums,
        **shape._asdict(),
        RELU=relu,
        OF_PIECE=of_piece,
        PIECES=pieces,
        ROWS=rows,
        FILTERS=columns,
        TAPS=taps,
        PRODUCTS=products,
        num_warps=warps,
        num_stages=stages,
    )
    if pieces > 1:
        of_pieces = {"PIECES": pieces, "ROOM": triton.next_power_of_2(pieces), "BLOCK": 128}
        convolution_jit.finish[(triton.cdiv(out.numel(), 128),)](
            sums, bias, out, out.numel(), OC=shape.OC, RELU=relu, **of_pieces, num_warps=4
        )
    return out


def gradient_of_filters(
    screens: Tensor, gradient: Tensor, out: Tensor | None, shape: Shape, products: str
) -> tuple[Tensor, Tensor]:
    """Of the weights, (OC, C, KH, KW), channels last, and of the biases, (OC,).

    gradient: of the output, channels last. out: what ``forward`` gave, if it made negative numbers 0.
    """
    filters, taps, rows, wanted, warps, stages = _tiles_of_gradient_of_filters(shape)
    pieces, of_piece = _pieces(shape.places, rows, wanted)
    weight = torch.empty((shape.OC, shape.KH, shape.KW, shape.C), dtype=torch.float32, device=screens.device)
    bias = torch.empty(shape.OC, dtype=torch.float32, device=screens.device)
    numbers = shape.OC * (shape.taps + 1)
    sums = torch.empty(pieces * numbers if pieces > 1 else 0, dtype=torch.float32, device=screens.device)
    convolution_jit.gradient_of_filters[(triton.cdiv(shape.taps, taps), triton.cdiv(shape.OC, filters), pieces)](
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
        FILTERS=filters,
        TAPS=taps,
        PRODUCTS=products,
        num_warps=warps,
        num_stages=stages,
    )
    if pieces > 1:
        convolution_jit.sum_of_pieces[(triton.cdiv(numbers, 64),)](
            sums,
            weight,
            bias,
            WEIGHTS=shape.OC * shape.taps,
            BIASES=shape.OC,
            PIECES=pieces,
            ROOM=triton.next_power_of_2(pieces),
            BLOCK=64,
            num_warps=4,
        )
    return weight.permute(0, 3, 1, 2), bias


def gradient_of_screens(filters: Tensor, gradient: Tensor, out: Tensor | None, shape: Shape, products: str) -> Tensor:
    """(B, C, H, W), channels last. filters: (OC, KH, KW, C). gradient, out: as above."""
    rows, columns, taps, _, warps, stages = _tiles_of_gradient_of_screens(shape)
    result = _channels_last((shape.B, shape.C, shape.H, shape.W), gradient)
    grid = (triton.cdiv(shape.pixels_of_phase, rows), triton.cdiv(shape.C, columns), shape.STRIDE**2)
    convolution_jit.gradient_of_screens[grid](
        filters,
        gradient,
        gradient if out is None else out,
        result,
        **shape._asdict(),
        RELU=out is not None,
        ROWS=rows,
        CHANNELS=columns,
        TAPS=taps,
        PRODUCTS=products,
        num_warps=warps,
        num_stages=stages,
    )
    return result


_PROGRAMS = 256
"""About as many as a large GPU runs at a time: into so many pieces sums are cut."""

_FEW_TILES = 66
"""Of the output: fewer of them leave most of a large GPU idle."""


def _tiles_of_forward(shape: Shape) -> Tiles:
    """For ``forward``."""
    rows, warps = _rows(shape.places, shape.OC)
    tiles = triton.cdiv(shape.places, rows) * triton.cdiv(shape.OC, 32)
    pieces = 2 * _PROGRAMS // tiles if tiles < _FEW_TILES else 1
    return Tiles(rows, 32, 32 if shape.C < 32 else 64, pieces, warps, _STAGES)


def _tiles_of_gradient_of_filters(shape: Shape) -> Tiles:
    """For ``gradient_of_filters``; rows are filters, columns their weights, and sums go over the output's places."""
    filters, taps, warps, stages = (16, 32, 2, 2) if shape.C < 32 else (32, 64, 4, _STAGES)
    places = min(64, max(16, triton.next_power_of_2(shape.places)))
    pieces = _PROGRAMS // (triton.cdiv(shape.OC, filters) * triton.cdiv(shape.taps, taps))
    return Tiles(filters, taps, places, pieces, warps, stages)


def _tiles_of_gradient_of_screens(shape: Shape) -> Tiles:
    """For ``gradient_of_screens``, whose sums are not cut."""
    if shape.pixels_of_phase < 64:  # the smallest maps; a dense layer's vectors are such ones, of a pixel each
        return Tiles(16, 32, 16, 1, 2, 5)
    rows, warps = _rows(shape.pixels_of_phase * shape.STRIDE**2, shape.C)
    return Tiles(rows, 32, 64 if shape.taps == shape.C else 32, 1, warps, _STAGES)


_STAGES = 3  # Triton's own


def _rows(places: int, columns: int) -> tuple[int, int]:
    """Of a tile, and warps for it: 64 take the fewest loads, 16 leave the fewest multiprocessors without a tile."""
    return (64, 4) if triton.cdiv(places, 64) * triton.cdiv(columns, 32) >= _FEW_TILES else (16, 2)


def _pieces(terms: int, block: int, wanted: int) -> tuple[int, int]:
    """How many pieces sums of so many terms are cut into, and how many terms, whole blocks, are in one."""
    pieces = max(1, min(triton.cdiv(terms, block), wanted))
    of_piece = triton.cdiv(triton.cdiv(terms, pieces), block) * block
    return triton.cdiv(terms, of_piece), of_piece


def _channels_last(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)
