"""Quantile regression: by hand, against a double loop, against sb3_contrib's, and where it leads."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sb3_contrib.common.utils import quantile_huber_loss
from torch import Tensor

from dqn_zoo_ext.learning.distributions.quantile import (
    Quantile,
    bellman_quantiles,
    even_fractions,
    mean_difference,
    quantile_huber,
)

always_the_same = settings(derandomize=True, database=None, deadline=None, max_examples=100)


@pytest.mark.parametrize(
    ("u", "kappa", "expected"),
    [
        # one quantile 0 at the fraction 1/4: 1/4 of what lies above it counts, 3/4 of what lies below
        pytest.param(0.5, 1.0, 0.25 * 0.125, id="within kappa: u^2 / 2"),
        pytest.param(-0.5, 1.0, 0.75 * 0.125, id="within kappa, below"),
        pytest.param(0.0, 1.0, 0.0, id="zero"),
        pytest.param(3.0, 1.0, 0.25 * 2.5, id="beyond kappa: |u| - 1/2"),
        pytest.param(-3.0, 1.0, 0.75 * 2.5, id="beyond kappa, below"),
        pytest.param(1.0, 1.0, 0.25 * 0.5, id="at kappa"),
        # kappa (|u| - kappa / 2) / kappa = 3 - 0.25
        pytest.param(3.0, 0.5, 0.25 * 2.75, id="beyond a small kappa"),
        # u^2 / 2 / kappa = 0.0625 / 2 / 0.5
        pytest.param(-0.25, 0.5, 0.75 * 0.0625, id="within a small kappa"),
        pytest.param(3.0, 0.0, 0.25 * 3.0, id="kappa 0: |u|"),
        pytest.param(-0.25, 0.0, 0.75 * 0.25, id="kappa 0, below"),
        pytest.param(0.0, 0.0, 0.0, id="kappa 0, zero"),
    ],
)
def test_one_difference_by_hand(u: float, kappa: float, expected: float) -> None:
    loss = quantile_huber(torch.zeros(1, 1), torch.tensor([0.25]), torch.tensor([[u]]), kappa)
    torch.testing.assert_close(loss, torch.tensor([expected]))


QUANTILES = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
TARGETS = torch.tensor([[2.0, 0.5, -1.0], [0.0, 0.0, 0.0]])


def test_sum_over_quantiles_and_mean_over_targets_by_hand() -> None:
    # row 1, fraction 1/4, quantile 0: u = 2, 0.5, -1: (1/4 * 1.5 + 1/4 * 0.125 + 3/4 * 0.5) / 3 = 0.78125 / 3
    #        fraction 3/4, quantile 1: u = 1, -0.5, -2: (3/4 * 0.5 + 1/4 * 0.125 + 1/4 * 1.5) / 3 = 0.78125 / 3
    # row 2: u = 0: 0;  u = -1, three times: 1/4 * 0.5 = 0.125
    loss = quantile_huber(QUANTILES, torch.tensor([0.25, 0.75]), TARGETS)
    torch.testing.assert_close(loss, torch.tensor([1.5625 / 3, 0.125]))


def test_fractions_of_each_row_by_hand() -> None:
    # row 1 as above; row 2 at 0.5 and 0.875: 0 and |0.875 - 1| * 0.5 = 0.0625
    fractions = torch.tensor([[0.25, 0.75], [0.5, 0.875]])
    torch.testing.assert_close(quantile_huber(QUANTILES, fractions, TARGETS), torch.tensor([1.5625 / 3, 0.0625]))


def slow_quantile_huber(quantiles: list[float], fractions: list[float], targets: list[float], kappa: float) -> float:
    total = 0.0
    for theta, fraction in zip(quantiles, fractions, strict=True):
        for target in targets:
            u = target - theta
            if kappa == 0:
                size = abs(u)
            elif abs(u) <= kappa:
                size = u * u / 2 / kappa
            else:
                size = kappa * (abs(u) - kappa / 2) / kappa
            total += abs(fraction - (1 if u < 0 else 0)) * size / len(targets)
    return total


@st.composite
def regressions(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor, float]:
    """Quantiles, fractions (shared or of each row), targets and kappa, in float64; some differences are zero."""
    rows, n, n_targets = draw(st.integers(1, 5)), draw(st.integers(1, 8)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    quantiles, targets = rng.normal(0, 2, (rows, n)), rng.normal(0, 2, (rows, n_targets))
    if draw(st.booleans()):
        quantiles, targets = quantiles.round(), targets.round()
    fractions = rng.random((rows, n) if draw(st.booleans()) else n)
    kappa = draw(st.sampled_from([0.0, 0.5, 1.0, 3.0]))
    return torch.from_numpy(quantiles), torch.from_numpy(fractions), torch.from_numpy(targets), kappa


@always_the_same
@given(regressions())
def test_against_a_double_loop(case: tuple[Tensor, Tensor, Tensor, float]) -> None:
    quantiles, fractions, targets, kappa = case
    rows = zip(quantiles.tolist(), fractions.expand_as(quantiles).tolist(), targets.tolist(), strict=True)
    slow = [slow_quantile_huber(*row, kappa) for row in rows]
    fast = quantile_huber(quantiles, fractions, targets, kappa)
    torch.testing.assert_close(fast, torch.tensor(slow, dtype=torch.float64), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n_targets", [5, 3])
def test_the_sum_over_a_batch_is_sb3_contribs(n_targets: int) -> None:
    # sb3_contrib sums over the quantiles and means over targets and batch; the learner's mean is the latter
    generator = torch.Generator().manual_seed(1)
    quantiles = torch.randn(7, 5, dtype=torch.float64, generator=generator)
    targets = 2 * torch.randn(7, n_targets, dtype=torch.float64, generator=generator)
    theirs = quantile_huber_loss(quantiles, targets)
    torch.testing.assert_close(quantile_huber(quantiles, even_fractions(5), targets).mean(), theirs)
    fractions = torch.rand(7, 5, dtype=torch.float64, generator=generator)
    theirs = quantile_huber_loss(quantiles, targets, cum_prob=fractions.unsqueeze(-1))
    torch.testing.assert_close(quantile_huber(quantiles, fractions, targets).mean(), theirs)


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
def test_gradient(kappa: float) -> None:
    # kinks are at u = 0 and at |u| = kappa: tenths against hundredths with a 5 keep 0.05 from each of them
    quantiles = torch.tensor([[0.1, -0.7], [0.3, 1.2]], dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([[0.35, -2.05, 1.75], [0.15, 0.85, -0.45]], dtype=torch.float64)
    fractions = torch.tensor([0.1, 0.6], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: quantile_huber(x, fractions, targets, kappa), quantiles)


def test_no_gradient_reaches_the_targets() -> None:
    quantiles, targets = QUANTILES.clone().requires_grad_(), TARGETS.clone().requires_grad_()
    quantile_huber(quantiles, even_fractions(2), targets).sum().backward()
    assert quantiles.grad is not None
    assert quantiles.grad.abs().sum() > 0
    assert targets.grad is None
    assert not mean_difference(quantiles, targets).requires_grad


def test_its_minimum_with_kappa_0_is_the_quantile() -> None:
    # of 0, 1, ..., 99 the quantile at 0.255 lies in [25, 26); one estimate, all hundred numbers as its targets
    targets = torch.arange(100.0).unsqueeze(0)
    losses = [
        quantile_huber(torch.tensor([[value]]), torch.tensor([0.255]), targets, kappa=0).item() for value in range(100)
    ]
    assert int(np.argmin(losses)) == 25


def test_even_fractions_by_hand() -> None:
    assert even_fractions(4).tolist() == [0.125, 0.375, 0.625, 0.875]
    assert even_fractions(1).tolist() == [0.5]
    with pytest.raises(ValueError, match="need at least 1 fraction, not 0"):
        even_fractions(0)


def test_the_distribution() -> None:
    quantile = Quantile(3, n_quantiles=2)
    assert quantile.n_outputs == 2
    assert quantile.fractions.tolist() == [0.25, 0.75]
    assert quantile.mean(torch.tensor([[[1.0, 3.0], [0.0, -1.0]]])).tolist() == [[2.0, -0.5]]
    assert quantile.state_dict() == {}
    assert Quantile(3).n_outputs == 200  # the paper's
    with pytest.raises(ValueError, match="need at least 1 fraction, not 0"):
        Quantile(3, n_quantiles=0)


def test_bellman_quantiles_by_hand() -> None:
    # 1 + 0.5 * 2 = 2, 1 + 0.5 * 4 = 3; the end: -1 whatever came after; three steps: 0.5 + 0.729 * 10 = 7.79
    targets = bellman_quantiles(
        torch.tensor([[2.0, 4.0], [5.0, 6.0], [10.0, 0.0]]),
        torch.tensor([1.0, -1.0, 0.5]),
        torch.tensor([0.5, 0.0, 0.729]),
    )
    torch.testing.assert_close(targets, torch.tensor([[2.0, 3.0], [-1.0, -1.0], [7.79, 0.5]]))


def test_mean_difference_by_hand() -> None:
    # row 1: |2|, |0.5|, |-1|, |1|, |-0.5|, |-2|: 7 / 6;  row 2: 0 three times, 1 three times: 1/2
    torch.testing.assert_close(mean_difference(QUANTILES, TARGETS), torch.tensor([7 / 6, 0.5]))


@pytest.mark.parametrize(
    ("quantiles", "fractions", "targets"),
    [
        ((2, 3), (3,), (1, 4)),
        ((1, 3), (3,), (2, 4)),
        ((2, 3), (1,), (2, 4)),
        ((2, 3), (2, 1), (2, 4)),
        ((2, 3), (1, 3), (2, 4)),
        ((2, 3), (3,), (4,)),
        ((3,), (3,), (2, 4)),
    ],
)
def test_losses_of_shapes_that_would_broadcast(
    quantiles: tuple[int, ...], fractions: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="need quantiles"):
        quantile_huber(torch.zeros(quantiles), torch.zeros(fractions), torch.zeros(targets))


@pytest.mark.parametrize(("quantiles", "targets"), [((2, 3), (1, 4)), ((1, 3), (2, 4)), ((2, 3), (3,))])
def test_differences_of_shapes_that_would_broadcast(quantiles: tuple[int, ...], targets: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="need quantiles"):
        mean_difference(torch.zeros(quantiles), torch.zeros(targets))


@pytest.mark.parametrize(
    ("quantiles", "r", "discount"),
    [((2, 3), (2, 1), (2,)), ((2, 3), (2,), (2, 1)), ((2, 3), (1,), (2,)), ((1, 3), (2,), (2,)), ((2,), (2,), (2,))],
)
def test_targets_of_shapes_that_would_broadcast(
    quantiles: tuple[int, ...], r: tuple[int, ...], discount: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="need quantiles"):
        bellman_quantiles(torch.zeros(quantiles), torch.zeros(r), torch.zeros(discount))
