"""Both laws by hand."""

import pytest
import torch
from torch import Tensor

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.replay.priorities import known_law, law_of
from dqn_zoo_ext.learning.replay.priorities.law import LawNumbers, PriorityLaw, Proportional
from dqn_zoo_ext.learning.replay.priorities.rank import RankBased


def filed(law: PriorityLaw, priorities: list[float]) -> Tensor:
    """Masses once cells 0, 1, ... have these priorities."""
    count = len(priorities)
    law.file(torch.arange(count), torch.tensor(priorities), torch.ones(count, dtype=torch.bool))
    return law.masses.of(torch.arange(count))


def test_proportional_by_hand() -> None:
    assert filed(Proportional(LawNumbers(0.5, 1.0), 3), [0.0, 3.0, 8.0]).tolist() == [1.0, 2.0, 3.0]
    assert filed(Proportional(LawNumbers(1.0, 0.25), 2), [0.5, 2.0]).tolist() == [0.75, 2.25]
    assert filed(Proportional(LawNumbers(0.0), 2), [0.0, 9.0]).tolist() == [1.0, 1.0]


def test_ranks_by_hand() -> None:
    law = RankBased(LawNumbers(1.0, updates_per_sorting=2), 6)
    assert filed(law, [0.5, 4.0, 2.0, 1.0]).tolist() == [1.0] * 4  # nothing sorted yet: all are first
    law.after_update(4)  # the first one sorts
    assert law.masses.of(torch.arange(4)).tolist() == pytest.approx([1 / 4, 1.0, 1 / 2, 1 / 3])
    law.after_update(4)
    # in the sorting 4, 2, 1, 0.5 a new 3 would be second, a new 2 below the 2 that is there, 0 the last
    law.file(torch.tensor([4, 1, 0]), torch.tensor([3.0, 2.0, 0.0]), torch.ones(3, dtype=torch.bool))
    assert law.masses.of(torch.arange(5)).tolist() == pytest.approx([1 / 5, 1 / 2, 1 / 2, 1 / 3, 1 / 2])
    law.after_update(5)  # 3, 2 (two of them, the last place first), 1, 0
    assert law.masses.of(torch.arange(5)).tolist() == pytest.approx([1 / 5, 1 / 3, 1 / 2, 1 / 4, 1.0])


def test_the_exponent_of_ranks() -> None:
    law = RankBased(LawNumbers(0.5, updates_per_sorting=1), 4)
    filed(law, [4.0, 3.0, 2.0, 1.0])
    law.after_update(4)
    assert law.masses.of(torch.arange(4)).tolist() == pytest.approx([1.0, 2**-0.5, 3**-0.5, 0.5])


def test_what_cannot_be_drawn_has_no_rank() -> None:
    law = RankBased(LawNumbers(1.0, updates_per_sorting=1), 4)
    filed(law, [4.0, 3.0, 2.0])
    law.file(torch.tensor([0]), torch.tensor([9.0]), torch.tensor([False]))
    law.after_update(4)
    assert law.masses.of(torch.arange(4)).tolist() == [0.0, 1.0, 0.5, 0.0]


@pytest.mark.parametrize("law", [Proportional, RankBased])
def test_no_priority_makes_a_mass_of_nothing_or_an_infinite_one(law: type[PriorityLaw]) -> None:
    masses = filed(law(LawNumbers(1.0, 1e-300), 3), [0.0, 3e38, 1e-45])
    assert bool((masses > 0).all())
    assert bool(torch.isfinite(masses).all())


def test_names() -> None:
    assert law_of("rank") is RankBased
    assert known_law("proportional") == "proportional"
    with pytest.raises(UserError, match="unknown law 'ranks'; did you mean 'rank'"):
        known_law("ranks")
