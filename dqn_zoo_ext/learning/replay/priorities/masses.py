"""Numbered cells that are drawn by their masses: a tree of two levels, on any device, that never waits for it."""

import torch
from torch import Tensor


class Masses:
    """A mass, at least 0, for each of many cells. Draws and changes are a few operations on tensors of fixed shapes.

    ``leaves``: (blocks, cells_per_block) float32, the masses. ``sums``, ``counts``: (blocks,) float64, for each block
    the sum of its masses and how many are above 0. A block that is changed is summed anew, halves onto halves: so both
    are functions of the leaves, bit by bit, on every device and whatever was changed before.

    cells: how many there are. One more, ``sink``, has no mass ever: what is filed there is lost.
    """

    def __init__(
        self,
        cells: int,
        device: torch.device | str = "cpu",
        cells_per_block: int = 256,  # about where 32 draws among a million cells look at the fewest numbers
    ) -> None:
        if cells_per_block & (cells_per_block - 1):
            raise ValueError(f"cells_per_block must be a power of two, not {cells_per_block}")
        blocks = cells // cells_per_block + 1
        self.cells_per_block = cells_per_block
        self.sink = cells
        self.leaves = torch.zeros((blocks, cells_per_block), dtype=torch.float32, device=device)
        self.sums = torch.zeros(blocks, dtype=torch.float64, device=device)
        self.counts = torch.zeros(blocks, dtype=torch.float64, device=device)

    @staticmethod
    def bytes_needed(cells: int, cells_per_block: int = 256) -> int:
        """Bytes of such a tree."""
        blocks = cells // cells_per_block + 1
        return blocks * (cells_per_block * 4 + 8 + 8)

    def of(self, places: Tensor) -> Tensor:
        """(n,) float32: the masses of the cells `places`, (n,) int64."""
        return self.leaves.view(-1).index_select(0, places)

    def file(self, places: Tensor, masses: Tensor) -> None:
        """Give the cells `places`, (n,) int64, these masses, (n,) float32; of those for one cell the largest counts."""
        flat = self.leaves.view(-1)
        flat.scatter_reduce_(0, places, masses, "amax", include_self=False)
        flat[self.sink :].zero_()  # a number that is assigned to one place would be sent from main memory
        blocks = places // self.cells_per_block
        leaves = self.leaves.index_select(0, blocks)
        self.sums.index_copy_(0, blocks, _sum_of_rows(leaves.double()))
        self.counts.index_copy_(0, blocks, (leaves > 0).sum(dim=1).double())

    def file_first(self, masses: Tensor) -> None:
        """Give cells 0 to n these masses, (n,) float32, and no mass to all others."""
        flat = self.leaves.view(-1)
        flat.zero_()
        flat[: len(masses)] = masses
        self.sums.copy_(_sum_of_rows(self.leaves.double()))
        self.counts.copy_((self.leaves > 0).sum(dim=1))

    def draw(self, uniform: Tensor, uniform_share: float = 0.0) -> Tensor:
        """(B,) int64: cells, one from each of B ranges of equal probability, as Schaul et al. 2016, appendix B.2.1.

        uniform: (B,) float64 in [0, 1), where in its range each draw lies. Cells have ``probabilities``; there must be
        some with a mass, and one without is never drawn, even where rounding leads to it.
        """
        ranges = torch.arange(len(uniform), dtype=uniform.dtype, device=uniform.device)
        targets = (ranges + uniform) / len(uniform)
        per_mass, per_cell = self._rates(uniform_share)
        block, left = _first_above((self.sums * per_mass + self.counts * per_cell).unsqueeze(0), targets.unsqueeze(0))
        leaves = self.leaves.index_select(0, block[0])
        place, _ = _first_above(_shares(leaves, per_mass, per_cell), left.view(-1, 1))
        return block[0] * self.cells_per_block + place[:, 0]

    def probabilities(self, places: Tensor, uniform_share: float = 0.0) -> Tensor:
        """(n,) float64: of the cells `places` in each draw: by mass, but uniform over those with a mass in a share."""
        return _shares(self.of(places), *self._rates(uniform_share))

    @property
    def cells_with_mass(self) -> Tensor:
        """How many, float64 without dimensions."""
        return self.counts.sum()

    def _rates(self, uniform_share: float) -> tuple[Tensor, Tensor]:
        """What a cell's probability has of its mass, and what it has for having one."""
        return (1.0 - uniform_share) / self.sums.sum(), uniform_share / self.counts.sum()


def _shares(masses: Tensor, per_mass: Tensor, per_cell: Tensor) -> Tensor:
    return torch.where(masses > 0, masses.double() * per_mass + per_cell, 0.0)


def _sum_of_rows(rows: Tensor) -> Tensor:
    """The sum of each row, in an order that depends on nothing but the row's length, a power of two."""
    while rows.shape[1] > 1:
        left, right = rows.chunk(2, dim=1)
        rows = left + right
    return rows[:, 0]


def _first_above(masses: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """For each target the first place where the running sum lies above it, and how far the target lies into that place.

    masses: (R, n); targets: (R, k); returns two of (R, k).
    """
    sums = masses.cumsum(dim=1)
    whole = sums[:, -1:]
    targets = torch.minimum(targets, whole.nextafter(torch.zeros_like(whole)))  # rounding may have put one above it
    places = torch.searchsorted(sums, targets, right=True)
    # sums made in parallel may rise by rounding where there is no mass: then the heaviest place
    places = torch.where(masses.gather(1, places) > 0, places, masses.argmax(dim=1, keepdim=True))
    before = sums.gather(1, places) - masses.gather(1, places)
    return places, (targets - before).clamp(min=0.0)
