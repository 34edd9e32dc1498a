"""An optimizer's state from anywhere: it goes on to the bit with its own, and takes over nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from stable_baselines3.dqn.policies import DQNPolicy
from torch import Tensor

from dqn_zoo_ext.learning.optim import Adam, DeepMindRMSprop, RMSprop
from dqn_zoo_ext.learning.saved.optimizer_state import load_optimizer_state


class Listing(torch.optim.Optimizer):
    """One from outside, that keeps a list and plain numbers besides."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        del closure
        for weight in self.param_groups[0]["params"]:
            state = self.state[weight]
            if not state:
                state.update(steps=0, sums=[torch.zeros(weight.shape[0]), torch.zeros(())], by={"scale": 1.0})
            state["steps"] += 1
            state["sums"][0] += weight.grad.flatten(1).sum(1) if weight.ndim > 1 else weight.grad
            weight.data -= self.param_groups[0]["lr"] * state["sums"][0].sum() / state["steps"]


OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "adam": (Adam, {}),
    "deepmind_rmsprop": (DeepMindRMSprop, {}),
    "rmsprop": (RMSprop, {}),
    "rmsprop, centred": (RMSprop, {"centered": True}),
    "pytorch's adam": (torch.optim.Adam, {"amsgrad": True}),
    "nadam": (torch.optim.NAdam, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "nothing kept": (torch.optim.SGD, {}),
    "a list": (Listing, {}),
}


def policy_with(optimizer: type[torch.optim.Optimizer], **arguments: Any) -> DQNPolicy:
    torch.manual_seed(1)
    space = Box(-1, 1, (3,), np.float32)
    return DQNPolicy(
        space,
        Discrete(2),
        lambda _: 1e-2,
        net_arch=[5],
        optimizer_class=optimizer,
        optimizer_kwargs=arguments,
    )


def trained(policy: DQNPolicy, steps: int, seed: int = 0) -> DQNPolicy:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for weight in policy.q_net.parameters():
            drawn = torch.randn(weight.shape, generator=generator)
            weight.grad = torch.empty_like(weight).copy_(drawn)
        policy.optimizer.step()
    return policy


def state_of(policy: DQNPolicy) -> dict[int, Any]:
    state: dict[int, Any] = policy.optimizer.state_dict()["state"]
    return state


def bits(value: Any) -> Any:
    """With the bytes of tensors in their place, so that == compares all of it."""
    if isinstance(value, Tensor):
        return value.shape, value.dtype, value.contiguous().numpy().tobytes()
    if isinstance(value, dict):
        return {key: bits(each) for key, each in value.items()}
    return [bits(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_goes_on_to_the_bit(name: str) -> None:
    optimizer, arguments = OPTIMIZERS[name]
    straight, resumed = (policy_with(optimizer, **arguments) for _ in range(2))
    trained(straight, 7)
    resumed.load_state_dict(straight.state_dict())
    load_optimizer_state(resumed, state_of(straight))
    assert bits(state_of(resumed)) == bits(state_of(straight))
    trained(straight, 7, seed=1)
    trained(resumed, 7, seed=1)
    assert bits(state_of(resumed)) == bits(state_of(straight))
    assert bits(resumed.state_dict()) == bits(straight.state_dict())


def test_weights_that_lie_otherwise_keep_their_own_numbers() -> None:
    """A fused step goes through the memory of both in order; what comes from a checkpoint lies row by row."""

    def columnwise() -> DQNPolicy:
        policy = policy_with(Adam)
        for weight in policy.q_net.parameters():
            weight.data = weight.data.t().contiguous().t() if weight.ndim == 2 else weight.data
        return policy

    straight, resumed = columnwise(), columnwise()
    trained(straight, 7)
    resumed.load_state_dict(straight.state_dict())
    by_rows = {
        number: {name: each.clone(memory_format=torch.contiguous_format) for name, each in state.items()}
        for number, state in state_of(straight).items()
    }
    load_optimizer_state(resumed, by_rows)
    for policy in (straight, resumed):
        trained(policy, 3, seed=1)
    assert bits(resumed.state_dict()) == bits(straight.state_dict())


def test_some_weights_only_and_none_at_all() -> None:
    source, policy = trained(policy_with(Adam), 2), policy_with(Adam)
    load_optimizer_state(policy, {2: state_of(source)[2]})
    assert state_of(policy).keys() == {2}
    load_optimizer_state(policy, {})
    assert not state_of(policy)


def test_settings_stay() -> None:
    source, policy = trained(policy_with(Adam), 2), policy_with(Adam, eps=0.25)
    load_optimizer_state(policy, state_of(source))
    assert policy.optimizer.param_groups[0]["eps"] == 0.25


def test_steps_as_older_pytorch_counted_them() -> None:
    state = state_of(trained(policy_with(Adam), 2))
    policy = policy_with(Adam)
    load_optimizer_state(policy, {number: {**each, "step": 7} for number, each in state.items()})
    trained(policy, 1)
    assert all(each["step"] == 8 for each in state_of(policy).values())


def test_memory_of_the_given_is_never_written_to() -> None:
    """Nor is what lies behind it in the same block."""
    policy, block = policy_with(Adam), torch.zeros(1_000)
    state = state_of(trained(policy_with(Adam), 1))
    state[0]["exp_avg"] = block[:15].view(5, 3)
    load_optimizer_state(policy, state)
    trained(policy, 3)
    assert not block.any()


def changed(**values: Any) -> Callable[[dict[int, Any]], object]:
    return lambda state: {**state, 0: {**state[0], **values}}


OTHERS: dict[str, tuple[Callable[[dict[int, Any]], object], str]] = {
    "too short": (changed(exp_avg=torch.zeros(3)), r"weight 0: 'exp_avg' is \(3,\) float32, not \(5, 3\) float32"),
    "a single number": (changed(exp_avg=torch.zeros(())), r"weight 0: 'exp_avg' is \(\) float32, not \(5, 3\)"),
    "turned over": (changed(exp_avg=torch.zeros(3, 5)), r"weight 0: 'exp_avg' is \(3, 5\) float32"),
    "not stored": (changed(exp_avg=torch.zeros(1).expand(5, 3)), "'exp_avg' has more numbers than are stored of it"),
    "sparse": (changed(exp_avg=torch.zeros(5, 3).to_sparse()), "'exp_avg' has more numbers than are stored of it"),
    "none but a shape": (changed(exp_avg=torch.zeros(5, 3, device="meta")), "'exp_avg' has more numbers than are"),
    "of eight bits": (changed(exp_avg=torch.zeros(5, 3).to(torch.float8_e5m2)), r"of the kind torch\.float8_e5m2"),
    "whole numbers": (changed(exp_avg=torch.zeros(5, 3, dtype=torch.int32)), r"is \(5, 3\) int32, not \(5, 3\) float"),
    "many steps": (changed(step=torch.zeros(5)), r"weight 0: 'step' is \(5,\) float32, not \(\) float32"),
    "steps beyond counting": (changed(step=10**400), "weight 0: 'step' is int, not a tensor"),
    "a plain number": (changed(exp_avg=0), "weight 0: 'exp_avg' is int, not a tensor"),
    "nothing": (changed(exp_avg=None), "weight 0: 'exp_avg' is NoneType, not a tensor"),
    "one name more": (changed(more=torch.zeros(5, 3)), "weight 0 is not step, exp_avg, exp_avg_sq"),
    "one name less": (lambda state: {0: {"exp_avg": state[0]["exp_avg"]}}, "weight 0 is not step, exp_avg, exp_avg_sq"),
    "no names": (lambda _: {0: 7}, "weight 0 is not step, exp_avg, exp_avg_sq"),
    "a weight too many": (lambda state: {**state, 4: state[0]}, "the optimizer has no weight 4"),
    "a weight by a name": (lambda state: {"0\x1b[2J": state[0]}, r"the optimizer has no weight '0\\x1b\[2J'"),
    "a weight by a truth": (lambda state: {True: state[1]}, "the optimizer has no weight True"),
    "a number": (lambda _: 5, "the optimizer's state is int, not a mapping from weights"),
    "a list": (lambda state: [state[0]], "the optimizer's state is list, not a mapping from weights"),
}


@pytest.mark.parametrize(("change", "message"), OTHERS.values(), ids=OTHERS)
def test_anything_else_is_refused(change: Callable[[dict[int, Any]], object], message: str) -> None:
    source, policy = trained(policy_with(Adam), 2), trained(policy_with(Adam), 1, seed=5)
    before = bits(state_of(policy))
    with pytest.raises(ValueError, match=message) as caught:
        load_optimizer_state(policy, change(state_of(source)))
    assert "\n" not in str(caught.value)
    assert bits(state_of(policy)) == before


def test_lists_of_another_length_and_other_plain_data() -> None:
    state = state_of(trained(policy_with(Listing), 2))
    for change, message in (
        ({"sums": state[0]["sums"][:1]}, "'sums' is not a list of 2"),
        ({"sums": 3}, "'sums' is not a list of 2"),
        ({"steps": True}, "'steps' is bool, not int"),
        ({"by": {"scale": 1}}, "'by': 'scale' is int, not float"),
    ):
        with pytest.raises(ValueError, match=message):
            load_optimizer_state(policy_with(Listing), {**state, 0: {**state[0], **change}})


def test_the_state_of_another_optimizer_is_refused() -> None:
    with pytest.raises(ValueError, match=r"weight 0 is not mean, square$"):
        load_optimizer_state(policy_with(DeepMindRMSprop), state_of(trained(policy_with(Adam), 1)))
