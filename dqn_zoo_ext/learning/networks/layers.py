"""The dense layers that a head is made of, by name: ``linear``, and the noisy layers of NoisyNet."""

import math
from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from dqn_zoo_ext.learning.networks.convolution import Dense, dense
from dqn_zoo_ext.learning.networks.stochastic import Stochastic
from dqn_zoo_ext.registry import register_layer

MakeLayer = Callable[[int, int], nn.Module]
"""From the numbers of inputs and outputs to a layer."""


@register_layer("linear")
def linear(in_features: int, out_features: int) -> nn.Linear:
    """PyTorch's dense layer."""
    return Dense(in_features, out_features)


@register_layer("noisy")
class NoisyLinear(Stochastic):
    """A dense layer whose weights are perturbed by learned amounts of factorised Gaussian noise.

    With p inputs and noise e_in (p,), e_out, both f(x) = sign(x) sqrt(|x|) of unit normals (equations 9 to 11)::

        y = (mu_w + sigma_w * outer(f(e_out), f(e_in))) x + mu_b + sigma_b * f(e_out)

    computed without the outer product, so that each row of a batch may have noise of its own. mu begins uniform within
    1 / sqrt(p), sigma at `sigma` / sqrt(p) (section 3.2). Outside of ``drawing`` the layer is its mean.

    (..., in_features) to (..., out_features); the first dimension is the batch's.
    Source: Fortunato et al. 2018, "Noisy networks for exploration".
    """

    def __init__(self, in_features: int, out_features: int, sigma: Annotated[float, Field(gt=0)] = 0.5) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound))
        self.sigma_weight = nn.Parameter(torch.full((out_features, in_features), sigma * bound))
        self.sigma_bias = nn.Parameter(torch.full((out_features,), sigma * bound))

    def forward(self, inputs: Tensor) -> Tensor:
        """Noise as ``draws`` says."""
        mean = dense(inputs, self.weight, self.bias)
        if self.draws == "nothing":
            return mean
        rows = len(inputs) if self.draws == "for_each_row" else 1
        shape = (rows, *[1] * (inputs.ndim - 2))
        e_in = scaled_noise(torch.randn(*shape, inputs.shape[-1], device=inputs.device))
        e_out = scaled_noise(torch.randn(*shape, mean.shape[-1], device=inputs.device))
        return mean + e_out * nn.functional.linear(inputs * e_in, self.sigma_weight, self.sigma_bias)


def scaled_noise(x: Tensor) -> Tensor:
    """f(x) = sign(x) sqrt(|x|), elementwise: what keeps the product of two such noises from heavy tails."""
    return x.sign() * x.abs().sqrt()
