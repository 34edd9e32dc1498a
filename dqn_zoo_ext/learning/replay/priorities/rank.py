"""Prioritized replay by rank."""

from typing import ClassVar

import torch
from torch import Tensor

from dqn_zoo_ext.learning.replay.priorities.law import LawNumbers, PriorityLaw
from dqn_zoo_ext.learning.replay.rows import check_like

_NOT_THERE = -1.0  # in a sorting, below all priorities


class RankBased(PriorityLaw):
    """P(i) ~ 1 / rank(i)^alpha, with rank 1 for the largest priority. Source: Schaul et al. 2016, section 3.3.

    Ranks are those among the priorities at the last sorting, which comes with the first update and then every
    `updates_per_sorting`: a priority filed since then has the rank that it would have had there, the best of those
    equal to it. The paper likewise uses a heap as an array that is nearly sorted, and sorts it now and then. In a
    sorting equal priorities get ranks of their own, the last place the best one.
    """

    bytes_per_cell: ClassVar[int] = 4 + 4
    same_work_each_time: ClassVar[bool] = False

    def __init__(self, numbers: LawNumbers, cells: int, device: torch.device | str = "cpu") -> None:
        super().__init__(numbers, cells, device)
        self.priorities = torch.zeros(cells + 1, device=device)  # the last one is the masses' sink
        self.sorted = torch.zeros(cells, device=device)
        self.cells_sorted = 0
        self.updates_since_sorting = numbers.updates_per_sorting - 1

    def mass_of(self, priority: Tensor) -> Tensor:  # noqa: D102
        not_above = torch.searchsorted(self.sorted[: self.cells_sorted], priority.contiguous(), right=True)
        return self._mass_of_rank(self.cells_sorted + 1 - not_above)

    def file(self, places: Tensor, priority: Tensor, drawable: Tensor) -> None:  # noqa: D102
        self.priorities.scatter_reduce_(0, places, priority, "amax", include_self=False)
        super().file(places, priority, drawable)

    def after_update(self, cells_written: int) -> None:  # noqa: D102
        self.updates_since_sorting += 1
        if self.updates_since_sorting >= self.numbers.updates_per_sorting:
            self.sort(cells_written)

    def sort(self, cells_written: int) -> None:
        """Rank all cells anew."""
        there = self.masses.leaves.view(-1)[:cells_written] > 0
        known = torch.where(there, self.priorities[:cells_written], _NOT_THERE)
        ascending, order = known.sort(stable=True)
        ranks = torch.arange(cells_written, 0, -1, device=known.device)
        masses = torch.where(ascending > _NOT_THERE, self._mass_of_rank(ranks), 0.0)
        self.masses.file_first(torch.empty_like(masses).scatter_(0, order, masses))
        self.sorted[:cells_written] = ascending
        self.cells_sorted, self.updates_since_sorting = cells_written, 0

    def state(self, cells_written: int) -> dict[str, Tensor]:  # noqa: D102
        return {
            **super().state(cells_written),
            "priorities": self.priorities[:cells_written],
            "sorted": self.sorted[: self.cells_sorted],
            "updates_since_sorting": torch.tensor(self.updates_since_sorting),
        }

    def check_state(self, state: dict[str, Tensor], drawable: Tensor) -> None:  # noqa: D102
        super().check_state(state, drawable)
        check_like(state, "priorities", torch.float32, tuple(drawable.shape))
        check_like(state, "sorted", torch.float32, (len(state["sorted"]),))
        check_like(state, "updates_since_sorting", torch.int64, ())
        ascending = bool((state["sorted"].diff() >= 0).all())
        if not ascending or len(state["sorted"]) > len(drawable) or int(state["updates_since_sorting"]) < 0:
            raise ValueError("'sorted' or 'updates_since_sorting' are no sorting of these priorities")

    def load_state(self, state: dict[str, Tensor]) -> None:  # noqa: D102
        super().load_state(state)
        self.priorities[: len(state["priorities"])] = state["priorities"]
        self.cells_sorted = len(state["sorted"])
        self.sorted[: self.cells_sorted] = state["sorted"]
        self.updates_since_sorting = int(state["updates_since_sorting"])

    def _mass_of_rank(self, ranks: Tensor) -> Tensor:
        return ranks.float() ** -self.numbers.alpha
