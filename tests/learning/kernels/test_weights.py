"""All weights in one launch, beside PyTorch's operations. Without a GPU in Triton's interpreter."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from dqn_zoo_ext.learning import gradients as gradients_module
from dqn_zoo_ext.learning import kernels
from dqn_zoo_ext.learning.optim import Adam, DeepMindRMSprop

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SHAPES = [(32, 4, 8, 8), (32,), (1,), (7, 33), (1500, 3)]  # more than a program's numbers, fewer, and one


@pytest.fixture
def by_kernels(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Whether the kernels make what follows."""
    return lambda made: monkeypatch.setattr(kernels, "take", lambda *_: made)


def drawn(seed: int, scale: float = 1.0) -> list[Tensor]:
    """Numbers of a network's shapes, from next to nothing to huge."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [torch.exp(3 * torch.randn(shape, generator=generator)) for shape in SHAPES]
    return [(scale * size * torch.randn(size.shape, generator=generator)).to(DEVICE) for size in sizes]


def stepped(make: Callable[[list[nn.Parameter]], torch.optim.Optimizer], steps: int) -> list[Tensor]:
    """Weights and the whole state, after so many steps by a schedule; one of them never has a gradient."""
    weights = [nn.Parameter(each) for each in [*drawn(0), torch.ones(3, device=DEVICE)]]
    optimizer = make(weights)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = torch.tensor(1e-3 / (step + 1), device=DEVICE)
        for weight, gradient in zip(weights, drawn(step + 1), strict=False):
            weight.grad = gradient
        optimizer.step()
    states = [value for weight in weights[:-1] for value in optimizer.state[weight].values()]
    assert not optimizer.state[weights[-1]]
    return [*(weight.detach() for weight in weights), *states]


def test_norms_are_pytorchs_and_the_same_every_time(by_kernels: Callable[[bool], None]) -> None:
    of = drawn(0)
    by_kernels(False)
    expected = gradients_module.norms(of)
    by_kernels(True)
    found = gradients_module.norms(of)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(found[2], of[2].abs()[0], rtol=1e-6, atol=0)  # of a single number
    assert torch.equal(gradients_module.norms(of), found)


@pytest.mark.parametrize("most", [10.0, 1e9], ids=["too long", "short enough"])
def test_gradients_are_clipped_as_by_pytorch(by_kernels: Callable[[bool], None], most: float) -> None:
    weights, expected = ([nn.Parameter(each) for each in drawn(0)] for _ in range(2))
    for weight, twin, gradient in zip(weights, expected, drawn(1), strict=True):
        weight.grad, twin.grad = gradient.clone(), gradient.clone()
    nn.utils.clip_grad_norm_(expected, most)
    by_kernels(True)
    given = [each.grad for each in weights if each.grad is not None]
    gradients_module.clip(weights, gradients_module.norms(given), most)
    for weight, twin in zip(weights, expected, strict=True):
        torch.testing.assert_close(weight.grad, twin.grad, rtol=1e-6, atol=0)


def test_what_is_not_a_number_is_not_clipped_away(by_kernels: Callable[[bool], None]) -> None:
    weight = nn.Parameter(torch.ones(3, device=DEVICE))
    weight.grad = torch.tensor([1.0, float("nan"), 1.0], device=DEVICE)
    by_kernels(True)
    found = gradients_module.norms([weight.grad])
    gradients_module.clip([weight], found, 10.0)
    assert found.isnan().all()
    assert weight.grad.isnan().all()


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.0, 0.5)], ids=str)
def test_adam_is_pytorchs_but_for_rounding(by_kernels: Callable[[bool], None], betas: tuple[float, float]) -> None:
    by_kernels(False)
    expected = stepped(lambda weights: torch.optim.Adam(weights, betas=betas, fused=True), 12)
    by_kernels(True)
    found = stepped(lambda weights: Adam(weights, betas=betas), 12)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-5, atol=1e-6 * float(other.abs().max()))  # sums cancel


def test_adams_first_step_by_hand(by_kernels: Callable[[bool], None]) -> None:
    """A mean of 0.1 * 2 and a square of 0.001 * 4, brought up to 2 and 4: a step of lr * 2 / (2 + eps)."""
    by_kernels(True)
    weight = nn.Parameter(torch.tensor([10.0], device=DEVICE))
    weight.grad = torch.tensor([2.0], device=DEVICE)
    Adam([weight], lr=0.5, eps=0.5).step()
    torch.testing.assert_close(weight.detach().cpu(), torch.tensor([9.6]))


def test_deepminds_rmsprop_is_the_plain_one_to_the_bit(by_kernels: Callable[[bool], None]) -> None:
    by_kernels(True)
    found = stepped(lambda weights: DeepMindRMSprop(weights), 12)
    expected = stepped(lambda weights: DeepMindRMSprop(weights, compiled_after=None), 12)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def test_a_weight_decay_is_left_to_pytorch(by_kernels: Callable[[bool], None]) -> None:
    by_kernels(True)
    found = stepped(lambda weights: Adam(weights, weight_decay=0.1), 3)
    stock = stepped(lambda weights: torch.optim.Adam(weights, weight_decay=0.1, fused=True), 3)
    for one, other in zip(found, stock, strict=True):
        assert torch.equal(one, other)


def test_what_the_kernels_take(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernels.take([torch.ones(2)]) is False  # in main memory
    monkeypatch.setattr(kernels, "run_on", lambda _: True)
    filters = torch.ones(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    assert kernels.take([torch.ones(2), torch.ones(2, 3), filters])
    assert kernels.take([filters], [torch.zeros_like(filters)])
    assert not kernels.take([filters], [torch.ones(2, 3, 4, 5)])  # another weight's number at the same place
    for wrong in (torch.ones(2, dtype=torch.float64), torch.ones(2, 3).t(), torch.ones(2, 6)[:, ::2], torch.ones(0)):
        assert not kernels.take([torch.ones(2), wrong])
    assert not kernels.take([])
