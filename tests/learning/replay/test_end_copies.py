"""``end_copies`` of the frame ring: the law of its draws, against a list that really holds the copies."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from ring_twin import Twin, feed, histories, play

from dqn_zoo_ext.learning.replay.frame_ring import FrameRing
from dqn_zoo_ext.learning.replay.prioritized_ring import PrioritizedRing

EVENTS = [["go", "cut" if row % 7 == 3 else "on", "end" if row % 5 == 0 else "on"] for row in range(33)]
DRAWS = 100_000


def copied(twin: Twin, ring: FrameRing, end_copies: int) -> list[int]:
    """The slow way: every cell that can be drawn, ends so many times."""
    cells = []
    for row, env in twin.drawable(max(0, ring.rows_added - ring.rows), ring.stack):
        cells += [row * ring.n_envs + env] * (end_copies if twin.ends[row][env] else 1)
    return cells


def weighted(n_envs: int, stack: int, n_steps: int, capacity: int, end_copies: int) -> FrameRing:
    space = spaces.Box(0, 255, (stack, 2, 2), np.uint8)
    actions = spaces.Discrete(9)
    return FrameRing(capacity, space, actions, "cpu", n_envs, n_steps=n_steps, gamma=0.5, end_copies=end_copies)


@settings(max_examples=150, deadline=None)
@given(histories(), st.integers(2, 4))
def test_ranks_stand_for_the_copies_of_a_list(
    history: tuple[int, int, int, int, list[list[str]]], end_copies: int
) -> None:
    """Every rank once, in place of random ones: exactly the list's cells come out, each as often as it stands there."""
    n_envs, stack, n_steps, capacity, events = history
    ring, twin = weighted(n_envs, stack, n_steps, capacity, end_copies), Twin(n_envs, n_steps)
    for _ in feed(ring, twin, events):
        pass
    expected = copied(twin, ring, end_copies)
    if not expected:
        assert not ring.can_sample
        return
    every, asked = torch.randint, list[tuple[int, int]]()

    def in_turn(low: int, high: int, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:  # noqa: ARG001
        asked.append((low, high))
        return torch.arange(low, high)

    torch.randint = in_turn  # type: ignore[assignment]
    try:
        drawn = ring._draw_cells(1)
    finally:
        torch.randint = every
    assert asked[0][1] - asked[0][0] == len(expected)
    assert sorted(drawn.tolist()) == sorted(expected)


@pytest.mark.parametrize("end_copies", [2, 5])
@pytest.mark.parametrize("rows", [33, 15])
def test_the_law_of_draws(end_copies: int, rows: int) -> None:
    ring, twin = weighted(2, 3, 2, 40, end_copies), Twin(2, 2)
    for _ in feed(ring, twin, EVENTS[:rows]):
        pass
    ring.generator.manual_seed(0)
    cells = copied(twin, ring, end_copies)
    assert len(cells) > len(set(cells)) + 1
    counts = torch.bincount(ring._draw_cells(DRAWS), minlength=max(cells) + 1).double().numpy()
    assert set(np.flatnonzero(counts).tolist()) == set(cells)
    expected = np.bincount(cells, minlength=len(counts)) * DRAWS / len(cells)
    there = expected > 0
    chi_square = float(((counts[there] - expected[there]) ** 2 / expected[there]).sum())
    degrees = there.sum() - 1
    # mean: the degrees of freedom; standard deviation sqrt(2 * degrees); five of them
    assert abs(chi_square - degrees) < 5 * np.sqrt(2 * degrees)


def test_one_copy_draws_the_very_same_numbers() -> None:
    plain, _ = play(2, 3, 2, 40, EVENTS)
    ring = weighted(2, 3, 2, 40, 1)
    for _ in feed(ring, Twin(2, 2), EVENTS):
        pass
    for each in (plain, ring):
        each.generator.manual_seed(3)
    assert torch.equal(plain._draw_cells(500), ring._draw_cells(500))
    assert len(ring._end_cells) == 0  # nothing is kept that nobody needs


def test_ends_of_rows_that_were_overwritten_are_forgotten() -> None:
    ring, twin = weighted(2, 3, 2, 40, 3), Twin(2, 2)
    for row in feed(ring, twin, EVENTS * 4):
        oldest = max(0, row + 1 - ring.rows)
        there = [each * 2 + env for each in range(oldest, row + 1) for env in range(2) if twin.ends[each][env]]
        assert ring._end_cells.tolist() == there


@pytest.mark.parametrize("rows", [9, 33, 120])
@pytest.mark.parametrize("by_rows", [False, True])
def test_saved_and_brought_back_it_draws_on(rows: int, by_rows: bool) -> None:
    events = (EVENTS * 4)[:rows]
    ring, fresh = weighted(2, 3, 2, 40, 3), weighted(2, 3, 2, 40, 3)
    for _ in feed(ring, Twin(2, 2), events):
        pass
    if by_rows:
        first = max(0, ring.rows_added - ring.rows)
        fresh.load_rows(first, {name: torch.cat(parts) for name, parts in ring.pieces(first, ring.rows_added).items()})
        fresh.load_rest(ring.rest())
    else:
        fresh.load_state(ring.state())
    assert fresh._end_cells.tolist() == ring._end_cells.tolist()
    assert torch.equal(fresh._draw_cells(300), ring._draw_cells(300))
    for each in (ring, fresh):
        each.cut()  # new games
        for _ in feed(each, Twin(2, 2), EVENTS[:20]):
            pass
    assert torch.equal(fresh._draw_cells(300), ring._draw_cells(300))


def test_a_ring_saved_without_copies_is_taken_over_with_some() -> None:
    plain, twin = play(2, 3, 2, 40, EVENTS)
    ring = weighted(2, 3, 2, 40, 4)
    ring.load_state(plain.state())
    assert len(ring._end_cells) == sum(int(each.sum()) for each in twin.ends[-ring.rows :])


def test_vectors_have_the_law_too() -> None:
    ring = FrameRing(30, spaces.Box(-1, 1, (4,)), spaces.Discrete(2), "cpu", 1, end_copies=9)
    for row in range(21):
        obs = np.full((1, 4), row / 30, dtype=np.float32)
        ring.add(obs, obs, np.array([0]), np.array([1.0]), np.array([row % 10 == 9]), [{}])
    ring.generator.manual_seed(1)
    batch = ring.sample_batch(20_000)
    share = float((batch.discount_t == 0).double().mean())
    # 20 cells, 2 of them ends of weight 9: 18 / 36; five standard deviations of such a share
    assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(20_000)


def test_prioritized_replay_has_a_law_of_its_own() -> None:
    with pytest.raises(ValueError, match=r"^end_copies is for frame_ring"):
        PrioritizedRing(30, spaces.Box(-1, 1, (4,)), spaces.Discrete(2), "cpu", 1, end_copies=2)
