"""DeepMind's RMSProp compiled into one pass over the weights.

Operation by operation it reads and writes them, their gradients and their running means two dozen times: on a CPU that
takes longer than the network's backward pass through its convolutions, on a GPU it is two dozen launches for a weight.
The equation stands here twice and in ``optim._rmsprop``, as what is compiled is written out for each device.
"""

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dqn_zoo_ext.errors import first_line


class Group(NamedTuple):
    """Weights that are stepped together, and for each its gradient and its running means, of the same shape."""

    weights: list[Tensor]
    gradients: list[Tensor]
    means: list[Tensor]
    squares: list[Tensor]


def one_pass(group: Group, lr: Tensor, decay: float, eps: float) -> bool:
    """Change weights and running means as ``DeepMindRMSprop`` says; on a CPU to the bit as its plain form does.

    False, with a warning, if it cannot be compiled here (there is no C++ compiler); nothing is changed then.
    """
    try:
        _compiled(on_cpu(group.weights))(group, lr, decay, eps)
    except Exception as error:  # whatever keeps the compiler from its work: the plain form does the same
        reason = first_line(error)
        warnings.warn(f"deepmind_rmsprop stays uncompiled, and slower: {reason}", stacklevel=2)
        return False
    return True


def on_cpu(weights: Sequence[Tensor]) -> bool:
    """Whether all of them lie in main memory."""
    return all(weight.device.type == "cpu" for weight in weights)


@functools.cache
def _compiled(for_cpu: bool) -> Callable[..., Any]:
    return torch.compile(_rmsprop if for_cpu else _rmsprop_in_one_launch, dynamic=False, fullgraph=True)


def _rmsprop(group: Group, lr: Tensor, decay: float, eps: float) -> None:
    for weight, gradient, mean, square in zip(*group, strict=True):
        mean.copy_(mean * decay + gradient * (1 - decay))
        square.copy_(square * decay + gradient * gradient * (1 - decay))
        spread = (square - mean * mean).clamp_min(0.0) + eps
        weight.copy_(weight - gradient * lr / spread.sqrt())


def _rmsprop_in_one_launch(group: Group, lr: Tensor, decay: float, eps: float) -> None:
    """The same, of all weights together: of a GPU's time each further launch takes two microseconds."""
    weights, gradients, means, squares = group
    new = 1 - decay
    new_means = torch._foreach_add(torch._foreach_mul(means, decay), torch._foreach_mul(gradients, new))
    of_gradients = torch._foreach_mul(torch._foreach_mul(gradients, gradients), new)
    new_squares = torch._foreach_add(torch._foreach_mul(squares, decay), of_gradients)
    spreads = torch._foreach_sub(new_squares, torch._foreach_mul(new_means, new_means))
    roots = torch._foreach_sqrt(torch._foreach_add(torch._foreach_clamp_min(spreads, 0.0), eps))
    steps = torch._foreach_div(torch._foreach_mul(gradients, lr), roots)
    torch._foreach_copy_(weights, torch._foreach_sub(weights, steps))
    torch._foreach_copy_(means, new_means)
    torch._foreach_copy_(squares, new_squares)
