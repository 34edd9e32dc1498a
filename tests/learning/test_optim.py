"""DeepMind's RMSProp: one step by hand, a hundred against plain float64 arithmetic, its state through a file."""

import copy
import io
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
import torch

from dqn_zoo_ext.learning.hardware import compiled as compiled_module
from dqn_zoo_ext.learning.optim import Adam, DeepMindRMSprop, RMSprop


def test_first_step_by_hand() -> None:
    # g = 2: mean = 0.1, square = 0.2; 0.2 - 0.01 + 0.06 = 0.25; step = 0.5 * 2 / 0.5 = 2
    weight = torch.tensor([10.0], requires_grad=True)
    weight.grad = torch.tensor([2.0])
    DeepMindRMSprop([weight], lr=0.5, decay=0.95, eps=0.06).step()
    torch.testing.assert_close(weight.detach(), torch.tensor([8.0]))


def _reference(weights: np.ndarray, gradients: np.ndarray, lr: float, decay: float, eps: float) -> np.ndarray:
    """The equations of the docstring, one line each, in float64."""
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    for g in gradients:
        mean = decay * mean + (1 - decay) * g
        square = decay * square + (1 - decay) * g**2
        weights = weights - lr * g / np.sqrt(square - mean**2 + eps)
    return weights


@pytest.mark.parametrize("eps", [0.01, 0.01 / 32**2])
def test_a_hundred_steps_against_float64(eps: float) -> None:
    rng = np.random.default_rng(0)
    start = rng.normal(size=(7, 5))
    gradients = rng.normal(size=(100, 7, 5)) * np.exp(rng.normal(size=(100, 1, 1)))
    weight = torch.tensor(start, dtype=torch.float32, requires_grad=True)
    optimizer = DeepMindRMSprop([weight], lr=2.5e-4, decay=0.95, eps=eps)
    for g in gradients:
        weight.grad = torch.tensor(g, dtype=torch.float32)
        optimizer.step()
    expected = _reference(start, gradients, 2.5e-4, 0.95, eps)
    np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=0, atol=2e-6)


def test_it_is_not_pytorchs_rmsprop_nor_stable_baselines3s() -> None:
    from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike

    def after_one_step(optimizer_class: type[torch.optim.Optimizer], **arguments: float | bool) -> float:
        weight = torch.tensor([1.0], requires_grad=True)
        weight.grad = torch.tensor([0.5])
        optimizer_class([weight], **arguments).step()  # type: ignore[arg-type]
        return float(weight.detach())

    ours = after_one_step(DeepMindRMSprop, lr=0.1, decay=0.95, eps=0.01)
    outside = after_one_step(torch.optim.RMSprop, lr=0.1, alpha=0.95, eps=0.01, centered=True)
    from_ones = after_one_step(RMSpropTFLike, lr=0.1, alpha=0.95, eps=0.01, centered=True)
    assert abs(ours - outside) > 0.01
    assert abs(ours - from_ones) > 0.01


def test_large_constant_gradients_do_not_become_nan() -> None:
    # square - mean**2 tends to zero here, and float32 rounding takes it below by more than eps
    weight = torch.zeros(1000, requires_grad=True)
    optimizer = DeepMindRMSprop([weight], eps=1e-6)
    gradient = torch.logspace(0, 6, 1000)
    for _ in range(300):
        weight.grad = gradient.clone()
        optimizer.step()
    assert torch.isfinite(weight).all()


def test_compiled_it_is_the_same_to_the_bit() -> None:
    """And so the step may be compiled in the middle of a run, on one machine and not on another."""
    plain, compiled = ([torch.linspace(-1, 1, size).requires_grad_() for size in (1, 7, 3_000)] for _ in range(2))
    optimizers = DeepMindRMSprop(plain, compiled_after=None), DeepMindRMSprop(compiled, compiled_after=3)
    generator = torch.Generator().manual_seed(0)
    for step in range(60):
        for weights, optimizer in zip((plain, compiled), optimizers, strict=True):
            optimizer.param_groups[0]["lr"] = 1e-3 / (step + 1)  # by a schedule
            drawn = generator.clone_state()
            for weight in weights:
                sizes = torch.exp(6 * torch.randn(weight.shape, generator=drawn))  # from next to nothing to huge
                weight.grad = sizes * torch.randn(weight.shape, generator=drawn)
            optimizer.step()
        generator = drawn
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizers[1].step()  # it is compiled: whatever kept it from that would be said
    optimizers[0].step()
    for one, other in zip(plain, compiled, strict=True):
        assert torch.equal(one, other)
        for name in ("mean", "square"):
            assert torch.equal(optimizers[0].state[one][name], optimizers[1].state[other][name])


def test_without_a_compiler_it_goes_on_uncompiled_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def there_is_none() -> None:
        raise RuntimeError("no working C++ compiler found\nin any of many places")

    monkeypatch.setattr(compiled_module, "_compiled", there_is_none)
    weight = torch.tensor([10.0], requires_grad=True)
    weight.grad = torch.tensor([2.0])
    optimizer = DeepMindRMSprop([weight], lr=0.5, decay=0.95, eps=0.06, compiled_after=0)
    with pytest.warns(UserWarning, match="stays uncompiled, and slower: no working C.. compiler found$"):
        optimizer.step()
    torch.testing.assert_close(weight.detach(), torch.tensor([8.0]))  # as in the first step by hand


def test_state_survives_a_file() -> None:
    def trained(steps: int, optimizer: DeepMindRMSprop, weight: torch.Tensor, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for _ in range(steps):
            weight.grad = torch.randn(weight.shape, generator=generator)
            optimizer.step()

    straight = torch.ones(4, requires_grad=True)
    optimizer = DeepMindRMSprop([straight])
    trained(5, optimizer, straight, seed=1)
    stored = io.BytesIO()
    torch.save(optimizer.state_dict(), stored)
    stored.seek(0)
    resumed = straight.detach().clone().requires_grad_()
    second = DeepMindRMSprop([resumed])
    second.load_state_dict(torch.load(stored, weights_only=True))
    trained(5, optimizer, straight, seed=2)
    trained(5, second, resumed, seed=2)
    assert torch.equal(straight, resumed)


def test_weights_without_gradient_stay_and_lr_zero_moves_nothing() -> None:
    used, unused = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    used.grad = torch.ones(2)
    DeepMindRMSprop([used, unused], lr=0.0).step()
    assert torch.equal(used, torch.ones(2))
    assert torch.equal(unused, torch.ones(2))


@pytest.mark.parametrize("wrong", [{"lr": -1.0}, {"decay": 1.0}, {"eps": 0.0}])
def test_wrong_numbers_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="deepmind_rmsprop: "):
        DeepMindRMSprop([torch.ones(1, requires_grad=True)], **wrong)


@pytest.mark.parametrize(
    ("ours", "stock", "given"),
    [(Adam, torch.optim.Adam, {"fused": True}), (RMSprop, torch.optim.RMSprop, {})],
    ids=["adam", "rmsprop"],
)
def test_pytorchs_own_do_to_the_bit_what_they_do_in_pytorch(ours: Any, stock: Any, given: dict[str, Any]) -> None:
    weights = [torch.linspace(-1, 1, 70).requires_grad_() for _ in range(2)]
    one, other = ours([weights[0]], lr=1e-2), stock([weights[1]], lr=1e-2, **given)
    for step in range(20):
        for weight, optimizer in zip(weights, (one, other), strict=True):
            optimizer.zero_grad()
            assert weight.grad is None
            (weight**3 * (step - 9)).sum().backward()
            optimizer.step()
        if step == 9:  # gone on with, by the stock one's state
            one.load_state_dict(copy.deepcopy(other.state_dict()))
    assert torch.equal(*weights)
    assert not weights[0].equal(torch.linspace(-1, 1, 70))
    assert not one.state_dict()["state"][0]["step" if ours is Adam else "square_avg"].requires_grad


def test_no_optimizer_loads_pytorchs_compiler() -> None:
    """It takes longer than a short training, and only what is compiled has need of it."""
    program = """
import io, sys, torch
from dqn_zoo_ext.learning.optim import Adam, DeepMindRMSprop, RMSprop
for optimizer_class in (Adam, DeepMindRMSprop, RMSprop):
    weight = torch.ones(3, requires_grad=True)
    optimizer = optimizer_class([weight])
    for _ in range(2):
        optimizer.zero_grad()
        weight.sum().backward()
        optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
    assert weight.max() < 1
    assert "torch._dynamo" not in sys.modules, optimizer_class
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
