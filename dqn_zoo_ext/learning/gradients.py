"""Norms of gradients, and clipping by them, for all of a network together: kernels where they run (``kernels``)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dqn_zoo_ext.learning import kernels


def norms(gradients: Sequence[Tensor]) -> Tensor:
    """(len(gradients),) the Euclidean norm of each. They stay on the device."""
    if kernels.can_take(gradients):
        from dqn_zoo_ext.learning.kernels import weights  # Triton is not everywhere

        return weights.norms(gradients)
    return torch.stack(torch._foreach_norm(list(gradients)))


def clip(parameters: Sequence[nn.Parameter], norm_of_each: Tensor, max_norm: float) -> None:
    """What ``clip_grad_norm_`` does, in place, where the norm of each gradient is known."""
    gradients = [each.grad for each in parameters if each.grad is not None]
    if kernels.can_take(gradients):
        from dqn_zoo_ext.learning.kernels import weights

        weights.clip(gradients, norm_of_each, max_norm)
    else:
        nn.utils.clip_grads_with_norm_(parameters, max_norm, torch.linalg.vector_norm(norm_of_each))
