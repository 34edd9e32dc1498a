"""DeepMind's RMSProp compiled into one pass over the weights, on a CPU.

Operation by operation it reads and writes them, their gradients and their running means two dozen times, which takes
longer than the network's backward pass through its convolutions. For a GPU the same is a kernel, ``kernels.weights``.
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
    """Change weights and running means as ``DeepMindRMSprop`` says, to the bit as its plain form does.

    False, with a warning, if it cannot be compiled here (there is no C++ compiler); nothing is changed then.
    """
    try:
        _compiled()(group, lr, decay, eps)
    except Exception as error:  # whatever keeps the compiler from its work: the plain form does the same
        reason = first_line(error)
        warnings.warn(f"deepmind_rmsprop stays uncompiled, and slower: {reason}", stacklevel=2)
        return False
    return True


def on_cpu(weights: Sequence[Tensor]) -> bool:
    """Whether all of them lie in main memory."""
    return all(weight.device.type == "cpu" for weight in weights)


@functools.cache
def _compiled() -> Callable[..., Any]:
    return torch.compile(_rmsprop, dynamic=False, fullgraph=True)


def _rmsprop(group: Group, lr: Tensor, decay: float, eps: float) -> None:
    for weight, gradient, mean, square in zip(*group, strict=True):
        mean.copy_(mean * decay + gradient * (1 - decay))
        square.copy_(square * decay + gradient * gradient * (1 - decay))
        spread = (square - mean * mean).clamp_min(0.0) + eps
        weight.copy_(weight - gradient * lr / spread.sqrt())
