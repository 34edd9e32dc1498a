"""The frame ring against its slow twin."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from ring_twin import Twin, feed, histories, play

from dqn_zoo_ext.learning.replay.frame_ring import FrameRing, _step_over


def assert_same(ring: FrameRing, twin: Twin) -> None:
    drawable = twin.drawable(max(0, ring.rows_added - ring.rows), ring.stack)
    first, last = ring._drawable_range()
    cuts = torch.from_numpy(ring._cut_cells[(ring._cut_cells >= first) & (ring._cut_cells < last)])
    cells = _step_over(cuts, torch.arange(first, max(first, last - len(cuts))))
    assert cells.tolist() == [row * ring.n_envs + env for row, env in drawable]
    batch = ring.gather(cells)
    assert torch.equal(batch.cells, cells)
    for index, (row, env) in enumerate(drawable):
        observation, action, reward, discount, next_observation = twin.window(row, env)
        np.testing.assert_array_equal(batch.obs_tm1[index].numpy(), observation)
        np.testing.assert_array_equal(batch.obs_t[index].numpy(), next_observation)
        assert (int(batch.a_tm1[index]), float(batch.r_t[index]), float(batch.discount_t[index])) == (
            action,
            reward,
            discount,
        )


@settings(max_examples=400, deadline=None)
@given(histories())
def test_every_window_equals_the_twins(history: tuple[int, int, int, int, list[list[str]]]) -> None:
    assert_same(*play(*history))


def test_a_window_by_hand() -> None:
    # rewards 0, 1, 2, 3, 4 of one environment; the episode ends with the third
    ring, _ = play(1, 2, 3, 100, [["go", kind] for kind in ("on", "on", "end", "on", "on")])
    batch = ring.gather(torch.tensor([0, 1]))
    assert batch.r_t.tolist() == [0 + 0.5 * 1 + 0.25 * 2, 1 + 0.5 * 2]
    assert batch.discount_t.tolist() == [0.0, 0.0]
    ring, _ = play(1, 2, 3, 100, [["go", kind] for kind in ("on", "on", "cut", "on", "on")])
    batch = ring.gather(torch.tensor([0, 1]))  # stop before the cut, and bootstrap from its state
    assert batch.r_t.tolist() == [0 + 0.5 * 1, 1.0]
    assert batch.discount_t.tolist() == [0.25, 0.5]


@pytest.mark.parametrize("gamma", [0, 1])
def test_a_discount_said_as_a_whole_number_makes_the_same_discounts(gamma: int) -> None:
    space = spaces.Box(0, 255, (2, 2, 2), np.uint8)
    ring = FrameRing(20, space, spaces.Discrete(9), "cpu", 1, n_steps=2, gamma=gamma)
    for _ in feed(ring, Twin(1, 2), [["go", "on"]] * 8):
        pass
    discounts = ring.batch_of(next(iter(ring.draws(4, 1)))).discount_t
    assert discounts.dtype == torch.float32
    assert discounts.tolist() == [float(gamma)] * 4


def test_draws_are_uniform_over_drawable_cells() -> None:
    events = [["go", "cut" if row % 7 == 3 else "on", "end" if row % 5 == 0 else "on"] for row in range(33)]
    ring, twin = play(2, 3, 2, 40, events)
    ring.generator.manual_seed(0)
    drawable = [row * 2 + env for row, env in twin.drawable(ring.rows_added - ring.rows, 3)]
    drawn = ring._draw_cells(100_000)
    counts = torch.bincount(drawn, minlength=max(drawable) + 1).double()
    assert set(torch.nonzero(counts).flatten().tolist()) == set(drawable)
    expected = 100_000 / len(drawable)
    chi_square = float(((counts[drawable] - expected) ** 2 / expected).sum())
    # chi-square with k - 1 degrees of freedom: mean k - 1, standard deviation sqrt(2 (k - 1)); five of them
    assert abs(chi_square - (len(drawable) - 1)) < 5 * np.sqrt(2 * (len(drawable) - 1))


def test_equal_seeds_draw_equally_whatever_else_is_drawn() -> None:
    def drawn(disturb: bool) -> list[int]:
        np.random.seed(5)  # noqa: NPY002  # the state that Stable-Baselines3's seed sets
        ring, _ = play(1, 2, 1, 50, [["go", "on"]] * 40)
        if disturb:
            torch.rand(3)
            np.random.rand(3)  # noqa: NPY002
        return ring._draw_cells(20).tolist()

    assert drawn(disturb=False) == drawn(disturb=True)


def test_vectors_are_kept_whole() -> None:
    ring = FrameRing(10, spaces.Box(-1, 1, (3,)), spaces.Discrete(2), "cpu", 1)
    for row in range(4):
        obs = np.full((1, 3), row, dtype=np.float32)
        ring.add(obs, obs + 1, np.array([1]), np.array([0.5]), np.array([False]), [{}])
    batch = ring.gather(torch.tensor([2]))
    assert batch.obs_tm1.tolist() == [[2.0, 2.0, 2.0]]
    assert batch.obs_t.tolist() == [[3.0, 3.0, 3.0]]


def test_stable_baselines3s_form_of_a_sample() -> None:
    ring, _ = play(2, 2, 1, 50, [["go", "on", "end"]] * 20)
    samples = ring.sample(16)
    assert samples.observations.shape == (16, 2, 2, 2)
    assert samples.actions.shape == samples.rewards.shape == samples.dones.shape == (16, 1)
    assert samples.discounts is not None
    assert torch.equal(samples.dones, (samples.discounts == 0).float())


def test_a_million_atari_transitions_take_less_than_7_3_gigabytes() -> None:
    space = spaces.Box(0, 255, (4, 84, 84), np.uint8)
    with torch.device("meta"):  # shapes and types as in earnest, no memory
        ring = FrameRing(1_000_000, space, spaces.Discrete(6), "cpu", 8)
    tensors = [value for value in vars(ring).values() if isinstance(value, torch.Tensor)]
    assert 7.05e9 < sum(tensor.numel() * tensor.element_size() for tensor in tensors) <= 7.3e9


def test_observations_that_are_not_stacks_are_refused() -> None:
    ring = FrameRing(10, spaces.Box(0, 255, (3, 2, 2), np.uint8), spaces.Discrete(2), "cpu", 1)
    colour = np.full((1, 3, 2, 2), 9, dtype=np.uint8)
    with pytest.raises(ValueError, match="need"):
        ring.add(colour, colour, np.array([0]), np.array([0.0]), np.array([False]), [{}])


def test_nothing_to_draw_yet() -> None:
    ring, _ = play(1, 2, 3, 50, [["go", "on"]] * 3)
    with pytest.raises(ValueError, match="nothing to replay yet: 3 rows for windows of 3"):
        ring.sample_batch(1)


def test_continuous_actions_are_refused() -> None:
    with pytest.raises(ValueError, match="Discrete actions"):
        FrameRing(10, spaces.Box(0, 255, (4, 2, 2), np.uint8), spaces.Box(-1, 1, (2,)), "cpu", 1)


def test_stacks_for_acting_are_the_observations() -> None:
    """Through ends, cuts from outside, and the ring's end, though only the newest frames are sent."""
    rng = np.random.default_rng(0)
    space = spaces.Box(0, 255, (4, 2, 3), np.uint8)
    ring = FrameRing(24, space, spaces.Discrete(2), "cpu", n_envs=2)
    stacks = np.zeros((2, 4, 2, 3), np.uint8)
    for step in range(60):
        stacks = np.concatenate([stacks[:, 1:], rng.integers(1, 256, (2, 1, 2, 3), dtype=np.uint8)], axis=1)
        if step % 3 != 2:  # a random action now and then looks at nothing
            assert np.array_equal(ring.stacks_of(ring.shown(stacks)).numpy(), stacks)
        done = rng.random(2) < 0.2
        ring.add(stacks, stacks, np.zeros(2, int), np.zeros(2), done, [{}, {"TimeLimit.truncated": True}])
        stacks[done] = 0
        if step % 20 == 19:
            stacks[:] = 0
            ring.cut()


def test_frames_that_were_shown_for_a_step_that_never_ended_are_forgotten() -> None:
    ring = FrameRing(8, spaces.Box(0, 255, (4, 1, 1), np.uint8), spaces.Discrete(2), "cpu", n_envs=1)
    ring.shown(np.full((1, 4, 1, 1), 200, np.uint8))
    ring.cut()
    shown = np.array([0, 0, 0, 99], np.uint8).reshape(1, 4, 1, 1)
    ring.add(shown, shown, np.zeros(1, int), np.zeros(1), np.zeros(1, bool), [{}])
    assert ring.frames[0].item() == 99


@settings(max_examples=100, deadline=None)
@given(histories(), st.integers(1, 5), st.integers(1, 9), st.sampled_from([1, 3]))
def test_draws_of_a_round_are_those_that_would_be_made_one_by_one(
    history: tuple[int, int, int, int, list[list[str]]], count: int, batch_size: int, end_copies: int
) -> None:
    (one, _), (other, _) = play(*history), play(*history)
    for ring in (one, other):
        ring.generator.manual_seed(1)
        ring.end_copies = end_copies
    if one.can_sample:
        together = list(one.draws(batch_size, count))
        assert [each.cells.tolist() for each in together] == [other.draw(batch_size).cells.tolist() for _ in together]
        assert len(together) == count
        assert torch.equal(one.generator.get_state(), other.generator.get_state())
        assert together[0].weights is None
        assert one.batch_of(together[0]).weights.tolist() == [1.0] * batch_size
