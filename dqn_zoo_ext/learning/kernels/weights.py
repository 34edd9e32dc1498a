"""Work on all weights of a network, or on all their gradients, together: one launch of a kernel for all of them.

PyTorch's own give a network of 1.7 million weights to 34 of a large GPU's 132 multiprocessors, 65,536 numbers to each:
a fused step of Adam takes 82 microseconds there, a quarter of an update. Here a program has 1,024 numbers of a tensor.

There is at least one, all are of float32, and what belongs to a weight lies in memory as it does: ``kernels.can_take``.
"""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

_NUMBERS = 1024
"""Of a program."""

_SQUARES = 4096
"""Of a program that only reads."""


def norms(tensors: Sequence[Tensor]) -> Tensor:
    """(len(tensors),) the Euclidean norm of each, the same to the bit every time."""
    first, _ = _programs(tensors, _SQUARES)
    sums = torch.empty(first[-1], dtype=torch.float32, device=tensors[0].device)
    found = torch.empty(len(tensors), dtype=torch.float32, device=tensors[0].device)
    _launch(_sums_of_squares, [tensors], _SQUARES, sums, num_warps=8)
    room = triton.next_power_of_2(max(end - begin for begin, end in pairwise(first)))
    with torch.cuda.device_of(sums):
        _roots_of_sums[(len(tensors),)](sums, found, FIRST=first, N=len(tensors), ROOM=room, num_warps=4)
    return found


def clip(gradients: Sequence[Tensor], norm_of_each: Tensor, max_norm: float) -> None:
    """Scale all `gradients`, whose norms are known, so that the norm of them together is at most `max_norm`.

    As ``torch.nn.utils.clip_grads_with_norm_`` does, whose divisor is a millionth more than the norm.
    """
    room = triton.next_power_of_2(len(gradients))
    _launch(_clip, [gradients], _NUMBERS, norm_of_each, max_norm, N=len(gradients), ROOM=room, num_warps=4)


def adam(
    weights: Sequence[Tensor],
    gradients: Sequence[Tensor],
    means: Sequence[Tensor],
    squares: Sequence[Tensor],
    steps: Sequence[Tensor],
    lr: Tensor,
    betas: tuple[float, float],
    eps: float,
) -> None:
    """A step of Adam. steps: of each weight, this one counted, a number of float32 on the device, as `lr` is.

    Source: Kingma & Ba 2015, algorithm 1.
    """
    logs = tuple(math.log2(beta) if beta > 0 else -math.inf for beta in betas)
    each = [weights, gradients, means, squares, steps]
    _launch(_adam, each, _NUMBERS, lr, eps, BETAS=betas, LOGS=logs, num_warps=4)


def rmsprop(
    weights: Sequence[Tensor],
    gradients: Sequence[Tensor],
    means: Sequence[Tensor],
    squares: Sequence[Tensor],
    lr: Tensor,
    decay: float,
    eps: float,
) -> None:
    """A step of ``DeepMindRMSprop``, rounded as its plain form is. lr: a number on the device."""
    each = [weights, gradients, means, squares]
    # each product and each sum is rounded by itself
    _launch(_rmsprop, each, _NUMBERS, lr, decay, 1 - decay, eps, num_warps=4, enable_fp_fusion=False)


def _launch(kernel: Any, each: Sequence[Sequence[Tensor]], of_program: int, *given: Any, **options: Any) -> None:
    """On the tensors of `each` together, the first of which say how many programs there are."""
    first, sizes = _programs(each[0], of_program)
    with torch.cuda.device_of(each[0][0]):  # Triton launches on the present one
        kernel[(first[-1],)](*map(tuple, each), *given, FIRST=first, SIZES=sizes, BLOCK=of_program, **options)


def _programs(tensors: Sequence[Tensor], of_program: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The first program of each tensor, with the number of all at the end; and the size of each."""
    sizes = tuple(tensor.numel() for tensor in tensors)
    return tuple(accumulate((triton.cdiv(size, of_program) for size in sizes), initial=0)), sizes


@triton.jit
def _of_program(each, FIRST: tl.constexpr):
    """What belongs to the tensor of this program."""
    mine = each[0]
    for place in tl.static_range(1, len(FIRST) - 1):
        mine = tl.where(tl.program_id(0) >= FIRST[place], each[place], mine)
    return mine


@triton.jit
def _numbers(FIRST: tl.constexpr, SIZES: tl.constexpr, BLOCK: tl.constexpr):
    """Which numbers of its tensor a program has, and which of them there are."""
    number = (tl.program_id(0) - _of_program(FIRST, FIRST)) * BLOCK + tl.arange(0, BLOCK)
    return number, number < _of_program(SIZES, FIRST)


@triton.jit
def _sums_of_squares(tensors, sums, FIRST: tl.constexpr, SIZES: tl.constexpr, BLOCK: tl.constexpr):
    number, is_there = _numbers(FIRST, SIZES, BLOCK)
    values = tl.load(_of_program(tensors, FIRST) + number, mask=is_there, other=0.0)
    tl.store(sums + tl.program_id(0), tl.sum(values * values, axis=0))


@triton.jit
def _roots_of_sums(sums, found, FIRST: tl.constexpr, N: tl.constexpr, ROOM: tl.constexpr):
    begin = FIRST[0]
    end = FIRST[1]
    for place in tl.static_range(1, N):
        begin = tl.where(tl.program_id(0) >= place, FIRST[place], begin)
        end = tl.where(tl.program_id(0) >= place, FIRST[place + 1], end)
    place = begin + tl.arange(0, ROOM)
    total = tl.sum(tl.load(sums + place, mask=place < end, other=0.0), axis=0)
    tl.store(found + tl.program_id(0), tl.sqrt_rn(total))


@triton.jit
def _clip(
    gradients,
    norms,
    max_norm,
    FIRST: tl.constexpr,
    SIZES: tl.constexpr,
    N: tl.constexpr,
    ROOM: tl.constexpr,
    BLOCK: tl.constexpr,
):
    place = tl.arange(0, ROOM)
    of_each = tl.load(norms + place, mask=place < N, other=0.0)
    factor = max_norm / (tl.sqrt_rn(tl.sum(of_each * of_each, axis=0)) + 1e-6)
    factor = tl.where(factor > 1.0, 1.0, factor)  # what is not a number stays so
    number, is_there = _numbers(FIRST, SIZES, BLOCK)
    mine = _of_program(gradients, FIRST) + number
    tl.store(mine, tl.load(mine, mask=is_there, other=0.0) * factor, mask=is_there)


@triton.jit
def _adam(
    weights,
    gradients,
    means,
    squares,
    steps,
    lr,
    eps,
    BETAS: tl.constexpr,
    LOGS: tl.constexpr,
    FIRST: tl.constexpr,
    SIZES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    number, is_there = _numbers(FIRST, SIZES, BLOCK)
    step = tl.load(_of_program(steps, FIRST)).to(tl.float64)
    # 1 - beta ** step: of float32 its first hundred would have four digits
    of_mean = (1.0 - tl.exp2(step * LOGS[0])).to(tl.float32)
    of_square = (1.0 - tl.exp2(step * LOGS[1])).to(tl.float32)
    gradient = tl.load(_of_program(gradients, FIRST) + number, mask=is_there, other=0.0)
    mean = tl.load(_of_program(means, FIRST) + number, mask=is_there, other=0.0)
    square = tl.load(_of_program(squares, FIRST) + number, mask=is_there, other=0.0)
    weight = tl.load(_of_program(weights, FIRST) + number, mask=is_there, other=0.0)
    mean = BETAS[0] * mean + (1.0 - BETAS[0]) * gradient
    square = BETAS[1] * square + (1.0 - BETAS[1]) * gradient * gradient
    spread = tl.sqrt_rn(square) / tl.sqrt_rn(of_square) + eps
    weight -= tl.load(lr) / of_mean * mean / spread
    tl.store(_of_program(means, FIRST) + number, mean, mask=is_there)
    tl.store(_of_program(squares, FIRST) + number, square, mask=is_there)
    tl.store(_of_program(weights, FIRST) + number, weight, mask=is_there)


@triton.jit
def _rmsprop(
    weights,
    gradients,
    means,
    squares,
    lr,
    decay,
    new,
    eps,
    FIRST: tl.constexpr,
    SIZES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    number, is_there = _numbers(FIRST, SIZES, BLOCK)
    gradient = tl.load(_of_program(gradients, FIRST) + number, mask=is_there, other=0.0)
    mean = tl.load(_of_program(means, FIRST) + number, mask=is_there, other=0.0)
    square = tl.load(_of_program(squares, FIRST) + number, mask=is_there, other=0.0)
    weight = tl.load(_of_program(weights, FIRST) + number, mask=is_there, other=0.0)
    mean = mean * decay + gradient * new
    square = square * decay + gradient * gradient * new
    spread = square - mean * mean
    spread = tl.where(spread < 0.0, 0.0, spread) + eps  # rounding can make it negative
    weight -= tl.div_rn(gradient * tl.load(lr), tl.sqrt_rn(spread))
    tl.store(_of_program(means, FIRST) + number, mean, mask=is_there)
    tl.store(_of_program(squares, FIRST) + number, square, mask=is_there)
    tl.store(_of_program(weights, FIRST) + number, weight, mask=is_there)
