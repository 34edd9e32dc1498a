"""Masses against lists and loops, at the edges of cells and blocks, and without a look at any number."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from dqn_zoo_ext.learning.replay.priorities.masses import Masses

ALMOST_ONE = math.nextafter(1.0, 0.0)


def tree(masses: list[float], cells_per_block: int = 4) -> Masses:
    made = Masses(len(masses), "cpu", cells_per_block)
    made.file_first(torch.tensor(masses))
    return made


def doubles(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("cells_per_block", [1, 2, 4, 256])
def test_draws_by_hand(cells_per_block: int) -> None:
    masses = tree([1.0, 0.0, 3.0, 4.0], cells_per_block)  # running sums 1, 1, 4, 8: four ranges of 2
    assert masses.draw(doubles(0.25, 0.25, 0.25, 0.25)).tolist() == [0, 2, 3, 3]  # at 0.5, 2.5, 4.5, 6.5
    assert masses.draw(doubles(0.0, 0.75, 0.0, 0.0)).tolist() == [0, 2, 3, 3]  # at 0, 3.5, 4, 6
    assert masses.draw(doubles(0.5)).tolist() == [3]  # at 4: cell 2 ends before it
    assert masses.draw(doubles(0.125)).tolist() == [2]  # at 1: cell 0 ends before it, and cell 1 is nothing


def test_probabilities_by_hand() -> None:
    masses, places = tree([1.0, 0.0, 3.0, 4.0], 2), torch.tensor([0, 1, 2, 3])
    assert masses.probabilities(places).tolist() == [1 / 8, 0.0, 3 / 8, 1 / 2]
    expected = [0.4 / 8 + 0.2, 0.0, 0.4 * 3 / 8 + 0.2, 0.2 + 0.2]  # two fifths by mass, a fifth for each of three
    assert masses.probabilities(places, 0.6).tolist() == pytest.approx(expected, rel=1e-15)
    assert masses.probabilities(places, 1.0).tolist() == pytest.approx([1 / 3, 0.0, 1 / 3, 1 / 3], rel=1e-15)
    assert masses.cells_with_mass.item() == 3


def test_filing_by_hand() -> None:
    masses = tree([1.0, 2.0, 3.0, 4.0, 5.0], 2)
    masses.file(torch.tensor([4, 1, 4, 4, 1]), torch.tensor([0.5, 0.0, 0.75, 0.25, 0.0]))  # the largest of each
    assert masses.of(torch.arange(5)).tolist() == [1.0, 0.0, 3.0, 4.0, 0.75]
    assert (masses.sums.tolist(), masses.counts.tolist()) == ([1.0, 7.0, 0.75], [1.0, 2.0, 1.0])
    masses.file(torch.tensor([masses.sink, 0]), torch.tensor([9.0, 8.0]))
    assert (masses.sums.tolist(), masses.counts.tolist()) == ([8.0, 7.0, 0.75], [1.0, 2.0, 1.0])


MASS = st.one_of(st.just(0.0), st.floats(2.0**-100, 2.0**100, width=32), st.floats(0.125, 8.0, width=32))
UNIFORM = st.one_of(st.just(0.0), st.just(ALMOST_ONE), st.floats(0.0, 1.0, exclude_max=True))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(MASS, min_size=1, max_size=40).filter(any),
    st.lists(UNIFORM, min_size=1, max_size=9),
    st.sampled_from([1, 2, 8, 64]),
    st.sampled_from([0.0, 0.001, 0.5, 1.0]),
)
def test_draws_are_those_of_a_loop(masses: list[float], uniform: list[float], per_block: int, share: float) -> None:
    made = tree(masses, per_block)
    drawn = made.draw(doubles(*uniform), share).tolist()
    with_mass, total = sum(mass > 0 for mass in masses), math.fsum(masses)
    chances = [(1 - share) * mass / total + share * (mass > 0) / with_mass for mass in masses]
    ends = [math.fsum(chances[: cell + 1]) for cell in range(len(chances))]
    for index, cell in enumerate(drawn):
        target = (index + uniform[index]) / len(uniform)
        assert masses[cell] > 0
        assert (ends[cell - 1] if cell else 0.0) - 1e-12 <= target <= ends[cell] + 1e-12
    places = torch.arange(len(masses))
    assert made.probabilities(places, share).tolist() == pytest.approx(chances, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 32, 1000])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_rounding_never_leads_to_a_cell_without_mass(batch_size: int, share: float) -> None:
    generator = torch.Generator().manual_seed(0)
    for empty_share in (0.1, 0.5, 0.99):
        masses = torch.rand(1000, generator=generator) ** 20 + 1e-38
        masses[torch.rand(1000, generator=generator) < empty_share] = 0.0
        masses[-300:] = 0.0  # the last blocks of 16, and the end of the one before, are empty
        masses[:100] = 0.0
        made = tree(masses.tolist(), 16)
        for value in (0.0, 2.0**-53, 0.5, ALMOST_ONE):
            drawn = made.draw(torch.full((batch_size,), value, dtype=torch.float64), share)
            assert bool((masses[drawn] > 0).all())


def test_a_target_on_the_end_of_a_block_is_the_next_blocks() -> None:
    made = tree([1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0], 2)
    assert made.draw(doubles(0.0, 0.0)).tolist() == [0, 7]
    assert made.draw(doubles(ALMOST_ONE, ALMOST_ONE)).tolist() == [1, 7]


def test_sums_are_a_function_of_the_masses_whatever_was_filed_before() -> None:
    generator = torch.Generator().manual_seed(1)
    made, masses = Masses(1500, "cpu", 64), torch.zeros(1500)
    for size in (1, 2, 8, 32, 500) * 4:
        places = torch.randperm(1500, generator=generator)[:size]
        values = 10 ** (torch.rand(size, generator=generator) * 60 - 30)  # their sums in float64 are not exact
        values[torch.rand(size, generator=generator) < 0.2] = 0.0
        made.file(places, values)
        masses[places] = values
        fresh = tree(masses.tolist(), 64)
        assert torch.equal(made.leaves, fresh.leaves)
        assert torch.equal(made.sums, fresh.sums)
        assert torch.equal(made.counts, fresh.counts)


def test_no_draw_and_no_change_waits_for_a_number() -> None:
    # PyTorch's fake tensors compute nothing, and raise when a number is asked of them: where a program would wait
    with FakeTensorMode():
        made = Masses(1000)
        made.file_first(torch.ones(900))
        made.file(torch.arange(32), torch.ones(32))
        drawn = made.draw(torch.rand(32, dtype=torch.float64), 0.001)
        made.probabilities(drawn, 0.001)
        assert drawn.shape == (32,)
        with pytest.raises(DataDependentOutputException):
            drawn[0].item()


def test_blocks_of_another_size_than_a_power_of_two_are_refused() -> None:
    with pytest.raises(ValueError, match="must be a power of two, not 100"):
        Masses(5, "cpu", 100)


def test_bytes() -> None:
    made = Masses(100_000)
    tensors = [value for value in vars(made).values() if isinstance(value, Tensor)]
    assert sum(tensor.numel() * tensor.element_size() for tensor in tensors) == Masses.bytes_needed(100_000)
