"""Heads: from a torso's features to the numbers of each action."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from dqn_zoo_ext.learning.networks.activations import Activation, activation_class
from dqn_zoo_ext.learning.networks.convolution import Layers
from dqn_zoo_ext.learning.networks.layers import MakeLayer, linear
from dqn_zoo_ext.registry import register_head

Features = Annotated[int, Field(ge=1)]


@register_head("linear")
class LinearHead(Layers):
    """Hidden layers of `net_arch` units, then a layer without activation.

    n_outputs: numbers for each action, as many as the distribution needs. layer: makes the layers.
    (..., features_dim) to (..., n_actions, n_outputs).
    """

    def __init__(
        self,
        features_dim: int,
        n_actions: int,
        n_outputs: int = 1,
        net_arch: Sequence[Features] = (),
        activation: Activation | type[nn.Module] = "relu",
        layer: MakeLayer = linear,
    ) -> None:
        super().__init__(*_layers([features_dim, *net_arch, n_actions * n_outputs], activation, layer))
        self.shape = (n_actions, n_outputs)

    def forward(self, features: Tensor) -> Tensor:
        """See above."""
        features = super().forward(features)
        return features.view(*features.shape[:-1], *self.shape)


@register_head("softmax")
class SoftmaxHead(LinearHead):
    """A LinearHead whose numbers are squeezed into probabilities over the actions: a mistake, kept to be looked at.

    Q-values are expected sums of rewards. They may be negative, may be 20 or 5000, and those of a state do not sum to
    anything in particular; a softmax leaves each between 0 and 1 and makes them sum to 1. So no state can be worth more
    than 1 or less than 1 / n_actions to the agent, a target outside of that is never reached, and raising one action's
    value lowers the others', about which nothing was learned. Which action is best can still come out right where
    rewards are small and rare. The article that the preset pong-2019 follows has it; use ``linear``.
    """

    def forward(self, features: Tensor) -> Tensor:
        """(..., features_dim) to (..., n_actions, n_outputs), whose sum over the actions is 1."""
        return super().forward(features).softmax(dim=-2)


@register_head("dueling")
class DuelingHead(nn.Module):
    """A stream for the state's value and one for the actions' advantages, each with its own hidden layers.

    Q(s, a) = V(s) + A(s, a) - mean over a' of A(s, a') (equation 9). With several numbers for each action (atoms,
    quantiles) the streams are joined for each of them (Hessel et al. 2018, "Dueling networks").
    gradient_scale: the gradient that both streams together send into the torso is multiplied by this (section 4.2:
    1 / sqrt(2)). Otherwise as LinearHead.
    Source: Wang et al. 2016, "Dueling network architectures for deep reinforcement learning".
    """

    def __init__(
        self,
        features_dim: int,
        n_actions: int,
        n_outputs: int = 1,
        net_arch: Sequence[Features] = (),
        activation: Activation | type[nn.Module] = "relu",
        layer: MakeLayer = linear,
        gradient_scale: Annotated[float, Field(gt=0, le=1)] = 0.5**0.5,
    ) -> None:
        super().__init__()
        self.value = LinearHead(features_dim, 1, n_outputs, net_arch, activation, layer)
        self.advantage = LinearHead(features_dim, n_actions, n_outputs, net_arch, activation, layer)
        self.gradient_scale = gradient_scale

    def forward(self, features: Tensor) -> Tensor:
        """See above."""
        scaled: Tensor = _ScaleGradient.apply(features, self.gradient_scale)  # type: ignore[no-untyped-call]
        advantage = self.advantage(scaled)
        outputs: Tensor = self.value(scaled) + advantage - advantage.mean(dim=-2, keepdim=True)
        return outputs


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.scale * gradient, None


def _layers(widths: Sequence[int], activation: Activation | type[nn.Module], layer: MakeLayer) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(widths):
        layers += [layer(width_in, width_out), activation_class(activation)()]
    return layers[:-1]
