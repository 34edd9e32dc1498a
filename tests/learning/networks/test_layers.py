"""Noisy layers: the paper's equations with an explicit outer product, their noise, and their first values."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from dqn_zoo_ext.learning.networks import layers
from dqn_zoo_ext.learning.networks.layers import NoisyLinear, linear, scaled_noise
from dqn_zoo_ext.learning.networks.stochastic import Draws, drawing

IN, OUT = 5, 3


@pytest.fixture
def noise(monkeypatch: pytest.MonkeyPatch) -> dict[int, Tensor]:
    """The last normal numbers drawn, by the size of their last dimension."""
    drawn: dict[int, Tensor] = {}
    randn = torch.randn

    def noted(*shape: int, **named: Any) -> Tensor:
        drawn[shape[-1]] = randn(*shape, **named)
        return drawn[shape[-1]]

    monkeypatch.setattr(layers.torch, "randn", noted)  # type: ignore[attr-defined]
    return drawn


def layer_of_random_numbers() -> NoisyLinear:
    torch.manual_seed(0)
    layer = NoisyLinear(IN, OUT).double()
    with torch.no_grad():
        for weight in layer.parameters():
            weight.uniform_(-1, 1)
    return layer


def f(x: float) -> float:
    return math.copysign(math.sqrt(abs(x)), x)


def slow(layer: NoisyLinear, row: Tensor, e_in: Tensor, e_out: Tensor) -> list[float]:
    """(mu_w + sigma_w * f(e_out) f(e_in)^T) x + mu_b + sigma_b * f(e_out), number by number."""
    outputs = []
    for i in range(OUT):
        y = layer.bias[i].item() + layer.sigma_bias[i].item() * f(e_out[i].item())
        for j in range(IN):
            e_w = f(e_out[i].item()) * f(e_in[j].item())
            y += (layer.weight[i, j].item() + layer.sigma_weight[i, j].item() * e_w) * row[j].item()
        outputs.append(y)
    return outputs


@pytest.mark.parametrize("shape", [(4, IN), (4, 6, IN)])
@pytest.mark.parametrize("draws", ["once", "for_each_row"])
def test_it_is_the_papers_equation(shape: tuple[int, ...], draws: Draws, noise: dict[int, Tensor]) -> None:
    layer = layer_of_random_numbers()
    inputs = torch.rand(*shape, dtype=torch.float64)
    with drawing(layer, draws=draws):
        outputs = layer(inputs)
    assert outputs.shape == (*shape[:-1], OUT)
    for row in range(4):
        sample = row if draws == "for_each_row" else 0
        e_in, e_out = (noise[size].reshape(-1, size) for size in (IN, OUT))
        assert len(e_in) == len(e_out) == (4 if draws == "for_each_row" else 1)
        expected = [slow(layer, each, e_in[sample], e_out[sample]) for each in inputs[row].reshape(-1, IN)]
        torch.testing.assert_close(outputs[row].reshape(-1, OUT), torch.tensor(expected, dtype=torch.float64))


def test_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = NoisyLinear(1, 1)
    for name, value in {"weight": 2.0, "bias": 1.0, "sigma_weight": 0.5, "sigma_bias": 0.25}.items():
        getattr(layer, name).data.fill_(value)
    drawn = iter([torch.tensor([[4.0]]), torch.tensor([[-9.0]])])  # f(4) = 2, f(-9) = -3
    monkeypatch.setattr(layers.torch, "randn", lambda *_, **__: next(drawn))  # type: ignore[attr-defined]
    with drawing(layer):
        assert layer(torch.tensor([[3.0]])).item() == (2 + 0.5 * 2 * -3) * 3 + 1 + 0.25 * -3  # -2.75


def test_without_noise_it_is_its_mean() -> None:
    layer = layer_of_random_numbers()
    inputs = torch.rand(4, IN, dtype=torch.float64)
    torch.testing.assert_close(layer(inputs), inputs @ layer.weight.T + layer.bias)


def test_the_noise_is_a_product_of_two_vectors() -> None:
    layer = NoisyLinear(IN, OUT, sigma=1.0)
    with torch.no_grad():
        layer.sigma_weight.fill_(1.0)
    torch.manual_seed(1)
    # a row of zeros for the bias, a row for each input: one sample for all of them
    inputs = torch.cat([torch.zeros(1, IN), torch.eye(IN)])
    with drawing(layer), torch.no_grad():
        outputs = layer(inputs) - (inputs @ layer.weight.T + layer.bias)
    sizes = torch.linalg.svdvals(outputs[1:] - outputs[0])
    assert sizes[0] > 0.5
    assert sizes[1] < 1e-5


def test_the_noises_mean_and_variance() -> None:
    torch.manual_seed(0)
    noise = scaled_noise(torch.randn(1_000_000))
    assert noise.mean().item() == pytest.approx(0.0, abs=0.004)  # its standard error is 0.0009
    # E f(x)^2 = E|x|; the standard error is sqrt(1 - 2/pi) / 1000 = 0.0006
    assert noise.square().mean().item() == pytest.approx(math.sqrt(2 / math.pi), abs=0.003)
    assert scaled_noise(torch.tensor([-4.0, 0.0, 9.0])).tolist() == [-2.0, 0.0, 3.0]


@pytest.mark.parametrize(("arguments", "sigma"), [({}, 0.5), ({"sigma": 0.1}, 0.1)])
def test_first_values(arguments: dict[str, float], sigma: float) -> None:
    torch.manual_seed(0)
    layer = NoisyLinear(400, 300, **arguments)
    bound = 1 / math.sqrt(400)
    for mean in (layer.weight, layer.bias):
        assert bound * 0.98 < mean.max() <= bound
        assert bound * 0.98 < -mean.min() <= bound
    # of a uniform distribution: bound / sqrt(3)
    assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.01)
    assert torch.all(layer.sigma_weight == sigma / 20)
    assert torch.all(layer.sigma_bias == sigma / 20)
    assert layer.sigma_bias.shape == (300,)


def test_gradients_reach_means_and_amounts_of_noise() -> None:
    layer = NoisyLinear(IN, OUT)
    torch.manual_seed(0)
    with drawing(layer):
        layer(torch.ones(2, IN)).sum().backward()
    for weight in layer.parameters():
        assert weight.grad is not None
        assert torch.all(weight.grad != 0)


def test_linear_is_pytorchs_layer() -> None:
    torch.manual_seed(0)
    ours = linear(4, 2).state_dict()
    torch.manual_seed(0)
    theirs = torch.nn.Linear(4, 2).state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
