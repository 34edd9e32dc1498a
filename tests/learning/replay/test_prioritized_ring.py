"""The prioritized ring: by hand, against a list of transitions with a priority each, and by counting its draws."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from ring_twin import GAMMA, Event, Twin, feed, histories
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.replay.priorities.law import importance_weights
from dqn_zoo_ext.learning.replay.prioritized_ring import PrioritizedRing

LAWS = pytest.mark.parametrize("law", ["proportional", "rank"])


def numbers(rows: int, capacity: int = 100, n_envs: int = 1, **keywords: Any) -> PrioritizedRing:
    """A ring of observations that are single numbers, with so many rows in it."""
    ring = PrioritizedRing(capacity, spaces.Box(-1, 1, (1,)), spaces.Discrete(2), "cpu", n_envs, **keywords)
    add(ring, rows)
    return ring


def add(ring: PrioritizedRing, rows: int) -> None:
    obs, zeros = np.zeros((ring.n_envs, 1), dtype=np.float32), np.zeros(ring.n_envs)
    for _ in range(rows):
        ring.add(obs, obs, zeros, zeros, zeros.astype(bool), [{}] * ring.n_envs)


def learn(ring: PrioritizedRing, priorities: dict[int, float]) -> Batch:
    """As if an update on these cells had found these priorities."""
    batch = ring.gather(torch.tensor(list(priorities)))
    ring.learned_from(batch.cells, torch.tensor(list(priorities.values())))
    return batch


def masses(ring: PrioritizedRing) -> list[float]:
    """Of the places of the ring."""
    return ring.law.masses.of(torch.arange(ring.rows * ring.n_envs)).tolist()


def test_masses_by_hand() -> None:
    ring = numbers(5, capacity=8, alpha=1.0, priority_floor=0.5, uniform_share=0.0)
    assert masses(ring) == [1.5] * 4 + [0.0] * 4  # the first priority is 1; the newest row has no successor yet
    learn(ring, {0: 2.5, 1: 0.5})
    assert masses(ring) == [3.0, 1.0, 1.5, 1.5] + [0.0] * 4
    add(ring, 1)
    assert masses(ring) == [3.0, 1.0, 1.5, 1.5, 3.0] + [0.0] * 3  # the largest so far, 2.5
    learn(ring, {0: 0.0})
    add(ring, 1)
    assert masses(ring) == [0.5, 1.0, 1.5, 1.5, 3.0, 3.0] + [0.0] * 2  # 2.5 was the largest, and stays it
    add(ring, 2)  # row 8 takes the place of row 0
    assert masses(ring) == [0.0, 1.0, 1.5, 1.5, 3.0, 3.0, 3.0, 3.0]


def test_ranks_by_hand() -> None:
    ring = numbers(5, capacity=8, law="rank", alpha=1.0, updates_per_sorting=1)
    assert masses(ring) == [1.0] * 4 + [0.0] * 4
    learn(ring, {0: 0.25, 1: 3.0, 2: 0.5})  # 3, 1 (cell 3, not yet learned from), 0.5, 0.25
    assert masses(ring) == pytest.approx([1 / 4, 1.0, 1 / 3, 1 / 2] + [0.0] * 4)
    add(ring, 1)
    assert masses(ring)[4] == 1.0  # as large as the largest
    learn(ring, {3: 4.0})  # 4, 3 (two: the last place first), 0.5, 0.25
    assert masses(ring) == pytest.approx([1 / 5, 1 / 3, 1 / 4, 1.0, 1 / 2] + [0.0] * 3)


def test_weights_by_hand() -> None:
    ring = numbers(5, alpha=1.0, priority_floor=0.5, uniform_share=0.0, beta=1.0)
    learn(ring, {0: 2.5, 1: 0.5, 2: 0.5, 3: 2.5})  # masses 3, 1, 1, 3 of 8; (N P)^-1 is 2/3, 2, 2, 2/3
    drawn = ring.sample_batch(1000)
    assert set(drawn.cells.tolist()) == {0, 1, 2, 3}
    expected = torch.tensor([1 / 3, 1.0, 1.0, 1 / 3])[drawn.cells]
    torch.testing.assert_close(drawn.weights, expected)
    assert drawn.weights.dtype == torch.float32
    ring.uniform_share = 0.5  # P is 5/16, 3/16, ...; N P is 5/4, 3/4
    torch.testing.assert_close(ring.sample_batch(1000).weights.unique(), torch.tensor([3 / 5, 1.0]))


def test_importance_weights_by_hand() -> None:
    probabilities = torch.tensor([0.4, 0.1], dtype=torch.float64)
    assert importance_weights(probabilities, torch.tensor(10.0), 0.5).tolist() == pytest.approx([0.5, 1.0])
    assert importance_weights(probabilities, torch.tensor(10.0), 1.0).tolist() == pytest.approx([0.25, 1.0])
    assert importance_weights(probabilities, torch.tensor(10.0), 0.0).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("beta", "expected"),
    [
        (0.7, [0.7, 0.7, 0.7, 0.7]),
        (None, [0.4, 0.4, 0.7, 1.0]),
        ({"schedule": "linear", "start": 0.5, "end": 1.0, "agent_steps": 1000.0}, [0.5, 0.5, 0.75, 1.0]),
    ],
)
def test_beta(beta: Any, expected: list[float]) -> None:
    ring = numbers(3, **({} if beta is None else {"beta": beta}))
    found = [ring.beta]
    for agent_steps in (0, 500, 1000):
        ring.anneal(agent_steps, 1000)
        found.append(ring.beta)
    assert found == pytest.approx(expected)


# -- against a twin --------------------------------------------------------------------------------------------------


@dataclass
class Priorities:
    """A priority for each transition, in a dict; sums and powers by Python."""

    alpha: float
    floor: float
    of: dict[int, float] = field(default_factory=dict)
    largest: float = 1.0

    def see(self, drawable: list[int]) -> None:
        self.of = {cell: self.of.get(cell, self.largest) for cell in drawable}

    def learn(self, cells: list[int], priorities: list[float]) -> None:
        for cell in set(cells) & self.of.keys():
            self.of[cell] = max(p for c, p in zip(cells, priorities, strict=True) if c == cell)
        self.largest = max(self.largest, *priorities)

    def masses(self) -> dict[int, float]:
        return {cell: (priority + self.floor) ** self.alpha for cell, priority in self.of.items()}


Update = list[tuple[float, float]]  # where in the ring, from 0 to 1 and a little beyond; priority
UPDATES = st.lists(
    st.lists(st.tuples(st.floats(-0.2, 1.2), st.floats(0.0, 8.0, width=16)), min_size=1, max_size=5), max_size=40
)


def ring_for(history: tuple[int, int, int, int, list[Event]], **keywords: Any) -> PrioritizedRing:
    n_envs, stack, n_steps, capacity, _ = history
    space = spaces.Box(0, 255, (stack, 2, 2), np.uint8)
    window: dict[str, Any] = {"n_steps": n_steps, "gamma": GAMMA}
    return PrioritizedRing(capacity, space, spaces.Discrete(9), "cpu", n_envs, **window, **keywords)


def batch_of(cells: list[int]) -> Batch:
    """Only where it was drawn from matters."""
    return Batch(*[*[torch.zeros(len(cells))] * 6, torch.tensor(cells)])


@settings(max_examples=200, deadline=None)
@given(histories(), UPDATES, st.sampled_from([0.0, 0.5, 1.0]))
def test_masses_are_the_twins(
    history: tuple[int, int, int, int, list[Event]], updates: list[Update], alpha: float
) -> None:
    """Through ends, cuts, resets and wraps, with updates on the way: of cells drawn twice, and of such as are gone."""
    ring = ring_for(history, alpha=alpha, priority_floor=0.125)
    twin, priorities = Twin(ring.n_envs, ring.n_steps), Priorities(alpha, 0.125)
    for row in feed(ring, twin, history[-1]):
        see_and_learn(ring, twin, priorities, updates[row : row + 1])
        assert_masses(ring, priorities.masses())
    assert ring.can_sample == bool(priorities.of)
    if ring.can_sample:
        assert_draws_the_twins_windows(ring, twin, set(priorities.of))


def see_and_learn(ring: PrioritizedRing, twin: Twin, priorities: "Priorities", updates: list[Update]) -> None:
    """Both take note of what can be drawn now, and of what an update, if there is one, has found."""
    drawable = twin.drawable(max(0, ring.rows_added - ring.rows), ring.stack)
    priorities.see([row * ring.n_envs + env for row, env in drawable])
    for update in updates:
        cells = [int(where * ring.rows_added * ring.n_envs) for where, _ in update]
        found = [priority for _, priority in update]
        ring.learned_from(torch.tensor(cells), torch.tensor(found))
        priorities.learn(cells, found)


def assert_masses(ring: PrioritizedRing, expected: dict[int, float]) -> None:
    capacity = ring.rows * ring.n_envs
    by_place = dict.fromkeys(range(capacity), 0.0) | {cell % capacity: mass for cell, mass in expected.items()}
    assert masses(ring) == pytest.approx([by_place[place] for place in range(capacity)], rel=1e-6)
    assert ring.law.masses.cells_with_mass.item() == len(expected)


def assert_draws_the_twins_windows(ring: PrioritizedRing, twin: Twin, drawable: set[int]) -> None:
    batch = ring.sample_batch(8)
    assert set(batch.cells.tolist()) <= drawable
    for index, cell in enumerate(batch.cells.tolist()):
        observation, _, reward, discount, next_observation = twin.window(*divmod(cell, ring.n_envs))
        np.testing.assert_array_equal(batch.obs_tm1[index].numpy(), observation)
        np.testing.assert_array_equal(batch.obs_t[index].numpy(), next_observation)
        assert (float(batch.r_t[index]), float(batch.discount_t[index])) == (reward, discount)


@settings(max_examples=100, deadline=None)
@given(histories(), UPDATES)
def test_ranks_are_the_twins(history: tuple[int, int, int, int, list[Event]], updates: list[Update]) -> None:
    ring = ring_for(history, law="rank", alpha=1.0, updates_per_sorting=1)
    twin, priorities = Twin(ring.n_envs, ring.n_steps), Priorities(1.0, 0.0)
    for row in feed(ring, twin, history[-1]):
        see_and_learn(ring, twin, priorities, updates[row : row + 1])
        if row < len(updates):
            places = {cell: cell % (ring.rows * ring.n_envs) for cell in priorities.of}
            ranked = sorted(priorities.of, key=lambda cell: (-priorities.of[cell], -places[cell]))
            assert_masses(ring, {cell: 1.0 / (rank + 1) for rank, cell in enumerate(ranked)})


# -- draws -----------------------------------------------------------------------------------------------------------


def probabilities(ring: PrioritizedRing) -> Tensor:
    """P(i) of each place by the definition."""
    m = torch.tensor(masses(ring), dtype=torch.float64)
    return (1 - ring.uniform_share) * m / m.sum() + ring.uniform_share * (m > 0) / (m > 0).sum()


@LAWS
@pytest.mark.parametrize("uniform_share", [0.0, 0.25, 1.0])
def test_draws_are_as_often_as_their_probabilities(law: str, uniform_share: float) -> None:
    ring = numbers(40, capacity=50, n_envs=2, law=law, alpha=0.8, uniform_share=uniform_share, updates_per_sorting=1)
    ring.generator.manual_seed(3)
    first, last = ring._drawable_range()
    learn(ring, {cell: (cell * 7 % 11) ** 2 / 4 for cell in range(first, last)})
    expected = probabilities(ring) * 32 * 2000
    counts = torch.zeros(len(expected), dtype=torch.float64)
    for _ in range(2000):
        counts += torch.bincount(ring._draw_cells(32) % 50, minlength=50)
    there = expected > 0
    assert not counts[~there].any()
    chi_square = float(((counts - expected)[there] ** 2 / expected[there]).sum())
    # chi-square with k - 1 degrees of freedom: mean k - 1, standard deviation sqrt(2 (k - 1)); five of them. Stratified
    # draws vary less, so there is no least value
    degrees = int(there.sum()) - 1
    assert chi_square < degrees + 5 * np.sqrt(2 * degrees)


def test_one_draw_at_a_time_is_as_often_as_its_probability() -> None:
    """With a single range nothing is stratified: the chi-square itself."""
    ring = numbers(9, alpha=1.0, uniform_share=0.1)
    ring.generator.manual_seed(4)
    learn(ring, {cell: float(cell) for cell in range(8)})
    expected, counts = probabilities(ring)[:8] * 4000, torch.zeros(8, dtype=torch.float64)
    for _ in range(4000):
        counts[ring._draw_cells(1)] += 1
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    assert abs(chi_square - 7) < 5 * np.sqrt(14)


def test_every_range_of_equal_probability_gives_one_draw() -> None:
    ring = numbers(5, alpha=1.0, priority_floor=1e-6, uniform_share=0.0)
    learn(ring, {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0})
    for _ in range(20):
        assert ring._draw_cells(4).tolist() == [0, 1, 2, 3]


def test_without_an_exponent_draws_are_uniform_and_weights_one() -> None:
    ring = numbers(20, alpha=0.0, beta=1.0)
    learn(ring, {cell: float(cell) for cell in range(19)})
    torch.testing.assert_close(probabilities(ring)[:19], torch.full((19,), 1 / 19, dtype=torch.float64))
    assert ring.sample_batch(50).weights.tolist() == pytest.approx([1.0] * 50)


@LAWS
def test_a_priority_that_is_not_finite_counts_as_nothing(law: str) -> None:
    ring = numbers(6, law=law, updates_per_sorting=1)
    learn(ring, {0: float("nan"), 1: float("inf"), 2: 0.5})
    assert ring.largest_priority.item() == 1.0
    assert min(masses(ring)[0], masses(ring)[1]) < masses(ring)[2] < masses(ring)[3]
    assert bool(torch.isfinite(ring.sample_batch(64).weights).all())


@LAWS
def test_equal_seeds_draw_equally_whatever_else_is_drawn(law: str) -> None:
    def drawn(disturb: bool) -> list[int]:
        np.random.seed(5)  # noqa: NPY002  # the state that Stable-Baselines3's seed sets
        ring = numbers(40, law=law)
        if disturb:
            torch.rand(3)
            np.random.rand(3)  # noqa: NPY002
        learn(ring, {0: 3.0, 5: 9.0})
        return ring._draw_cells(20).tolist()

    assert drawn(disturb=False) == drawn(disturb=True)


def test_nothing_to_draw_yet() -> None:
    with pytest.raises(ValueError, match="nothing to replay yet: 3 rows for windows of 3"):
        numbers(3, n_steps=3).sample_batch(1)


# -- cost ------------------------------------------------------------------------------------------------------------


@LAWS
def test_nothing_waits_for_a_number(law: str) -> None:
    # PyTorch's fake tensors raise when a number is asked of them: where a program would wait for the device
    with FakeTensorMode():
        ring = numbers(30, capacity=20, n_envs=2, law=law, updates_per_sorting=2)
        for _ in range(4):
            batch = ring.sample_batch(8)
            ring.learned_from(batch.cells, torch.rand(8))
            add(ring, 1)
    assert batch.weights.shape == (8,)


@LAWS
def test_a_million_cells_take_at_most_24_bytes_each_beside_the_frames(law: str) -> None:
    cells, space = 1_000_000, spaces.Box(0, 255, (4, 2, 2), np.uint8)
    needed = PrioritizedRing.bytes_needed(cells, space, n_envs=8, law=law)
    assert needed - (cells + 1) * 4 <= 24 * cells
    ring = PrioritizedRing(cells, space, spaces.Discrete(6), "cpu", 8, law=law)
    tensors = [each for part in (ring, ring.law, ring.law.masses) for each in vars(part).values()]
    held = sum(each.numel() * each.element_size() for each in tensors if isinstance(each, Tensor))
    assert abs(held - needed) < 100  # the largest priority, and the place that stands for none


# -- saved and brought back ------------------------------------------------------------------------------------------


@LAWS
def test_a_saved_ring_draws_and_learns_on_as_the_one_it_was(law: str) -> None:
    keywords: dict[str, Any] = {"capacity": 20, "n_envs": 2, "law": law, "updates_per_sorting": 3}
    ring, restored = numbers(17, **keywords), numbers(4, **keywords)
    for _ in range(4):
        ring.learned_from(ring.sample_batch(6).cells, torch.rand(6) * 3)
        add(ring, 1)
    ring.anneal(3, 10)
    restored.load_state({name: tensor.clone() for name, tensor in ring.state().items()})
    for _ in range(10):
        batches, priority = [each.sample_batch(6) for each in (ring, restored)], torch.rand(6) * 3
        assert all(torch.equal(one, other) for one, other in zip(*batches, strict=True))
        for each in (ring, restored):
            each.learned_from(batches[0].cells, priority)
            add(each, 1)
        there, here = ring.state(), restored.state()
        assert there.keys() == here.keys()
        assert all(torch.equal(there[name], here[name]) for name in there)


BROKEN = {
    "masses": torch.ones(8),
    "largest_priority": torch.tensor(float("inf")),
    "beta": torch.tensor(2.0, dtype=torch.float64),
    "generator": torch.zeros(3, dtype=torch.uint8),
    "priorities": torch.zeros(3),
    "sorted": torch.tensor([3.0, 2.0]),
    "updates_since_sorting": torch.tensor(-1),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_state_that_contradicts_itself_is_refused_whole(name: str) -> None:
    ring = numbers(4, n_envs=2, law="rank")
    before = {key: tensor.clone() for key, tensor in ring.state().items()}
    other = {**numbers(4, n_envs=2, law="rank").state(), name: BROKEN[name]}
    with pytest.raises(ValueError, match=name):
        ring.load_state(other)
    assert all(torch.equal(tensor, before[key]) for key, tensor in ring.state().items())


def test_the_state_of_another_law_is_refused() -> None:
    with pytest.raises(KeyError):
        numbers(4, law="rank").load_state(numbers(4).state())
