"""Norms of gradients, and their limit: of a whole network at once, in one or two launches on NVIDIA's GPUs."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dqn_zoo_ext.learning import kernels


def norms(gradients: Sequence[Tensor]) -> Tensor:
    """(len(gradients),) the Euclidean norm of each. They stay on the device."""
    if not kernels.take(gradients):
        return torch.stack(torch._foreach_norm(list(gradients)))
    from dqn_zoo_ext.learning.kernels import weights  # Triton is not everywhere

    with torch.cuda.device_of(gradients[0]):  # Triton launches on the present one
        return weights.norms(gradients)


def clip(parameters: Sequence[nn.Parameter], norms: Tensor, most: float) -> None:
    """What ``clip_grad_norm_`` does, in place, where the `norms` of all gradients are known."""
    gradients = [each.grad for each in parameters if each.grad is not None]
    if not kernels.take(gradients):
        nn.utils.clip_grads_with_norm_(parameters, most, torch.linalg.vector_norm(norms))
        return
    from dqn_zoo_ext.learning.kernels import weights

    with torch.cuda.device_of(norms):
        weights.clip(gradients, norms, most)
