"""An optimizer's state from a file: its numbers are taken over, into memory as the optimizer itself makes it."""

from collections.abc import Mapping
from typing import Any

import torch
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor, nn

from dqn_zoo_ext.learning.saved.whole_tensors import what_is_wrong

_MOST_STEPS = 2**53


def load_optimizer_state(policy: BasePolicy, state: object) -> None:
    """Take over the state of each weight, by its number; the groups' settings stay, as the configuration has them.

    A fused step goes by the weight's shape and looks at no other, so that a shorter running mean would have it write
    into memory that is not the mean's. Hence a weight's state must have the very names, shapes and kinds of numbers
    that a step of this optimizer leaves. ValueError, and nothing is changed, if it does not.
    """
    if not isinstance(state, Mapping):
        raise ValueError(f"the optimizer's state is {type(state).__name__}, not a mapping from weights")
    own = _after_a_step(policy)
    taken = {}
    for number, given in state.items():
        if type(number) is not int or number not in own:
            raise ValueError(f"the optimizer has no weight {number!r:.40}")
        taken[number] = _taken_over(own[number], given, f"the optimizer's state of weight {number}")
    optimizer = policy.optimizer
    optimizer.load_state_dict({"state": taken, "param_groups": optimizer.state_dict()["param_groups"]})


def _after_a_step(policy: BasePolicy) -> dict[int, Any]:
    """What an optimizer that is made as the policy's keeps of each weight after its first step, by the number."""
    groups = [{**group, "params": [_twin(each) for each in group["params"]]} for group in policy.optimizer.param_groups]
    optimizer_class: Any = type(policy.optimizer)
    fresh = optimizer_class(groups, lr=float(groups[0]["lr"]), **policy.optimizer_kwargs)
    fresh.step()
    kept: dict[int, Any] = fresh.state_dict()["state"]
    return kept


def _twin(weight: Tensor) -> nn.Parameter:
    """Zeros that lie in memory as the weight's numbers do, with a gradient of zeros."""
    twin = nn.Parameter(torch.zeros_like(weight))
    twin.grad = torch.zeros_like(twin)
    return twin


def _taken_over(own: Any, given: Any, what: str) -> Any:
    """`given` where it is like `own`, which tensors are written into. what: names it in an error."""
    if isinstance(own, Tensor):
        return _written_into(own, given, what)
    if isinstance(own, Mapping):
        if not isinstance(given, Mapping) or given.keys() != own.keys():
            raise ValueError(f"{what} is not {', '.join(str(name) for name in own)}")
        return {name: _taken_over(each, given[name], f"{what}: '{name}'") for name, each in own.items()}
    if isinstance(own, list | tuple):
        if not isinstance(given, list | tuple) or len(given) != len(own):
            raise ValueError(f"{what} is not a list of {len(own)}")
        return type(own)(_taken_over(each, other, what) for each, other in zip(own, given, strict=True))
    if type(given) is not type(own):
        raise ValueError(f"{what} is {type(given).__name__}, not {type(own).__name__}")
    return given


@torch.no_grad()
def _written_into(own: Tensor, given: Any, what: str) -> Tensor:
    if type(given) is int and own.ndim == 0 and 0 <= given < _MOST_STEPS:
        return own.fill_(given)  # PyTorch below 1.12 counted steps by plain numbers
    if not isinstance(given, Tensor):
        raise ValueError(f"{what} is {type(given).__name__}, not a tensor")
    wrong = what_is_wrong(given)
    if wrong is not None:
        raise ValueError(f"{what} {wrong}")
    alike = given.dtype == own.dtype or (given.is_floating_point() and own.is_floating_point())
    if given.shape != own.shape or not alike:
        raise ValueError(f"{what} is {_kind(given)}, not {_kind(own)}")
    return own.copy_(given)


def _kind(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
