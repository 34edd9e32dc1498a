"""What may be computed with of the tensors in a file."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from dqn_zoo_ext.learning.saved.whole_tensors import KINDS, what_is_wrong


@pytest.mark.parametrize("kind", sorted(KINDS, key=str), ids=str)
def test_plain_numbers(kind: torch.dtype) -> None:
    numbers = torch.zeros(3, 4, dtype=kind)
    for each in (numbers, numbers[0, 0], numbers[:0], numbers.T, numbers[1:]):
        assert what_is_wrong(each) is None
    assert what_is_wrong(nn.Parameter(numbers, requires_grad=False)) is None


@pytest.mark.parametrize(
    "made",
    [
        lambda: torch.zeros(1).expand(10),
        lambda: torch.zeros(2_000).as_strided((1_000, 500), (1, 1)),
        lambda: torch.empty(10, device="meta"),
        lambda: torch.eye(3).to_sparse(),
        lambda: torch.zeros(3).as_subclass(type("Subclass", (Tensor,), {})),
    ],
    ids=["expanded", "overlapping", "meta", "sparse", "another class"],
)
def test_more_numbers_than_are_stored(made: Callable[[], Tensor]) -> None:
    assert what_is_wrong(made()) == "has more numbers than are stored of it"


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.complex64, torch.uint16], ids=str)
def test_kinds_that_nobody_computes_with(kind: torch.dtype) -> None:
    expected = f"has numbers of the kind {kind}, which nothing here computes with"
    assert what_is_wrong(torch.zeros(3).to(kind)) == expected
