"""C51's mean, projection and losses: by hand, against double loops, and the laws that they keep."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dqn_zoo_ext.learning.distributions.categorical import (
    Categorical,
    categorical_projection,
    cross_entropy,
    kl_divergence,
)

always_the_same = settings(derandomize=True, database=None, deadline=None, max_examples=100)
ATOMS = torch.tensor([-1.0, 0.0, 1.0])  # spacing 1
P = [0.25, 0.25, 0.5]


@pytest.mark.parametrize(
    ("reward", "discount", "expected"),
    [
        # atoms move to -0.75, -0.25, 0.25: 3/4 and 1/4 of each go to its neighbours
        # -1: 3/4 of 1/4 + 1/4 of 1/4 = 0.25;  0: 1/4 of 1/4 + 3/4 of 1/4 + 3/4 of 1/2 = 0.625;  1: 1/4 of 1/2 = 0.125
        pytest.param(-0.25, 0.5, [0.25, 0.625, 0.125], id="between atoms"),
        # to -0.5, 0, 0.5: 0.25 / 2 = 0.125;  0.125 + 0.25 + 0.25 = 0.625;  0.5 / 2 = 0.25
        pytest.param(0.0, 0.5, [0.125, 0.625, 0.25], id="ordinary"),
        # to 0, 1, 2, the last cut to 1: 0;  0.25;  0.25 + 0.5
        pytest.param(1.0, 1.0, [0.0, 0.25, 0.75], id="on atoms, cut above"),
        # to -2, -1, 0, the first cut to -1: 0.25 + 0.25;  0.5;  0
        pytest.param(-1.0, 1.0, [0.5, 0.5, 0.0], id="on atoms, cut below"),
        # to -10, 0, 10: what is cut stays in the outermost atoms
        pytest.param(0.0, 10.0, [0.25, 0.25, 0.5], id="cut at both ends"),
        # the end: all atoms move to 0.25, between 0 and 1
        pytest.param(0.25, 0.0, [0.0, 0.75, 0.25], id="terminal"),
        pytest.param(7.0, 0.0, [0.0, 0.0, 1.0], id="terminal, cut above"),
        # a window of two steps of discount 0.9: to 0.19 - 0.81 = -0.62, 0.19, 1 (0.19 + 0.81)
        # -1: 0.62 * 0.25 = 0.155;  0: 0.38 * 0.25 + 0.81 * 0.25 = 0.2975;  1: 0.19 * 0.25 + 0.5 = 0.5475
        pytest.param(0.19, 0.81, [0.155, 0.2975, 0.5475], id="n steps"),
    ],
)
def test_projection_by_hand(reward: float, discount: float, expected: list[float]) -> None:
    m = categorical_projection(ATOMS, torch.tensor([P]), torch.tensor([reward]), torch.tensor([discount]))
    torch.testing.assert_close(m, torch.tensor([expected]))


def test_rows_are_projected_by_themselves() -> None:
    p = torch.tensor([P, [0.0, 1.0, 0.0]])
    m = categorical_projection(ATOMS, p, torch.tensor([1.0, 0.5]), torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(m, torch.tensor([[0.0, 0.25, 0.75], [0.0, 0.5, 0.5]]))


def slow_projection(support: list[float], p: list[float], reward: float, discount: float) -> list[float]:
    """Algorithm 1 of Bellemare et al. 2017, with floor and ceiling, as the paper prints it."""
    low, high = support[0], support[-1]
    spacing = (high - low) / (len(support) - 1)
    m = [0.0] * len(support)
    for z, probability in zip(support, p, strict=True):
        b = (min(max(reward + discount * z, low), high) - low) / spacing
        lower, upper = math.floor(b), min(math.ceil(b), len(support) - 1)
        if lower >= upper:  # on an atom: the algorithm as printed would lose its probability
            m[upper] += probability
        else:
            m[lower] += probability * (upper - b)
            m[upper] += probability * (b - lower)
    return m


@st.composite
def projections(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Support, probabilities, rewards and discounts, in float64."""
    rows, atoms = draw(st.integers(1, 5)), draw(st.integers(2, 12))
    v_min, width = draw(st.floats(-20, 20)), draw(st.floats(0.5, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    p = rng.dirichlet([draw(st.sampled_from([0.1, 1.0, 10.0]))] * atoms, rows)
    r = rng.normal(0, draw(st.sampled_from([0.1, 3.0, 60.0])), rows)
    discount = rng.choice([0.0, 0.5, 0.99, 0.99**3, 1.0], rows)
    support = np.linspace(v_min, v_min + width, atoms)
    return torch.from_numpy(support), torch.from_numpy(p), torch.from_numpy(r), torch.from_numpy(discount)


@always_the_same
@given(projections())
def test_projection_against_the_papers_loop(case: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    support, p, r, discount = case
    slow = [
        slow_projection(support.tolist(), *row) for row in zip(p.tolist(), r.tolist(), discount.tolist(), strict=True)
    ]
    m = categorical_projection(support, p, r, discount)
    torch.testing.assert_close(m, torch.tensor(slow, dtype=torch.float64), rtol=0, atol=1e-10)


@always_the_same
@given(projections())
def test_projected_probabilities_are_probabilities(case: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    m = categorical_projection(*case)
    assert (m >= 0).all()
    torch.testing.assert_close(m.sum(1), torch.ones(len(m), dtype=torch.float64), rtol=0, atol=1e-10)


@always_the_same
@given(projections(), st.floats(0, 1), st.floats(0, 1))
def test_the_mean_is_kept_where_nothing_is_cut(
    case: tuple[Tensor, Tensor, Tensor, Tensor], discount: float, place: float
) -> None:
    support, p, r, _ = case
    # rewards for which the moved support, discount times as wide, lies within the old one
    low, high = (1 - discount) * support[0], (1 - discount) * support[-1]
    r = torch.full_like(r, float(low + place * (high - low)))
    m = categorical_projection(support, p, r, torch.full_like(r, discount))
    torch.testing.assert_close(m @ support, r + discount * (p @ support), rtol=0, atol=1e-9)


@always_the_same
@given(projections())
def test_without_reward_and_with_discount_1_nothing_moves(case: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    support, p, r, _ = case
    m = categorical_projection(support, p, torch.zeros_like(r), torch.ones_like(r))
    torch.testing.assert_close(m, p, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("support", "p", "r", "discount"),
    [
        ((3,), (2, 3), (2, 1), (2,)),
        ((3,), (2, 3), (2,), (2, 1)),
        ((3,), (2, 3), (2,), (1,)),
        ((3,), (1, 3), (2,), (2,)),
        ((3,), (2, 1), (2,), (2,)),
        ((2, 3), (2, 2, 3), (2,), (2,)),
        ((), (2,), (2,), (2,)),
    ],
)
def test_projection_of_shapes_that_would_broadcast(
    support: tuple[int, ...], p: tuple[int, ...], r: tuple[int, ...], discount: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="need support"):
        categorical_projection(torch.zeros(support), torch.zeros(p), torch.zeros(r), torch.zeros(discount))


def test_mean_by_hand() -> None:
    # logits ln 1, ln 1, ln 2 are probabilities 1/4, 1/4, 1/2 of -1, 0, 1: the mean is 1/4; equal logits: 0
    categorical = Categorical(1, n_atoms=3, v_min=-1, v_max=1)
    assert categorical.support.tolist() == [-1.0, 0.0, 1.0]
    logits = torch.tensor([[[0.0, 0.0, math.log(2)], [5.0, 5.0, 5.0]]])
    torch.testing.assert_close(categorical.mean(logits), torch.tensor([[0.25, 0.0]]))


LOGITS = torch.tensor([[0.0, 0.0, math.log(2)], [0.0, 0.0, math.log(2)]])
TARGETS = torch.tensor([[0.5, 0.0, 0.5], [0.25, 0.25, 0.5]])


def test_cross_entropy_by_hand() -> None:
    # -(1/2 ln 1/4 + 1/2 ln 1/2) = 3/2 ln 2;  -(1/4 ln 1/4 + 1/4 ln 1/4 + 1/2 ln 1/2) = 3/2 ln 2
    expected = torch.tensor([1.5 * math.log(2), 1.5 * math.log(2)])
    torch.testing.assert_close(cross_entropy(LOGITS, TARGETS), expected)


def test_divergence_by_hand() -> None:
    # 1/2 ln(1/2 / 1/4) + 0 + 1/2 ln(1/2 / 1/2) = 1/2 ln 2, and 0 of a distribution from itself
    torch.testing.assert_close(kl_divergence(LOGITS, TARGETS), torch.tensor([0.5 * math.log(2), 0.0]))


def test_divergence_is_never_below_zero_for_all_rounding() -> None:
    logits = torch.randn(5000, 51, generator=torch.Generator().manual_seed(0))
    assert (kl_divergence(logits, logits.softmax(-1)) >= 0).all()
    assert kl_divergence(logits, logits.softmax(-1)).max() < 1e-5


def test_a_certain_prediction_of_the_wrong_atom_costs_its_logit_and_no_nan() -> None:
    logits, target = torch.tensor([[0.0, -1000.0]]), torch.tensor([[0.0, 1.0]])
    assert cross_entropy(logits, target).tolist() == [1000.0]
    assert kl_divergence(logits, target).tolist() == [1000.0]


@pytest.mark.parametrize("function", [cross_entropy, kl_divergence])
@pytest.mark.parametrize(("logits", "target"), [((2, 3), (1, 3)), ((2, 3), (2, 1)), ((2, 3), (3,)), ((3,), (3,))])
def test_losses_of_shapes_that_would_broadcast(
    function: Callable[[Tensor, Tensor], Tensor], logits: tuple[int, ...], target: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="need two of shape"):
        function(torch.zeros(logits), torch.zeros(target))


def test_gradient_of_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, dtype=torch.float64, generator=generator).requires_grad_()
    target = torch.rand(3, 4, dtype=torch.float64, generator=generator).softmax(-1)
    assert torch.autograd.gradcheck(lambda x: cross_entropy(x, target), logits)
    (gradient,) = torch.autograd.grad(cross_entropy(logits, target).sum(), logits)
    (of_divergence,) = torch.autograd.grad(kl_divergence(logits, target).sum(), logits)
    torch.testing.assert_close(gradient, of_divergence)
    torch.testing.assert_close(gradient, logits.detach().softmax(-1) - target)  # the softmax's well-known one


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"n_atoms": 1}, "n_atoms must be at least 2, not 1"),
        ({"v_min": 2.0, "v_max": 1.0}, "v_min must be below v_max, and 2 is not below 1"),
        ({"v_max": -10.0}, "v_min must be below v_max, and -10 is not below -10"),
    ],
)
def test_what_cannot_be(keywords: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Categorical(1, **keywords)  # type: ignore[arg-type]


def test_the_papers_atoms() -> None:
    categorical = Categorical(1)
    assert categorical.n_outputs == 51
    torch.testing.assert_close(categorical.support, torch.arange(51) * 0.4 - 10)
    assert categorical.state_dict() == {}  # configuration, and no weight
