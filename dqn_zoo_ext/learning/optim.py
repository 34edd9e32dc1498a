"""Optimizers. DeepMind's RMSProp is written out here; Adam (on a GPU with a step of ours) and RMSProp are PyTorch's."""

import inspect
from collections.abc import Callable, Iterable
from typing import Annotated, Any, overload

import torch
from pydantic import Field
from torch import Tensor

from dqn_zoo_ext.learning import kernels
from dqn_zoo_ext.learning.hardware.compiled import Group, on_cpu, one_pass
from dqn_zoo_ext.registry import register_optimizer

Decay = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class WithoutCompiler(torch.optim.Optimizer):
    """A PyTorch optimizer that does not load PyTorch's compiler, which takes two seconds of every training.

    PyTorch keeps these methods out of what its compiler traces, and loads the compiler to say so; ``step`` of its own
    optimizers does the same, see ``step_of``. What we compile calls none of them. To be put before the optimizer, among
    a class's bases.
    """

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    _load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As PyTorch's; what has a weight's shape then lies in memory as the weight does.

        A step in one pass goes through memory, PyTorch's fused ones too, and filters lie otherwise on a GPU.
        """
        self._load_state_dict(state_dict)
        for weight, state in self.state.items():
            for name, value in state.items():
                if isinstance(value, Tensor) and value.shape == weight.shape and value.stride() != weight.stride():
                    state[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)


def step_of(optimizer: type[torch.optim.Optimizer]) -> Any:
    """``step`` of a PyTorch optimizer that is not to be differentiated through, without loading the compiler."""
    return torch.no_grad()(inspect.unwrap(optimizer.step))


@register_optimizer("deepmind_rmsprop")
class DeepMindRMSprop(WithoutCompiler):
    """RMSProp as in DeepMind's DQN: centred, epsilon inside the root, both running means starting at zero.

    With gradient g, per weight::

        mean   <- decay * mean   + (1 - decay) * g
        square <- decay * square + (1 - decay) * g**2
        weight <- weight - lr * g / sqrt(square - mean**2 + eps)

    DeepMind's code sums the gradient over a batch of 32 and has eps = 0.01; our losses are means over the batch, for
    which 0.01 / 32**2 gives the same steps. ``torch.optim.RMSprop`` adds eps outside the root;
    Stable-Baselines3's ``RMSpropTFLike`` starts the running square at one.

    compiled_after: so many steps, the step is compiled into one pass over the weights where there is a C++ compiler;
    null: never. Compiling takes some seconds. Where our kernels run it is one of them from the first step on, unless
    null. Neither changes a bit of the results.

    Source: the code published with Mnih et al. 2015; Graves 2013, equations 38 to 45, without momentum.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: NotNegative = 2.5e-4,
        decay: Decay = 0.95,
        eps: Positive = 0.01 / 32**2,
        compiled_after: Annotated[int, Field(ge=0)] | None = 1_000,
    ) -> None:
        for name, value, allowed in (("lr", lr, lr >= 0), ("decay", decay, 0 <= decay < 1), ("eps", eps, eps > 0)):
            if not allowed:
                raise ValueError(f"deepmind_rmsprop: {name} must be {_RANGES[name]}, got {value}")
        super().__init__(params, {"lr": lr, "decay": decay, "eps": eps})
        self._compiled_after = compiled_after
        self._steps = 0

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One update of every weight that has a gradient; returns what `closure` returns, as PyTorch's own do."""
        result = None
        if closure is not None:
            with torch.enable_grad():
                result = closure()
        self._steps += 1
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._step_group(weights, group["lr"], group["decay"], group["eps"])
        return result

    def _step_group(self, weights: list[Tensor], lr: float | Tensor, decay: float, eps: float) -> None:
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["mean"] = torch.zeros_like(weight)
                self.state[weight]["square"] = torch.zeros_like(weight)
        group = Group(
            [weight.detach() for weight in weights],
            [weight.grad for weight in weights if weight.grad is not None],
            [self.state[weight]["mean"] for weight in weights],
            [self.state[weight]["square"] for weight in weights],
        )
        if not self._stepped_in_one_pass(group, lr, decay, eps):
            _rmsprop(group, lr, decay, eps)

    def _stepped_in_one_pass(self, group: Group, lr: float | Tensor, decay: float, eps: float) -> bool:
        if self._compiled_after is None:
            return False
        if kernels.can_take(*group):
            from dqn_zoo_ext.learning.kernels.weights import rmsprop  # Triton is not everywhere

            rmsprop(*group, _on_device(lr, group.weights[0].device), decay, eps)
            return True
        if self._steps <= self._compiled_after or not on_cpu(group.weights):
            return False
        rate = torch.as_tensor(lr)  # a number would be compiled in, and compiled anew when it changes
        if one_pass(group, rate, decay, eps):
            return True
        self._compiled_after = None
        return False


def _rmsprop(group: Group, lr: float | Tensor, decay: float, eps: float) -> None:
    """All weights together in a handful of launches, instead of a dozen for each.

    Every product and every sum is rounded by itself, as in ``compiled.one_pass`` and ``kernels.weights.rmsprop``:
    no ``lerp``, no ``addcmul``.
    """
    weights, gradients, means, squares = group
    torch._foreach_mul_(means, decay)
    torch._foreach_add_(means, torch._foreach_mul(gradients, 1 - decay))
    news = torch._foreach_mul(gradients, gradients)
    torch._foreach_mul_(news, 1 - decay)
    torch._foreach_mul_(squares, decay)
    torch._foreach_add_(squares, news)
    spreads = torch._foreach_sub(squares, torch._foreach_mul(means, means))
    torch._foreach_clamp_min_(spreads, 0.0)  # rounding can make it negative, by more than eps
    torch._foreach_add_(spreads, eps)
    _nearest_roots(spreads)
    steps = torch._foreach_mul(gradients, lr)
    torch._foreach_div_(steps, spreads)
    torch._foreach_sub_(weights, steps)


def _nearest_roots(numbers: tuple[Tensor, ...] | list[Tensor]) -> None:
    """Square roots, in place, each the nearest float32. MKL's, which PyTorch takes on CPUs, sometimes is another one.

    One in float64 that is off by its last bit still lies on the right side of the middle between two of float32.
    """
    if on_cpu(numbers):
        for each in numbers:
            each.copy_(each.double().sqrt_())
    else:
        torch._foreach_sqrt_(numbers)


_RANGES = {"lr": "at least 0", "decay": "in [0, 1)", "eps": "above 0"}


@register_optimizer("adam")
class Adam(WithoutCompiler, torch.optim.Adam):
    """PyTorch's Adam (Kingma & Ba 2015), in one pass over the weights; `lr` comes from the learning-rate schedule.

    Where our kernels run the pass is one of them, with PyTorch's numbers but for rounding.
    """

    _pytorchs_step = step_of(torch.optim.Adam)

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: NotNegative = 1e-3,
        betas: tuple[Decay, Decay] = (0.9, 0.999),
        eps: Positive = 1e-8,
        weight_decay: NotNegative = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, fused=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """One update of every weight that has a gradient; returns what `closure` returns, as PyTorch's own do."""
        if closure is not None or not all(_is_for_kernels(group) for group in self.param_groups):
            return self._pytorchs_step(closure)
        for group in self.param_groups:
            self._step_group(group)
        return None

    def _step_group(self, group: dict[str, Any]) -> None:
        from dqn_zoo_ext.learning.kernels.weights import adam  # Triton is not everywhere

        weights, gradients, means, squares, steps = (list[Tensor]() for _ in range(5))
        self._init_group(group, weights, gradients, means, squares, [], steps)  # type: ignore[no-untyped-call]
        torch._foreach_add_(steps, 1)
        rate = _on_device(group["lr"], weights[0].device)
        adam(weights, gradients, means, squares, steps, rate, group["betas"], group["eps"])


def _is_for_kernels(group: dict[str, Any]) -> bool:
    """Whether the kernel does what the group asks of Adam, which may come from a file, on its weights."""
    if group["weight_decay"] != 0 or group["amsgrad"] or group["maximize"]:
        return False
    stepped = [weight for weight in group["params"] if weight.grad is not None]
    return kernels.can_take(stepped, [weight.grad for weight in stepped])


def _on_device(rate: float | Tensor, device: torch.device) -> Tensor:
    """The learning rate where a kernel reads it. Nobody waits, unless it is a tensor that lies elsewhere."""
    if isinstance(rate, Tensor):
        return rate.to(device, torch.float32)
    return torch.full((), rate, dtype=torch.float32, device=device)


@register_optimizer("rmsprop")
class RMSprop(WithoutCompiler, torch.optim.RMSprop):
    """PyTorch's RMSProp: epsilon is added outside the root, and centring is a choice."""

    step = step_of(torch.optim.RMSprop)

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: NotNegative = 1e-2,
        alpha: Decay = 0.99,
        eps: Positive = 1e-8,
        centered: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, alpha=alpha, eps=eps, centered=centered)
