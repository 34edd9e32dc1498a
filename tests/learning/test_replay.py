"""The frame ring against a slow, obvious twin: a list that keeps every observation whole."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from dqn_zoo_ext.learning.replay import FrameRing, _step_over

GAMMA = 0.5  # a power of two: sums of discounted rewards are exact


@dataclass
class Twin:
    """Every row as it was handed over, nothing shared, nothing overwritten."""

    n_envs: int
    n_steps: int
    observations: list[np.ndarray] = field(default_factory=list)
    actions: list[np.ndarray] = field(default_factory=list)
    rewards: list[np.ndarray] = field(default_factory=list)
    ends: list[np.ndarray] = field(default_factory=list)
    cuts: list[np.ndarray] = field(default_factory=list)

    def drawable(self, oldest_row: int, stack: int) -> list[tuple[int, int]]:
        first = oldest_row + (stack - 1 if oldest_row > 0 else 0)
        rows = range(first, len(self.observations) - self.n_steps)
        return [(row, env) for row in rows for env in range(self.n_envs) if not self.cuts[row][env]]

    def window(self, row: int, env: int) -> tuple[np.ndarray, int, float, float, np.ndarray]:
        """Observation, action, n-step reward, discount, next observation, by the definition."""
        reward, discount, here = 0.0, 1.0, row
        for step in range(self.n_steps):
            here = row + step
            if step > 0 and self.cuts[here][env]:
                break
            reward += discount * self.rewards[here][env]
            discount *= GAMMA
            here += 1
            if self.ends[here - 1][env]:
                discount = 0.0
                break
        return self.observations[row][env], self.actions[row][env], reward, discount, self.observations[here][env]


class Screens:
    """Environments of numbered 2 x 2 frames, stacked as ``VecFrameStack`` does: zero before an episode's first."""

    def __init__(self, n_envs: int, stack: int) -> None:
        self.stacks = np.zeros((n_envs, stack, 2, 2), dtype=np.uint8)
        self.count = 0
        self.show(np.ones(n_envs, dtype=bool))

    def show(self, begins: np.ndarray) -> None:
        self.stacks = np.roll(self.stacks, -1, axis=1)
        self.stacks[begins] = 0
        for env in range(len(self.stacks)):
            self.count += 1
            self.stacks[env, -1] = [[self.count % 256, self.count // 256], [env + 1, 7]]


def play(n_envs: int, stack: int, n_steps: int, capacity: int, events: list[list[str]]) -> tuple[FrameRing, Twin]:
    """Feed both with the same rows. An event is a row: "go" or "reset" before it, then on, end or cut for each env."""
    space = spaces.Box(0, 255, (stack, 2, 2), np.uint8)
    ring = FrameRing(capacity, space, spaces.Discrete(9), "cpu", n_envs, n_steps=n_steps, gamma=GAMMA)
    twin, screens = Twin(n_envs, n_steps), Screens(n_envs, stack)
    for row, event in enumerate(events):
        if event[0] == "reset" and row > 0:
            ring.cut()
            twin.cuts[-1] = twin.cuts[-1] | ~twin.ends[-1]
            screens.show(np.ones(n_envs, dtype=bool))
        ends, cuts = (np.array([e == kind for e in event[1:]]) for kind in ("end", "cut"))
        action, reward = np.arange(n_envs) + row % 5, np.arange(n_envs) * 8.0 + row
        observation = screens.stacks.copy()
        screens.show(ends | cuts)
        infos = [{"TimeLimit.truncated": bool(cut)} for cut in cuts]
        ring.add(observation, screens.stacks.copy(), action, reward, ends | cuts, infos)
        twin.observations.append(observation)
        for kept, value in ((twin.actions, action), (twin.rewards, reward), (twin.ends, ends), (twin.cuts, cuts)):
            kept.append(value)
    return ring, twin


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


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, int, int, int, list[list[str]]]:
    n_envs, stack, n_steps = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    event = st.sampled_from(["on", "on", "on", "end", "cut"])
    row = st.tuples(st.sampled_from(["go", "go", "go", "reset"]), *[event] * n_envs).map(list)
    return n_envs, stack, n_steps, draw(st.integers(1, 40)), draw(st.lists(row, min_size=1, max_size=40))


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
