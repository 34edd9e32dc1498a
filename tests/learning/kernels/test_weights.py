"""All weights in one launch, beside PyTorch's operations. Without a GPU in Triton's interpreter."""

from collections.abc import Callable
from typing import Any

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
    return lambda made: monkeypatch.setattr(kernels, "can_take", lambda *_: made)


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


@pytest.mark.parametrize("max_norm", [10.0, 1e9], ids=["too long", "short enough"])
def test_gradients_are_clipped_as_by_pytorch(by_kernels: Callable[[bool], None], max_norm: float) -> None:
    weights, expected = ([nn.Parameter(each) for each in drawn(0)] for _ in range(2))
    for weight, twin, gradient in zip(weights, expected, drawn(1), strict=True):
        weight.grad, twin.grad = gradient.clone(), gradient.clone()
    nn.utils.clip_grad_norm_(expected, max_norm)
    by_kernels(True)
    given = [each.grad for each in weights if each.grad is not None]
    gradients_module.clip(weights, gradients_module.norms(given), max_norm)
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


def test_groups_have_settings_of_their_own(by_kernels: Callable[[bool], None]) -> None:
    def made(weights: list[nn.Parameter]) -> list[dict[str, Any]]:
        return [{"params": weights[:2], "lr": 1e-2, "betas": (0.5, 0.9)}, {"params": weights[2:]}]

    by_kernels(True)
    found = stepped(lambda weights: Adam(made(weights)), 3)  # type: ignore[arg-type]  # groups, as PyTorch's takes them
    by_kernels(False)
    expected = stepped(lambda weights: torch.optim.Adam(made(weights), fused=True), 3)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-5, atol=1e-6 * float(other.abs().max()))


@pytest.mark.parametrize("asked", [{"weight_decay": 0.1}, {"amsgrad": True}, {"maximize": True}], ids=str)
def test_what_the_kernel_does_not_is_left_to_pytorch(by_kernels: Callable[[bool], None], asked: dict[str, Any]) -> None:
    def made(weights: list[nn.Parameter]) -> Adam:
        optimizer = Adam(weights)
        optimizer.param_groups[0].update(asked)  # as a file's settings come in
        return optimizer

    by_kernels(True)
    found = stepped(made, 3)
    stock = stepped(lambda weights: torch.optim.Adam(weights, fused=True, **asked), 3)
    for one, other in zip(found, stock, strict=True):
        assert torch.equal(one, other)


def test_a_closure_is_called_and_its_loss_returned(by_kernels: Callable[[bool], None]) -> None:
    by_kernels(True)
    weight = nn.Parameter(torch.tensor([10.0], device=DEVICE))

    def loss() -> float:
        weight.grad = torch.tensor([2.0], device=DEVICE)
        return 7.0

    assert Adam([weight], lr=0.5, eps=0.5).step(loss) == 7.0
    torch.testing.assert_close(weight.detach().cpu(), torch.tensor([9.6]))


def test_without_a_gradient_nothing_happens() -> None:
    weight = nn.Parameter(torch.ones(3, device=DEVICE))
    optimizer = Adam([weight])
    optimizer.step()
    assert torch.equal(weight.detach().cpu(), torch.ones(3))
    assert not optimizer.state[weight]


@pytest.mark.parametrize("lying", [torch.channels_last, torch.contiguous_format], ids=["on_a_gpu", "on_a_cpu"])
@pytest.mark.parametrize("ours", [Adam, DeepMindRMSprop])
def test_a_state_that_lay_otherwise_is_loaded_as_the_weights_lie(
    by_kernels: Callable[[bool], None], ours: Any, lying: torch.memory_format
) -> None:
    """A file of a GPU on a CPU, or the other way round: both steps go on as if nothing had been saved."""
    other = torch.contiguous_format if lying == torch.channels_last else torch.channels_last
    by_kernels(DEVICE == "cuda")
    numbers = torch.randn(3, 4, 5, 6, device=DEVICE)
    gradients = [torch.randn_like(numbers) for _ in range(4)]

    def stepped_on(weight: nn.Parameter, optimizer: Any, given: list[Tensor], memory: torch.memory_format) -> None:
        for each in given:
            weight.grad = each.contiguous(memory_format=memory)
            optimizer.step()

    whole, first, second = (nn.Parameter(numbers.clone()) for _ in range(3))
    never_saved, saving = ours([whole]), ours([first])
    stepped_on(whole, never_saved, gradients, torch.contiguous_format)
    first.data = first.data.contiguous(memory_format=other)
    stepped_on(first, saving, gradients[:2], other)
    second.data = first.data.contiguous(memory_format=lying)
    loading = ours([second])
    loading.load_state_dict(saving.state_dict())
    stepped_on(second, loading, gradients[2:], lying)
    torch.testing.assert_close(second.detach(), whole.detach(), rtol=1e-6, atol=1e-6)
    assert {each.stride() for each in loading.state[second].values() if each.ndim == 4} == {second.stride()}


def test_what_the_kernels_take(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernels.can_take([torch.ones(2)]) is False  # in main memory
    monkeypatch.setattr(kernels, "run_on", lambda _: True)
    filters = torch.ones(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    assert kernels.can_take([torch.ones(2), torch.ones(2, 3), filters])
    assert kernels.can_take([filters], [torch.zeros_like(filters)])
    assert kernels.can_take([torch.ones(4, 1)], [torch.ones(1, 4).t()])  # of a single column the stride means nothing
    assert not kernels.can_take([filters], [torch.ones(2, 3, 4, 5)])  # another weight's number at the same place
    for wrong in (torch.ones(2, dtype=torch.float64), torch.ones(2, 3).t(), torch.ones(2, 6)[:, ::2], torch.ones(0)):
        assert not kernels.can_take([torch.ones(2), wrong])
    assert not kernels.can_take([])
