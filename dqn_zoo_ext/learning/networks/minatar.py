"""The torso for MinAtar's cells."""

from gymnasium import spaces

from dqn_zoo_ext.learning.networks.torsos import ConvolutionalTorso, Features, Initialization, Padding
from dqn_zoo_ext.registry import register_torso


@register_torso("minatar")
class MinAtar(ConvolutionalTorso):
    """16 filters of 3 x 3 stride 1, 128 units. Source: Young & Tian 2019 (arXiv:1903.03176), examples/dqn.py."""

    convolutions = ((16, 3, 1),)

    def __init__(
        self,
        observation_space: spaces.Box,
        features_dim: Features | None = 128,
        padding: Padding = 0,
        initialization: Initialization = "pytorch",
        bias: float | None = None,
    ) -> None:
        super().__init__(observation_space, features_dim, padding, initialization, bias)
