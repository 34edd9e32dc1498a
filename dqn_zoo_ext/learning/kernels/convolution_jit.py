"""The kernels of ``convolution``, which says what they do and how large their tiles are.

row: a place of the output, numbered over all screens. tap: a weight of a filter, numbered (row of the kernel, column of
the kernel, channel), the channel fastest. Names in capitals are known when a kernel is compiled; see
``convolution.Shape``.
"""

import triton
import triton.language as tl


@triton.jit
def forward(
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
            total = _relu(total)
        tl.store(sums + place, total.to(sums.dtype.element_ty), mask=inside)
    else:
        tl.store(sums + piece * (B * OH * OW * OC) + place, total, mask=inside)


@triton.jit
def finish(
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
        total = _relu(total)
    tl.store(out + number, total.to(out.dtype.element_ty), mask=number < numbers)


@triton.jit
def _relu(total):
    """What is not a number stays so, as with PyTorch: ``tl.maximum`` makes it 0 on a GPU, and nobody would know."""
    return tl.where(total < 0.0, 0.0, total)


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
def gradient_of_filters(
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
        tl.store(weight + channel[:, None] * (KH * KW * C) + tap[None, :], of_weights, mask=inside)
        tl.store(bias + channel, of_biases, mask=(channel < OC) & is_first)
    else:
        of_piece = sums + piece * (OC * KH * KW * C + OC)
        tl.store(of_piece + channel[:, None] * (KH * KW * C) + tap[None, :], of_weights, mask=inside)
        tl.store(of_piece + OC * KH * KW * C + channel, of_biases, mask=(channel < OC) & is_first)


@triton.jit
def sum_of_pieces(
    sums,
    weight,
    bias,
    WEIGHTS: tl.constexpr,
    BIASES: tl.constexpr,
    PIECES: tl.constexpr,
    ROOM: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Of each weight and bias."""
    number = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    total = _added(sums, number, WEIGHTS + BIASES, PIECES, ROOM)
    tl.store(weight + number, total, mask=number < WEIGHTS)
    tl.store(bias + number - WEIGHTS, total, mask=(number >= WEIGHTS) & (number < WEIGHTS + BIASES))


@triton.jit
def gradient_of_screens(
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
