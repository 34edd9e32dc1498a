"""Windows of a ring of frames, put together in one launch: half a hundred small operations otherwise."""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor


class Cells(NamedTuple):
    """The arrays of a ``FrameRing``, all on one device, and its numbers.

    frames: (cells + 1, numbers of a frame), any type; the last one stands in for missing frames. actions: (cells,)
    int32. rewards: (cells,) float32. ends, cuts: (cells,) bool. ages: (cells,) uint8.
    """

    frames: Tensor
    actions: Tensor
    rewards: Tensor
    ends: Tensor
    cuts: Tensor
    ages: Tensor
    n_envs: int
    n_steps: int
    gamma: float
    stack: int
    repeats_first: bool


class Windows(NamedTuple):
    """obs_tm1, obs_t: (B, stack, numbers of a frame). a_tm1: (B,) int64. r_t, discount_t, weights: (B,) float32.

    weights: all 1.
    """

    obs_tm1: Tensor
    a_tm1: Tensor
    r_t: Tensor
    discount_t: Tensor
    obs_t: Tensor
    weights: Tensor


def gathered(ring: Cells, chosen: Tensor) -> Windows:
    """The windows that start at the cells `chosen`, (B,) int64, counted from the first row ever added.

    They must be whole and inside the ring: nothing is checked.
    """
    size = len(chosen)
    words = ring.frames.view(_widest(ring.frames))
    shape = (size, ring.stack, ring.frames.shape[1])
    obs_tm1, obs_t = (torch.empty(shape, dtype=ring.frames.dtype, device=chosen.device) for _ in range(2))
    actions = torch.empty(size, dtype=torch.int64, device=chosen.device)
    rewards, discounts, weights = (torch.empty(size, dtype=torch.float32, device=chosen.device) for _ in range(3))
    _gather[(size, 2 * ring.stack)](
        chosen,
        words,
        ring.actions,
        ring.rewards,
        ring.ends,
        ring.cuts,
        ring.ages,
        obs_tm1.view(words.dtype),
        obs_t.view(words.dtype),
        actions,
        rewards,
        discounts,
        weights,
        len(ring.frames) - 1,
        ring.gamma,
        N_ENVS=ring.n_envs,
        N_STEPS=ring.n_steps,
        STACK=ring.stack,
        REPEATS_FIRST=ring.repeats_first,
        WORDS=words.shape[1],
        BLOCK=min(1024, triton.next_power_of_2(words.shape[1])),
        num_warps=4,
        enable_fp_fusion=False,  # sums rounded as PyTorch's
    )
    return Windows(obs_tm1, actions, rewards, discounts, obs_t, weights)


def _widest(frames: Tensor) -> torch.dtype:
    """The widest integers that a frame is whole numbers of."""
    size = frames.shape[1] * frames.element_size()
    return next(dtype for dtype in (torch.int64, torch.int32, torch.int16, torch.uint8) if size % dtype.itemsize == 0)


@triton.jit
def _gather(
    chosen,
    frames,
    actions,
    rewards,
    ends,
    cuts,
    ages,
    obs_tm1,
    obs_t,
    a_tm1,
    r_t,
    discount_t,
    weights,
    cells,
    gamma,
    N_ENVS: tl.constexpr,
    N_STEPS: tl.constexpr,
    STACK: tl.constexpr,
    REPEATS_FIRST: tl.constexpr,
    WORDS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One frame of one window; the first program of each window also says what happened in it."""
    sample = tl.program_id(0)
    is_after = tl.program_id(1) // STACK
    plane = tl.program_id(1) % STACK
    start = tl.load(chosen + sample)
    total = 0.0
    discount = 1.0
    length = 0
    is_open = True
    for step in tl.static_range(N_STEPS):
        here = (start + step * N_ENVS) % cells
        if step > 0:
            is_open = is_open & (tl.load(cuts + here) == 0)
        total += tl.where(is_open, discount * tl.load(rewards + here), 0.0)
        discount = tl.where(is_open, discount * gamma, discount)
        length += tl.where(is_open, 1, 0)
        ended = is_open & (tl.load(ends + here) != 0)
        discount = tl.where(ended, 0.0, discount)
        is_open = is_open & (ended == 0)
    if tl.program_id(1) == 0:
        tl.store(a_tm1 + sample, tl.load(actions + start % cells).to(tl.int64))
        tl.store(r_t + sample, total)
        tl.store(discount_t + sample, discount)
        tl.store(weights + sample, 1.0)
    shown = start + is_after * length * N_ENVS
    age = tl.load(ages + shown % cells).to(tl.int64)
    back = STACK - 1 - plane
    if REPEATS_FIRST:
        place = (shown - tl.minimum(age, back) * N_ENVS) % cells
    else:
        place = tl.where(age < back, cells, (shown - back * N_ENVS) % cells)
    for first in tl.static_range(0, WORDS, BLOCK):
        word = first + tl.arange(0, BLOCK)
        values = tl.load(frames + place.to(tl.int64) * WORDS + word, mask=word < WORDS)
        target = (sample * STACK + plane).to(tl.int64) * WORDS + word
        if is_after == 1:
            tl.store(obs_t + target, values, mask=word < WORDS)
        else:
            tl.store(obs_tm1 + target, values, mask=word < WORDS)
