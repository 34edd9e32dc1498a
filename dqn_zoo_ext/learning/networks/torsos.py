"""Torsos: observations to features.

A torso is a Stable-Baselines3 features extractor, so any extractor of its users works as one, and the parameters of the
Nature torso carry the same names as those of its ``NatureCNN``. Images arrive as floats in [0, 1]: Stable-Baselines3's
preprocessing has divided them by 255.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, get_args

import torch
from gymnasium import spaces
from pydantic import Field
from stable_baselines3.common.preprocessing import get_flattened_obs_dim
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, CombinedExtractor, FlattenExtractor
from torch import Tensor, nn

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.learning.networks.activations import Activation, activation_class
from dqn_zoo_ext.learning.networks.convolution import Convolution, Dense, Layers, is_left_alone
from dqn_zoo_ext.registry import register_torso, torsos

Features = Annotated[int, Field(ge=1)]
Padding = Annotated[int, Field(ge=0)]
Initialization = Literal["pytorch", "glorot", "he"]
Normalization = Literal["none", "batch"]


torsos.add("flatten", FlattenExtractor)
torsos.add("combined", CombinedExtractor)


class TooSmall(UserError):  # noqa: N818  # it says what is wrong
    """A screen leaves nothing for a torso's layers to look at."""


@register_torso("mlp")
class Mlp(BaseFeaturesExtractor):
    """Dense layers on the flattened observation, one of each width in `net_arch`, each followed by the `activation`.

    For heads that are to stand on features and not on the observation itself: noise in the weights of four inputs, say,
    leaves little of what they say.

    normalization: ``batch`` puts batch normalisation between a layer and its activation (Ioffe & Szegedy 2015). An
    update normalises by its own batch; acting, evaluation and the target network by running statistics, which each
    update moves by a tenth, and which a copy to the target network takes along.
    """

    def __init__(
        self,
        observation_space: spaces.Box,
        net_arch: Sequence[Features] = (64,),
        activation: Activation = "relu",
        normalization: Normalization = "none",
    ) -> None:
        widths = [get_flattened_obs_dim(observation_space), *net_arch]
        super().__init__(observation_space, widths[-1])
        if normalization not in get_args(Normalization):
            raise UserError(f"unknown normalization '{normalization}'{nearest(normalization, get_args(Normalization))}")
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise(widths):
            normalized = [nn.BatchNorm1d(width_out)] if normalization == "batch" else []
            layers += [nn.Linear(width_in, width_out), *normalized, activation_class(activation)()]
        self.mlp = nn.Sequential(nn.Flatten(), *layers)

    def forward(self, observations: Tensor) -> Tensor:
        """(B, *observation shape) to (B, last of `net_arch`)."""
        features: Tensor = self.mlp(observations)
        return features


class ScreenTorso(BaseFeaturesExtractor):
    """`layers` for screens (``cnn``), then a dense layer of `features_dim` units, `activation`; None: no such layer.

    Without it the flattened feature maps are the features, for a head with hidden layers of its own (dueling streams,
    noisy layers). Observations: (B, C, H, W). maps: (channels, height, width) of what `layers` give.

    `layers` are to see each screen by itself, and to draw nothing: several batches may be looked at in one pass.
    """

    activation: ClassVar[type[nn.Module]] = nn.ReLU

    def __init__(
        self,
        observation_space: spaces.Box,
        layers: Iterable[nn.Module],
        maps: tuple[int, int, int],
        features_dim: Features | None,
    ) -> None:
        flat = math.prod(maps)
        super().__init__(observation_space, features_dim or flat)
        self.cnn = Layers(*layers, nn.Flatten())
        dense = [] if features_dim is None else [Dense(flat, features_dim), self.activation()]
        self.linear = Layers(*dense)

    def forward(self, observations: Tensor) -> Tensor:
        """(B, C, H, W) floats to features, (B, features_dim)."""
        features: Tensor = self.linear(self.cnn(observations))
        return features

    def side_of_blocks(self, height: int, width: int) -> int:
        """Of the blocks of pixels that the first layer takes screens in, if it is given them; 1: none.

        There are none where somebody else may look at the screens before that layer does: a ``forward`` of a subclass,
        a hook, or what has taken the place of the layers.
        """
        plain = type(self).forward is ScreenTorso.forward and type(self.cnn) is Layers
        if not plain or not is_left_alone(self) or not is_left_alone(self.cnn):
            return 1
        first = self.cnn[0]
        return first.side_of_blocks(height, width) if isinstance(first, Convolution) else 1

    @staticmethod
    def screen(observation_space: spaces.Box) -> tuple[int, int, int]:
        """(channels, height, width) of the observations; UserError if they are no images."""
        if len(observation_space.shape) != 3:
            raise UserError(
                f"a convolutional torso needs observations (channels, height, width), got {observation_space.shape}"
            )
        channels, height, width = observation_space.shape
        return channels, height, width

    @classmethod
    def too_small(cls, observation_space: spaces.Box, least: int | None = None) -> TooSmall:
        """The error to raise for a screen that leaves nothing for the layers to look at. least: pixels of a side."""
        advice = "" if least is None else f", which needs {least} x {least} pixels or more"
        return TooSmall(f"a screen of {observation_space.shape[1:]} is too small for {cls.__name__}{advice}")


class ConvolutionalTorso(ScreenTorso):
    """Convolutions, each followed by the `activation`, then the dense layer.

    A subclass lists its convolutions as (channels, kernel, stride). `padding` is the first convolution's.
    `initialization`: PyTorch's default (uniform within 1/sqrt(fan in), as DeepMind's Torch had it), Glorot uniform, or
    He normal. `bias`: the biases' first value; None leaves PyTorch's. UserError if the screen is too small for the
    kernels, or the initialization unknown.
    """

    convolutions: ClassVar[tuple[tuple[int, int, int], ...]]

    def __init__(
        self,
        observation_space: spaces.Box,
        features_dim: Features | None = 512,
        padding: Padding = 0,
        initialization: Initialization = "pytorch",
        bias: float | None = None,
    ) -> None:
        channels, height, width = self.screen(observation_space)
        layers: list[nn.Module] = []
        for index, (out_channels, kernel, stride) in enumerate(self.convolutions):
            pad = padding if index == 0 else 0
            height, width = ((size + 2 * pad - kernel) // stride + 1 for size in (height, width))
            if height < 1 or width < 1:
                raise self.too_small(observation_space, self._least_side(padding))
            layers += [Convolution(channels, out_channels, kernel, stride, pad), self.activation()]
            channels = out_channels
        super().__init__(observation_space, layers, (channels, height, width), features_dim)
        _initialize(self, initialization, bias)

    @classmethod
    def _least_side(cls, padding: int) -> int:
        """Of a screen that leaves maps of one number."""
        side = 1
        for _, kernel, stride in reversed(cls.convolutions):
            side = (side - 1) * stride + kernel
        return max(side - 2 * padding, 1)


@register_torso("nature")
class Nature(ConvolutionalTorso):
    """The torso of Mnih et al. 2015: 32 filters 8 x 8 stride 4, 64 of 4 x 4 stride 2, 64 of 3 x 3, 512 units."""

    convolutions = ((32, 8, 4), (64, 4, 2), (64, 3, 1))


@register_torso("nature_padded")
class NaturePadded(Nature):
    """Nature with two pixels of padding around the screen, so that its edge is seen as often as its middle.

    Glorot initialisation and biases of 0.1, as in the blog article of 2016 that the Space Invaders preset follows.
    """

    def __init__(
        self,
        observation_space: spaces.Box,
        features_dim: Features | None = 512,
        padding: Padding = 2,
        initialization: Initialization = "glorot",
        bias: float | None = 0.1,
    ) -> None:
        super().__init__(observation_space, features_dim, padding, initialization, bias)


@register_torso("nature_he")
class NatureHe(Nature):
    """Padded Nature with He et al.'s 2015 normal initialisation (gain for ReLU) and biases of 0.1."""

    def __init__(
        self,
        observation_space: spaces.Box,
        features_dim: Features | None = 512,
        padding: Padding = 2,
        initialization: Initialization = "he",
        bias: float | None = 0.1,
    ) -> None:
        super().__init__(observation_space, features_dim, padding, initialization, bias)


@register_torso("nips")
class Nips(ConvolutionalTorso):
    """The torso of Mnih et al. 2013: 16 filters of 8 x 8 stride 4, 32 of 4 x 4 stride 2, 256 units."""

    convolutions = ((16, 8, 4), (32, 4, 2))

    def __init__(
        self,
        observation_space: spaces.Box,
        features_dim: Features | None = 256,
        padding: Padding = 0,
        initialization: Initialization = "pytorch",
        bias: float | None = None,
    ) -> None:
        super().__init__(observation_space, features_dim, padding, initialization, bias)


@register_torso("keras_2019")
class Keras2019(ConvolutionalTorso):
    """32 filters of 8 x 8 stride 4, 64 of 3 x 3 stride 2, 64 of 3 x 3 stride 2, 512 units; ELU throughout.

    Glorot uniform initialisation and biases of 0, as Keras begins with. On 105 x 80 it leaves 64 maps of 5 x 4.
    Source: the article "Deep Q-Learning for Atari Games" of 2019, corrected: it means kernels and strides by (8, 4) and
    (3, 2), and hands both to Keras as the two sides of a kernel, so that its layers have no strides.
    """

    activation = nn.ELU
    convolutions = ((32, 8, 4), (64, 3, 2), (64, 3, 2))

    def __init__(
        self,
        observation_space: spaces.Box,
        features_dim: Features | None = 512,
        padding: Padding = 0,
        initialization: Initialization = "glorot",
        bias: float | None = 0.0,
    ) -> None:
        super().__init__(observation_space, features_dim, padding, initialization, bias)


@register_torso("data_efficient")
class DataEfficient(ConvolutionalTorso):
    """The torso of data-efficient Rainbow: 32 filters of 5 x 5 stride 5, 64 of 5 x 5 stride 5; 256 units.

    On 84 x 84 it leaves 64 maps of 3 x 3. The paper's heads stand on these 576 numbers directly, with 256 hidden units
    of their own: ``features_dim: null`` and ``net_arch: [256]``.
    Source: van Hasselt, Hessel & Aslanides 2019, "When to use parametric models in reinforcement learning?", appendix.
    """

    convolutions = ((32, 5, 5), (64, 5, 5))

    def __init__(
        self,
        observation_space: spaces.Box,
        features_dim: Features | None = 256,
        padding: Padding = 0,
        initialization: Initialization = "pytorch",
        bias: float | None = None,
    ) -> None:
        super().__init__(observation_space, features_dim, padding, initialization, bias)


def _initialize(module: nn.Module, initialization: Initialization, bias: float | None) -> None:
    known = get_args(Initialization)
    if initialization not in known:
        raise UserError(f"unknown initialization '{initialization}'{nearest(initialization, known)}")
    for layer in module.modules():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        if initialization == "glorot":
            nn.init.xavier_uniform_(layer.weight)
        elif initialization == "he":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if bias is not None and layer.bias is not None:
            with torch.no_grad():
                layer.bias.fill_(bias)
