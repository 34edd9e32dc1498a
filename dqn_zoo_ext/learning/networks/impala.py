"""The residual torso of IMPALA: deeper than Nature's, with fewer weights."""

from collections.abc import Callable
from typing import Annotated, Literal

from gymnasium import spaces
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.learning.networks.torsos import Features, ScreenTorso
from dqn_zoo_ext.registry import register_torso

Width = Annotated[int, Field(ge=1)]
Cells = Annotated[int, Field(ge=1)]
Normalization = Literal["none", "spectral"]
Normalize = Callable[[nn.Module], nn.Module]

_NORMALIZATIONS: dict[str, Normalize] = {"none": lambda layer: layer, "spectral": spectral_norm}


@register_torso("impala")
class Impala(ScreenTorso):
    """Three blocks of 16, 32 and 32 channels times `width`, ReLU, and a dense layer of `features_dim` units with ReLU.

    A block: convolution 3 x 3, max-pooling 3 x 3 stride 2, two ``Residual``. An 84 x 84 screen becomes maps of 11 x 11.

    pooling: the largest value of each of `pooling` x `pooling` cells comes before the dense layer, so that its size is
    the same for every screen; None: the whole maps do. normalization: ``spectral`` divides the weights of the residual
    convolutions by their largest singular value (Miyato et al. 2018), found by one step of the power method in every
    forward pass in training mode. UserError if there is less than one position for each cell.

    Source: Espeholt et al. 2018, "IMPALA", figure 3, right; `width`, `pooling` and `normalization` as in Clark et al.
    2024, "Beyond the Rainbow", whose code normalises these convolutions and leaves the blocks' first ones alone.
    """

    def __init__(
        self,
        observation_space: spaces.Box,
        features_dim: Features | None = 256,
        width: Width = 1,
        normalization: Normalization = "none",
        pooling: Cells | None = None,
    ) -> None:
        normalize = _normalization(normalization)
        channels, rows, columns = self.screen(observation_space)
        layers: list[nn.Module] = []
        for out_channels in (16 * width, 32 * width, 32 * width):
            layers.append(_block(channels, out_channels, normalize))
            channels = out_channels
            rows, columns = (rows + 1) // 2, (columns + 1) // 2  # what pooling with stride 2 and padding 1 leaves
        layers.append(nn.ReLU())
        if pooling is not None:
            if min(rows, columns) < pooling:
                raise self.too_small(observation_space)
            layers.append(nn.AdaptiveMaxPool2d(pooling))
            rows = columns = pooling
        super().__init__(observation_space, layers, (channels, rows, columns), features_dim)


class Residual(nn.Module):
    """x + convolution(relu(convolution(relu(x)))), both 3 x 3 with padding. (B, channels, H, W) to the same shape."""

    def __init__(self, channels: int, normalize: Normalize) -> None:
        super().__init__()
        first, second = (normalize(nn.Conv2d(channels, channels, 3, padding=1)) for _ in range(2))
        self.layers = nn.Sequential(nn.ReLU(), first, nn.ReLU(), second)

    def forward(self, x: Tensor) -> Tensor:
        """See above."""
        out: Tensor = x + self.layers(x)
        return out


def _block(in_channels: int, out_channels: int, normalize: Normalize) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.MaxPool2d(3, stride=2, padding=1),
        Residual(out_channels, normalize),
        Residual(out_channels, normalize),
    )


def _normalization(name: str) -> Normalize:
    if name not in _NORMALIZATIONS:
        raise UserError(f"unknown normalization '{name}'{nearest(name, _NORMALIZATIONS)}")
    return _NORMALIZATIONS[name]
