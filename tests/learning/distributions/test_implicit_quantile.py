"""IQN's embedding by hand; when fractions are drawn, how, and for whom."""

import math

import pytest
import torch
from torch import nn

from dqn_zoo_ext.learning.distributions.implicit_quantile import ImplicitQuantile, uniform_fractions
from dqn_zoo_ext.learning.networks.stochastic import drawing


class Head(nn.Module):
    """The features' two numbers as those of two actions; notes what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[torch.Tensor] = []

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        self.given.append(features)
        return features.unsqueeze(-1)


def with_weights() -> ImplicitQuantile:
    """phi(tau) = relu(1 + 2 cos(pi tau) - 0.5,  3 cos(2 pi tau) + 1), K = 2."""
    distribution = ImplicitQuantile(2, n_cosines=3, n_acting=2)
    layer = distribution.embedding[0]
    assert isinstance(layer, nn.Linear)
    layer.weight.data = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]])
    layer.bias.data = torch.tensor([-0.5, 1.0])
    return distribution


FEATURES = torch.tensor([[10.0, 100.0], [1.0, 1.0]])


def test_embedding_by_hand() -> None:
    # tau = 0: cosines 1, 1, 1: phi = 2.5, 4;  tau = 1/2: 1, 0, -1: 0.5, relu(-2) = 0;  tau = 1: 1, -1, 1: relu(-1.5), 4
    fractions = torch.tensor([[0.0, 0.5, 1.0], [0.5, 0.5, 0.0]])
    quantiles = with_weights().quantiles(Head(), FEATURES, fractions)
    # (B, A, N): the first action's number is 10 phi_1, the second's 100 phi_2
    expected = [[[25.0, 5.0, 0.0], [400.0, 0.0, 400.0]], [[0.5, 0.5, 2.5], [0.0, 0.0, 4.0]]]
    torch.testing.assert_close(quantiles, torch.tensor(expected), rtol=0, atol=1e-4)


def test_values_by_hand_where_nothing_is_drawn() -> None:
    # fractions 1/4, 3/4: cos(pi/4) = s = 1 / sqrt 2, cos(3 pi/4) = -s, cos(pi/2) = cos(3 pi/2) = 0
    # phi_1: 0.5 + 2 s and relu(0.5 - 2 s) = 0, so 0.25 + s in the mean;  phi_2: 1, 1
    mean = 0.25 + math.sqrt(0.5)
    values = with_weights().values(Head(), FEATURES)
    torch.testing.assert_close(values, torch.tensor([[10 * mean, 100.0], [mean, 1.0]]), rtol=0, atol=1e-4)


def test_nothing_is_drawn_outside_of_drawing() -> None:
    distribution = ImplicitQuantile(2)
    before = torch.get_rng_state()
    first = distribution.values(Head(), FEATURES)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, distribution.values(Head(), FEATURES))


@pytest.mark.parametrize("draws", ["once", "for_each_row"])
def test_inside_drawing_each_call_and_each_row_has_fractions_of_its_own(draws: str) -> None:
    distribution, head = ImplicitQuantile(2, n_acting=4), Head()
    same = torch.ones(3, 2)
    with drawing(distribution, draws=draws):  # type: ignore[arg-type]
        for _ in range(2):
            distribution.values(head, same)
    rows = torch.cat(head.given)  # 2 calls of 3 rows, (6, K, features)
    assert rows.shape == (6, 4, 2)
    assert len({tuple(row.flatten().tolist()) for row in rows}) == 6
    assert distribution.draws == "nothing"


def test_what_is_drawn_is_the_mean_over_uniform_fractions() -> None:
    distribution = with_weights()
    torch.manual_seed(5)
    with drawing(distribution):
        values = distribution.values(Head(), FEATURES)
    torch.manual_seed(5)
    fractions = torch.rand(2, 2)
    torch.testing.assert_close(values, distribution.quantiles(Head(), FEATURES, fractions).mean(-1))


def test_fractions_are_uniform() -> None:
    # chi-square over 20 equal bins, 20,000 draws: 43.8 is exceeded once in a thousand (19 degrees of freedom)
    torch.manual_seed(0)
    fractions = uniform_fractions(500, 40, torch.device("cpu"))
    assert fractions.shape == (500, 40)
    assert 0 <= fractions.min() <= fractions.max() < 1
    counts = torch.histc(fractions, bins=20, min=0, max=1)
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8


def test_no_fraction_follows_from_another() -> None:
    # 499 pairs of neighbours by row and by column: correlations have a standard deviation of 1 / sqrt(19,500)
    torch.manual_seed(0)
    fractions = uniform_fractions(500, 40, torch.device("cpu"))
    for one, other in ((fractions[1:], fractions[:-1]), (fractions[:, 1:], fractions[:, :-1])):
        pairs = torch.stack([one.flatten(), other.flatten()])
        assert torch.corrcoef(pairs)[0, 1].abs() < 4 / math.sqrt(one.numel())


def test_the_papers_sizes_and_what_a_file_keeps() -> None:
    distribution = ImplicitQuantile(7)
    assert distribution.frequencies.tolist() == pytest.approx([math.pi * i for i in range(64)])
    assert distribution.even.tolist() == pytest.approx([(i + 0.5) / 32 for i in range(32)])
    assert {name: tuple(weight.shape) for name, weight in distribution.state_dict().items()} == {
        "embedding.0.weight": (7, 64),
        "embedding.0.bias": (7,),
    }
