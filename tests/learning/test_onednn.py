"""Wide dense layers by oneDNN, beside the same in float64, and what is left to PyTorch."""

import pytest
import torch
from torch import Tensor, nn

from dqn_zoo_ext.learning import onednn
from dqn_zoo_ext.learning.networks.convolution import Dense, Layers, dense

ALIKE = 1e-5  # of the greatest number: float32 sums of some hundred terms in another order


@pytest.fixture(autouse=True)
def _needs_onednn() -> None:
    if not onednn.takes(torch.zeros(1, 400), torch.zeros(300, 400)):
        pytest.skip("this PyTorch has no oneDNN to call")


def results(vectors: Tensor, layer: nn.Module, gradient: Tensor) -> list[Tensor]:
    """The output, and the gradients of input, weight and bias."""
    vectors = vectors.clone().requires_grad_()
    made = layer(vectors)
    return [made.detach(), *torch.autograd.grad(made, [vectors, *layer.parameters()], gradient)]


@pytest.mark.parametrize("batch", [1, 8, 32])
@pytest.mark.parametrize("sizes", [(3136, 512), (401, 257)])
def test_it_is_the_layer_and_its_gradients(batch: int, sizes: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer, slow = Layers(Dense(*sizes), nn.ReLU()), nn.Sequential(nn.Linear(*sizes), nn.ReLU()).double()
    slow.load_state_dict(layer.state_dict())
    vectors, gradient = torch.randn(batch, sizes[0]), torch.randn(batch, sizes[1])
    with torch.profiler.profile() as trace:
        mine = results(vectors, layer, gradient)
    assert "mkldnn::_linear_pointwise" in {event.key for event in trace.key_averages()}
    theirs = results(vectors.double(), slow, gradient.double())
    for one, other in zip(mine, theirs, strict=True):
        assert one.dtype == torch.float32
        assert one.shape == other.shape
        assert (one - other).abs().max() <= ALIKE * other.abs().max()


def test_a_layer_by_hand() -> None:
    weight = torch.zeros(1_000, 100)
    weight[3, :2] = torch.tensor([2.0, -1.0])
    bias = torch.arange(1_000.0)
    vectors = torch.zeros(1, 100)
    vectors[0, :2] = torch.tensor([5.0, 4.0])
    assert onednn.takes(vectors, weight)
    made = dense(vectors, weight, bias)
    assert made[0, :5].tolist() == [0, 1, 2, 3 + 2 * 5 - 4, 4]


def test_vectors_that_need_no_gradient_get_none() -> None:
    layer = Dense(400, 300)
    layer(torch.randn(2, 400)).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.is_contiguous()


def test_it_cannot_be_differentiated_twice() -> None:
    vectors = torch.randn(2, 400, requires_grad=True)
    layer = Dense(400, 300)
    (slope,) = torch.autograd.grad(layer(vectors).square().sum(), vectors, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


@pytest.mark.parametrize(
    ("vectors", "weight"),
    [
        (torch.zeros(2, 64), torch.zeros(64, 64)),  # no gain
        (torch.zeros(2, 3, 400), torch.zeros(300, 400)),
        (torch.zeros(2, 400, dtype=torch.float64), torch.zeros(300, 400, dtype=torch.float64)),
        (torch.zeros(2, 400, dtype=torch.bfloat16), torch.zeros(300, 400, dtype=torch.bfloat16)),
        (torch.zeros(2, 400, device="meta"), torch.zeros(300, 400, device="meta")),
    ],
)
def test_what_is_left_to_pytorch(vectors: Tensor, weight: Tensor) -> None:
    assert not onednn.takes(vectors, weight)
    assert dense(vectors, weight, weight[:, 0]).shape == (*vectors.shape[:-1], len(weight))


def test_what_is_to_be_rounded_is_left_to_pytorch() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert Dense(400, 300)(torch.randn(2, 400)).dtype == torch.bfloat16


def test_without_it_pytorchs_layer_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, vectors = Dense(400, 300), torch.randn(2, 400)
    mine = layer(vectors)
    monkeypatch.setattr(onednn, "_is_there", lambda: False)
    assert torch.allclose(layer(vectors), mine, atol=1e-5)
