"""Greedy actions from a ring's own frames, with a stand-in for the GPU's graph: one that keeps every Python number."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch.fx.experimental.proxy_tensor import make_fx

from dqn_zoo_ext.learning.acting import GreedyActions
from dqn_zoo_ext.learning.replay import FrameRing

N_ENVS, STACK = 2, 4
SPACE = spaces.Box(0, 255, (STACK, 3, 3), np.uint8)


class Recorded:
    """The operations of the work, on the same memory each time, with the numbers that they were given first."""

    def __init__(self, work: Callable[[], Any], generators: Sequence[torch.Generator] = ()) -> None:
        del generators
        nothing = torch.zeros(())
        recorded = make_fx(lambda _: work())(nothing)
        self.replay = lambda: recorded(nothing)


class Brightest:
    """The policy that takes the action of the brightest frame of the stack, from the newest one on."""

    asked = 0

    def _predict(self, stacks: torch.Tensor, deterministic: bool) -> torch.Tensor:
        assert not deterministic
        Brightest.asked += 1
        return stacks.flatten(2).sum(2).flip(1).argmax(1)


def games(steps: int, ring: FrameRing, stack_start: str) -> Any:
    """Stacks as environments show them, after each of which the ring gets its row; some episodes end."""
    rng = np.random.default_rng(0)
    stacks = np.zeros((N_ENVS, *SPACE.shape), np.uint8)
    fresh = np.ones(N_ENVS, bool)
    for _ in range(steps):
        frames = rng.integers(1, 256, (N_ENVS, 1, 3, 3), dtype=np.uint8)
        stacks = np.concatenate([stacks[:, 1:], frames], 1)
        stacks[fresh] = frames[fresh] if stack_start == "repeat" else stacks[fresh]
        yield stacks
        fresh = rng.random(N_ENVS) < 0.2
        ring.add(stacks, stacks, np.zeros(N_ENVS, int), np.zeros(N_ENVS), fresh, [{}] * N_ENVS)
        stacks = np.where(fresh[:, None, None, None], np.uint8(0), stacks)


@pytest.mark.parametrize("stack_start", ["zeros", "repeat"])
def test_a_graph_chooses_by_what_is_shown_now(stack_start: Any) -> None:
    """Through ends of episodes and of the ring, though it was recorded in one of the first steps."""
    ring = FrameRing(24, SPACE, spaces.Discrete(STACK), "cpu", n_envs=N_ENVS, stack_start=stack_start)
    acting, expected = GreedyActions(Brightest(), ring, Recorded), Brightest()
    Brightest.asked = 0
    for stacks in games(60, ring, stack_start):
        chosen = acting.of(stacks)
        assert chosen.tolist() == expected._predict(torch.from_numpy(stacks), deterministic=False).tolist()
    assert Brightest.asked == 60 + 3 + 1  # three times as ever, once to be recorded


def test_without_a_capture_it_is_chosen_operation_by_operation() -> None:
    ring = FrameRing(24, SPACE, spaces.Discrete(STACK), "cpu", n_envs=N_ENVS)
    acting = GreedyActions(Brightest(), ring, None)
    Brightest.asked = 0
    for stacks in games(9, ring, "zeros"):
        acting.of(stacks)
    assert Brightest.asked == 9


def test_it_is_made_anew_for_another_policy_ring_or_capture() -> None:
    ring, other = (FrameRing(24, SPACE, spaces.Discrete(STACK), "cpu", n_envs=N_ENVS) for _ in range(2))
    policy = Brightest()
    acting = GreedyActions(policy, ring, Recorded)
    assert acting.fits(policy, ring, Recorded)
    assert not acting.fits(Brightest(), ring, Recorded)
    assert not acting.fits(policy, other, Recorded)
    assert not acting.fits(policy, ring, None)
