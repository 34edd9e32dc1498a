"""Wide dense layers by oneDNN, beside the same in float64, and what is left to PyTorch."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from dqn_zoo_ext.learning.hardware import onednn
from dqn_zoo_ext.learning.networks.convolution import Dense, Layers, dense

ALIKE = 1e-5  # of the greatest number: float32 sums of some hundred terms in another order


@pytest.fixture(autouse=True)
def _needs_onednn() -> None:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this PyTorch has no oneDNN")


def results(vectors: Tensor, layer: nn.Module, gradient: Tensor) -> list[Tensor]:
    """The output, and the gradients of input, weight and bias."""
    vectors = vectors.clone().requires_grad_()
    made = layer(vectors)
    return [made.detach(), *torch.autograd.grad(made, [vectors, *layer.parameters()], gradient)]


@pytest.mark.parametrize("batch", [4, 8, 32])
@pytest.mark.parametrize("sizes", [(3136, 512), (401, 257)])
def test_it_is_the_layer_and_its_gradients(batch: int, sizes: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer, slow = Layers(Dense(*sizes), nn.ReLU()), nn.Sequential(nn.Linear(*sizes), nn.ReLU()).double()
    slow.load_state_dict(layer.state_dict())
    vectors, gradient = torch.randn(batch, sizes[0]), torch.randn(batch, sizes[1])
    mine = results(vectors, layer, gradient)
    assert products_in(lambda: results(vectors, layer, gradient)) == 3
    theirs = results(vectors.double(), slow, gradient.double())
    for one, other in zip(mine, theirs, strict=True):
        assert one.dtype == torch.float32
        assert one.shape == other.shape
        assert (one - other).abs().max() <= ALIKE * other.abs().max()


def test_a_layer_by_hand() -> None:
    weight = torch.zeros(1_000, 100)
    weight[3, :2] = torch.tensor([2.0, -1.0])
    bias = torch.arange(1_000.0)
    vectors = torch.zeros(4, 100)
    vectors[0, :2] = torch.tensor([5.0, 4.0])
    assert onednn.takes(vectors, weight)
    made = dense(vectors, weight, bias)
    assert made[0, :5].tolist() == [0, 1, 2, 3 + 2 * 5 - 4, 4]


def products_in(run: Callable[[], object]) -> int:
    """How many times oneDNN was called."""
    with torch.profiler.profile() as trace:
        run()
    return sum(event.count for event in trace.key_averages() if event.key == "mkldnn::_linear_pointwise")


@pytest.mark.parametrize(
    ("vectors", "frozen", "expected"), [(True, False, 3), (False, False, 2), (True, True, 2), (False, True, 1)]
)
def test_only_gradients_that_are_wanted_are_made(vectors: bool, frozen: bool, expected: int) -> None:
    layer, seen = Dense(400, 300), torch.randn(4, 400, requires_grad=vectors)
    layer.weight.requires_grad_(not frozen)
    assert products_in(lambda: layer(seen).sum().backward()) == expected
    assert (layer.weight.grad is None) == frozen
    assert frozen or layer.weight.grad.is_contiguous()  # type: ignore[union-attr]


def test_second_derivatives_are_pytorchs() -> None:
    def penalty(layer: nn.Module, vectors: Tensor) -> list[Tensor]:
        vectors = vectors.clone().requires_grad_()
        (slope,) = torch.autograd.grad(layer(vectors).square().sum(), vectors, create_graph=True)
        return list(torch.autograd.grad(slope.square().sum(), [vectors, *layer.parameters()]))

    layer, slow, vectors = Dense(400, 300), nn.Linear(400, 300), torch.randn(4, 400)
    slow.load_state_dict(layer.state_dict())
    for one, other in zip(penalty(layer, vectors), penalty(slow, vectors), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_gradients_of_each_row_are_pytorchs() -> None:
    layer, vectors = Dense(400, 300), torch.randn(8, 4, 400)
    of_each = torch.func.vmap(torch.func.grad(lambda rows: layer(rows).square().sum()))(vectors)
    slow = 2 * (vectors @ layer.weight.t() + layer.bias) @ layer.weight
    torch.testing.assert_close(of_each, slow, rtol=1e-4, atol=1e-4)


def test_an_exported_network_has_pytorchs_own_layers() -> None:
    layer, vectors = Layers(Dense(400, 300), nn.ReLU()), torch.randn(4, 400)
    with torch.no_grad():
        traced = torch.jit.trace(layer, vectors)
        exported = torch.export.export(layer, (vectors,)).module()
        for each in (traced, exported):
            torch.testing.assert_close(each(vectors), layer(vectors), rtol=1e-4, atol=1e-5)
    assert "mkldnn" not in str(traced.graph) + str(exported.graph)


def test_it_is_off_where_onednn_is() -> None:
    vectors, weight = torch.zeros(4, 400), torch.zeros(300, 400)
    assert onednn.takes(vectors, weight)
    with torch.backends.mkldnn.flags(enabled=False):
        assert not onednn.takes(vectors, weight)


def test_a_layer_without_a_bias_is_left_to_pytorch() -> None:
    layer = Dense(400, 300, bias=False)
    layer(torch.randn(4, 400)).sum().backward()
    assert layer.weight.grad is not None


@pytest.mark.parametrize(
    ("vectors", "weight"),
    [
        (torch.zeros(32, 64), torch.zeros(64, 64)),  # no gain, nor in the next
        (torch.zeros(3, 400), torch.zeros(300, 400)),
        (torch.zeros(0, 400), torch.zeros(300, 400)),
        (torch.zeros(4, 3, 400), torch.zeros(300, 400)),
        (torch.zeros(4, 400, dtype=torch.float64), torch.zeros(300, 400, dtype=torch.float64)),
        (torch.zeros(4, 400, dtype=torch.bfloat16), torch.zeros(300, 400, dtype=torch.bfloat16)),
        (torch.zeros(4, 400, device="meta"), torch.zeros(300, 400, device="meta")),
    ],
)
def test_what_is_left_to_pytorch(vectors: Tensor, weight: Tensor) -> None:
    assert not onednn.takes(vectors, weight)
    assert dense(vectors, weight, weight[:, 0]).shape == (*vectors.shape[:-1], len(weight))


def test_what_is_to_be_rounded_is_left_to_pytorch() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert Dense(400, 300)(torch.randn(4, 400)).dtype == torch.bfloat16


def test_without_it_pytorchs_layer_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, vectors = Dense(400, 300), torch.randn(4, 400)
    mine = layer(vectors)
    monkeypatch.setattr(onednn, "_is_there", lambda: False)
    assert torch.allclose(layer(vectors), mine, atol=1e-5)
