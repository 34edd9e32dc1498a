"""IQN's distribution: a network that answers for any fraction, by an embedding of cosines."""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from dqn_zoo_ext.learning.distributions.quantile import even_fractions
from dqn_zoo_ext.learning.networks.stochastic import Stochastic
from dqn_zoo_ext.registry import register_distribution

NFractions = Annotated[int, Field(ge=1, le=1_024)]
"""How many fractions a network is asked for at once: each takes as much memory as the features, and then the head's."""


@register_distribution("implicit_quantile")
class ImplicitQuantile(Stochastic):
    """The return's quantile at any fraction tau: head(features * phi(tau)).

    phi_j(tau) = relu(sum over i < n_cosines of cos(pi i tau) w_ij + b_j). An action's value is the mean over
    `n_acting` fractions (K): uniform ones inside ``drawing``, as in the paper, else evenly placed. Both numbers are at
    most 1,024.
    Source: Dabney et al. 2018, "Implicit quantile networks for distributional reinforcement learning", section 3.
    """

    loss = "quantile_huber"
    n_outputs = 1
    even: Tensor
    frequencies: Tensor

    def __init__(
        self,
        features_dim: int,
        n_cosines: Annotated[int, Field(ge=1, le=1_024)] = 64,
        n_acting: NFractions = 32,
    ) -> None:
        super().__init__()
        self.embedding = nn.Sequential(nn.Linear(n_cosines, features_dim), nn.ReLU())
        self.register_buffer("frequencies", math.pi * torch.arange(n_cosines), persistent=False)
        self.register_buffer("even", even_fractions(n_acting), persistent=False)

    def values(self, head: nn.Module, features: Tensor) -> Tensor:
        """(B, features_dim) to (B, A)."""
        if self.draws == "nothing":
            fractions = self.even.expand(len(features), -1)
        else:
            fractions = uniform_fractions(len(features), len(self.even), features.device)
        return self.quantiles(head, features, fractions).mean(-1)

    def quantiles(self, head: nn.Module, features: Tensor, fractions: Tensor) -> Tensor:
        """(B, features_dim) and fractions (B, N) to (B, A, N)."""
        phi = self.embedding((fractions.unsqueeze(-1) * self.frequencies).cos())  # (B, N, features_dim)
        outputs: Tensor = head(features.unsqueeze(1) * phi)  # (B, N, A, 1)
        return outputs.squeeze(-1).transpose(1, 2)


def uniform_fractions(rows: int, count: int, device: torch.device) -> Tensor:
    """(rows, count) fractions, uniform in [0, 1)."""
    return torch.rand(rows, count, device=device)
