"""C51's distribution: probabilities of fixed atoms, a projection that keeps to them, and a cross-entropy."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from dqn_zoo_ext.registry import register_distribution, register_loss


@register_distribution("categorical")
class Categorical(nn.Module):
    """Probabilities of `n_atoms` returns (2 to 10,000) that lie evenly from `v_min` to `v_max`; the head gives logits.

    z_i = v_min + i (v_max - v_min) / (n_atoms - 1) are the ``support``; Q(s, a) = sum_i z_i p_i(s, a).
    Source: Bellemare, Dabney & Munos 2017, "A distributional perspective on reinforcement learning", section 4.
    """

    loss = "cross_entropy"
    support: Tensor

    def __init__(
        self,
        features_dim: int,  # noqa: ARG002  # part of the contract of distributions
        n_atoms: Annotated[int, Field(ge=2, le=10_000)] = 51,
        v_min: float = -10.0,
        v_max: float = 10.0,
    ) -> None:
        super().__init__()
        self.check_keywords(n_atoms=n_atoms, v_min=v_min, v_max=v_max)
        self.n_outputs = n_atoms
        # not persistent: it is configuration, and no weight
        self.register_buffer("support", torch.linspace(v_min, v_max, n_atoms), persistent=False)

    @staticmethod
    def check_keywords(n_atoms: int = 51, v_min: float = -10.0, v_max: float = 10.0) -> None:
        """ValueError for what cannot be."""
        if n_atoms < 2:
            raise ValueError(f"n_atoms must be at least 2, not {n_atoms}")
        if v_min >= v_max:
            raise ValueError(f"v_min must be below v_max, and {v_min:g} is not below {v_max:g}")

    def mean(self, outputs: Tensor) -> Tensor:
        """Logits (B, A, n_atoms) to (B, A)."""
        return (outputs.softmax(-1) * self.support).sum(-1)

    def values(self, head: nn.Module, features: Tensor) -> Tensor:
        """(B, features_dim) to (B, A)."""
        return self.mean(head(features))


def categorical_projection(support: Tensor, p_t: Tensor, r_t: Tensor, discount_t: Tensor) -> Tensor:
    """The distribution of r_t + discount_t * z, brought back onto the atoms that it falls between.

    support: (N,) evenly spaced; p_t: (B, N) probabilities; r_t, discount_t: (B,). Returns (B, N) probabilities
    m_j = sum_i [1 - |clip(r_t + discount_t z_i) - z_j| / dz] cut to [0, 1], times p_i.
    Source: Bellemare et al. 2017, equation 7.
    """
    if p_t.shape != (*r_t.shape, *support.shape) or r_t.shape != discount_t.shape or r_t.ndim != 1 or p_t.ndim != 2:
        shapes = ", ".join(str(tuple(x.shape)) for x in (support, p_t, r_t, discount_t))
        raise ValueError(f"need support (N,), probabilities (B, N) and vectors (B,), got shapes {shapes}")
    spacing = (support[-1] - support[0]) / (len(support) - 1)
    moved = (r_t.unsqueeze(1) + discount_t.unsqueeze(1) * support).clamp(support[0], support[-1])  # (B, N)
    distance = (moved.unsqueeze(1) - support.unsqueeze(1)).abs() / spacing  # (B, atom j, moved atom i)
    return ((1 - distance).clamp(min=0) * p_t.unsqueeze(1)).sum(-1)


@register_loss("cross_entropy")
def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Of a target distribution and logits: -sum_i target_i log softmax(logits)_i.

    logits, target: (B, N); returns (B,). Its gradient is that of the Kullback-Leibler divergence.
    Source: Bellemare et al. 2017, algorithm 1.
    """
    if logits.ndim != 2 or target.shape != logits.shape:
        raise ValueError(f"need two of shape (B, N), got shapes {tuple(logits.shape)}, {tuple(target.shape)}")
    return -(target * logits.log_softmax(-1)).sum(-1)


def kl_divergence(logits: Tensor, target: Tensor) -> Tensor:
    """Of a target distribution from logits: their cross-entropy less the target's own entropy; at least 0.

    logits, target: (B, N); returns (B,). Source: Hessel et al. 2018, "The integrated agent" (Rainbow's priority).
    """
    return (cross_entropy(logits, target) + torch.xlogy(target, target).sum(-1)).clamp(min=0)
