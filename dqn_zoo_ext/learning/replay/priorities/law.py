"""How the priority of a transition becomes the mass by which it is drawn, and what a draw then weighs."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from dqn_zoo_ext.learning.replay.priorities.masses import Masses
from dqn_zoo_ext.learning.replay.rows import check_like

_LEAST, _GREATEST = torch.finfo(torch.float32).tiny, torch.finfo(torch.float32).max


@dataclass(frozen=True)
class LawNumbers:
    """The numbers of both laws. alpha: exponent, 0 for uniform draws. The others: see each law."""

    alpha: float
    priority_floor: float = 1e-6
    updates_per_sorting: int = 1000


class PriorityLaw(ABC):
    """Masses of cells, from priorities: float32, at least 0 and finite. Nothing here waits for the device.

    ``bytes_per_cell``: of the arrays that a law keeps beside its masses. ``same_work_each_time``: whether ``file`` and
    ``after_update`` are so, on the same memory, and nothing is counted in the program.
    """

    bytes_per_cell: ClassVar[int] = 0
    same_work_each_time: ClassVar[bool] = True

    def __init__(self, numbers: LawNumbers, cells: int, device: torch.device | str = "cpu") -> None:
        self.numbers = numbers
        self.masses = Masses(cells, device)

    @abstractmethod
    def mass_of(self, priority: Tensor) -> Tensor:
        """(n,) float32: the masses of these priorities, (n,)."""

    def file(self, places: Tensor, priority: Tensor, drawable: Tensor) -> None:
        """Give cells their priorities, and no mass to those that are not drawable.

        places: (n,) int64; of several priorities for one cell the largest counts. priority: (n,). drawable: (n,) bool.
        """
        # a mass that float32 rounds to nothing would be no mass, and an infinite one the only one
        masses = self.mass_of(priority).clamp(_LEAST, _GREATEST)
        self.masses.file(places, torch.where(drawable, masses, 0.0))

    def after_update(self, cells_written: int) -> None:  # noqa: B027  # only one of the laws has something to do
        """Called after each update; cells from `cells_written` on have never been filed."""

    def state(self, cells_written: int) -> dict[str, Tensor]:
        """What ``load_state`` takes; the arrays share the law's memory."""
        return {"masses": self.masses.leaves.view(-1)[:cells_written]}

    def check_state(self, state: dict[str, Tensor], drawable: Tensor) -> None:
        """ValueError if `state` contradicts itself, or has a mass elsewhere than at the cells that are drawable, (n,).

        KeyError if a part is missing.
        """
        check_like(state, "masses", torch.float32, tuple(drawable.shape))
        masses = state["masses"].cpu()
        if not bool(torch.isfinite(masses).all()) or not torch.equal(masses > 0, drawable) or bool((masses < 0).any()):
            raise ValueError("'masses' are not those of the cells that can be drawn")

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take over a checked state."""
        self.masses.file_first(state["masses"].to(self.masses.leaves.device))


class Proportional(PriorityLaw):
    """P(i) ~ (priority + priority_floor)^alpha. Source: Schaul et al. 2016, section 3.3, first variant."""

    def mass_of(self, priority: Tensor) -> Tensor:  # noqa: D102
        return (priority + self.numbers.priority_floor) ** self.numbers.alpha


def importance_weights(probabilities: Tensor, cells: Tensor, beta: float | Tensor) -> Tensor:
    """(B,): (N P(i))^-beta, divided by the largest of them.

    probabilities: (B,), each above 0. cells: N, without dimensions. Source: Schaul et al. 2016, section 3.4.
    """
    weights = (cells * probabilities) ** -beta
    return weights / weights.max()
