"""QR-DQN's distribution: values at fixed fractions, and the quantile Huber loss."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from dqn_zoo_ext.registry import register_distribution, register_loss


@register_distribution("quantile")
class Quantile(nn.Module):
    """`n_quantiles` (at most 10,000) equally likely returns for each action; Q(s, a) is their mean.

    The i-th is the quantile at the ``fractions`` (i + 1/2) / N, the middles of N equal parts.
    Source: Dabney et al. 2018, "Distributional reinforcement learning with quantile regression", lemma 2.
    """

    loss = "quantile_huber"
    fractions: Tensor

    def __init__(
        self,
        features_dim: int,  # noqa: ARG002  # part of the contract of distributions
        n_quantiles: Annotated[int, Field(ge=1, le=10_000)] = 200,
    ) -> None:
        super().__init__()
        self.n_outputs = n_quantiles
        self.register_buffer("fractions", even_fractions(n_quantiles), persistent=False)

    def mean(self, outputs: Tensor) -> Tensor:
        """Quantiles (B, A, n_quantiles) to (B, A)."""
        return outputs.mean(-1)

    def values(self, head: nn.Module, features: Tensor) -> Tensor:
        """(B, features_dim) to (B, A)."""
        return self.mean(head(features))


def even_fractions(count: int) -> Tensor:
    """(count,): the middles of as many equal parts of [0, 1]. ValueError for less than one."""
    if count < 1:
        raise ValueError(f"need at least 1 fraction, not {count}")
    return (torch.arange(count) + 0.5) / count


@register_loss("quantile_huber")
def quantile_huber(quantiles: Tensor, fractions: Tensor, targets: Tensor, kappa: float = 1.0) -> Tensor:
    """Quantile regression with a Huber loss: summed over the quantiles, the mean over the targets.

    quantiles: (B, N) estimates at `fractions`, (N,) or (B, N); targets: (B, N'), without gradient. With
    u_ij = targets_j - quantiles_i, returns (B,) sum_i mean_j |fraction_i - 1{u_ij < 0}| L_kappa(u_ij) / kappa, where
    L_kappa is u**2 / 2 within kappa and linear beyond; kappa = 0 takes |u| for L_kappa / kappa.
    Source: Dabney et al. 2018, "Implicit quantile networks", sections 2 and 3. QR-DQN's equation 10 prints it without
    the division; at kappa = 1, which both use, they are the same.
    """
    _check_batch(quantiles, targets)
    if fractions.shape not in (quantiles.shape, quantiles.shape[1:]):
        shapes = f"{tuple(quantiles.shape)}, {tuple(fractions.shape)}"
        raise ValueError(f"need quantiles (B, N) and fractions (N,) or (B, N), got shapes {shapes}")
    u = targets.detach().unsqueeze(1) - quantiles.unsqueeze(2)  # (B, N, N')
    size = u.abs()
    if kappa > 0:
        inner = size.clamp(max=kappa)
        size = inner * (size - 0.5 * inner) / kappa
    weight = (fractions.unsqueeze(-1) - (u.detach() < 0).float()).abs()
    return (weight * size).mean(2).sum(1)


def bellman_quantiles(quantiles_t: Tensor, r_t: Tensor, discount_t: Tensor) -> Tensor:
    """(B, N): r_t + discount_t * quantiles_t, for quantiles (B, N) and vectors (B,).

    Source: Dabney et al. 2018, "Distributional reinforcement learning with quantile regression", algorithm 1.
    """
    if quantiles_t.ndim != 2 or not r_t.shape == discount_t.shape == quantiles_t.shape[:1]:
        shapes = ", ".join(str(tuple(x.shape)) for x in (quantiles_t, r_t, discount_t))
        raise ValueError(f"need quantiles (B, N) and vectors (B,), got shapes {shapes}")
    return r_t.unsqueeze(1) + discount_t.unsqueeze(1) * quantiles_t


def mean_difference(quantiles: Tensor, targets: Tensor) -> Tensor:
    """(B,): the mean size of targets_j - quantiles_i over all pairs, without gradient: a sample's priority."""
    _check_batch(quantiles, targets)
    return (targets.detach().unsqueeze(1) - quantiles.detach().unsqueeze(2)).abs().mean((1, 2))


def _check_batch(quantiles: Tensor, targets: Tensor) -> None:
    if quantiles.ndim != 2 or targets.ndim != 2 or len(quantiles) != len(targets):
        shapes = f"{tuple(quantiles.shape)}, {tuple(targets.shape)}"
        raise ValueError(f"need quantiles (B, N) and targets (B, N') of one batch, got shapes {shapes}")
