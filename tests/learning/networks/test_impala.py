"""The residual torso against a slow twin, its shapes and counts, and what spectral normalisation keeps in buffers."""

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor, nn

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.networks.impala import Impala, Residual
from dqn_zoo_ext.learning.updates.learner import copy_weights


def screen(height: int = 84, width: int = 84, channels: int = 4) -> spaces.Box:
    return spaces.Box(0, 255, (channels, height, width), np.uint8)


def torso(space: spaces.Box, **arguments: Any) -> Impala:
    torch.manual_seed(0)
    made = Impala(space, **arguments)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if name.endswith("bias"):
                weight.uniform_(-0.5, 0.5)  # large enough for an activation left out to be seen
    return made


def observations(space: spaces.Box, rows: int = 2) -> Tensor:
    return torch.rand(rows, *space.shape, generator=torch.Generator().manual_seed(1))


def slow_convolution(layer: Any, x: Tensor) -> Tensor:
    """3 x 3 with a border of zeros: at each position the sum over nine shifts and all channels."""
    rows, height, width = len(x), *x.shape[2:]
    out = torch.zeros(rows, len(layer.bias), height, width)
    for i in range(height):
        for j in range(width):
            out[:, :, i, j] = layer.bias
            for di in (-1, 0, 1):
                for dj in (-1, 0, 1):
                    if 0 <= i + di < height and 0 <= j + dj < width:
                        out[:, :, i, j] += x[:, :, i + di, j + dj] @ layer.weight[:, :, di + 1, dj + 1].T
    return out


def slow_pooling(x: Tensor) -> Tensor:
    """The greatest within one step of every second position."""
    height, width = x.shape[2:]
    out = torch.empty(*x.shape[:2], math.ceil(height / 2), math.ceil(width / 2))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            near = x[:, :, max(2 * i - 1, 0) : 2 * i + 2, max(2 * j - 1, 0) : 2 * j + 2]
            out[:, :, i, j] = near.amax((2, 3))
    return out


def slow_cells(x: Tensor, cells: int) -> Tensor:
    """The greatest in each of cells x cells rectangles, which overlap where the map cannot be divided."""
    height, width = x.shape[2:]
    out = torch.empty(*x.shape[:2], cells, cells)
    for i in range(cells):
        for j in range(cells):
            rows = slice(i * height // cells, math.ceil((i + 1) * height / cells))
            columns = slice(j * width // cells, math.ceil((j + 1) * width / cells))
            out[:, :, i, j] = x[:, :, rows, columns].amax((2, 3))
    return out


def slow_residual(block: Residual, x: Tensor) -> Tensor:
    _, first, _, second = block.layers
    return x + slow_convolution(second, slow_convolution(first, x.clamp(min=0)).clamp(min=0))


@torch.no_grad()
def slow_torso(made: Impala, x: Tensor, pooling: int | None, dense: bool = True) -> Tensor:
    blocks: Any = made.cnn[:3]
    for convolution, _, first, second in blocks:
        x = slow_residual(second, slow_residual(first, slow_pooling(slow_convolution(convolution, x))))
    x = x.clamp(min=0)
    if pooling is not None:
        x = slow_cells(x, pooling)
    x = x.flatten(1)
    layer: Any = made.linear[0] if dense else None
    return (x @ layer.weight.T + layer.bias).clamp(min=0) if dense else x


def test_a_residual_block_by_its_equation() -> None:
    torch.manual_seed(0)
    block = Residual(2, lambda layer: layer)
    x = torch.randn(3, 2, 4, 5)
    before = x.clone()
    torch.testing.assert_close(block(x), slow_residual(block, x))
    assert torch.equal(x, before)  # no activation in place


@pytest.mark.parametrize("arguments", [{}, {"pooling": 2}, {"features_dim": None}, {"normalization": "spectral"}])
def test_it_is_its_slow_twin(arguments: dict[str, Any]) -> None:
    space = screen(20, 17, channels=2)  # to 3 x 3
    made = torso(space, **arguments).eval()
    x = observations(space)
    expected = slow_torso(made, x, arguments.get("pooling"), dense="features_dim" not in arguments)
    features = made(x)
    assert features.shape == (2, made.features_dim)
    assert features.std() > 0.05
    torch.testing.assert_close(features, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("height", "width", "cells"), [(11, 11, 6), (3, 7, 2), (5, 5, 1), (6, 6, 6)])
def test_pooling_to_cells_is_a_loop_over_them(height: int, width: int, cells: int) -> None:
    made = torso(screen(8 * height, 8 * width), pooling=cells, features_dim=None)
    maps = torch.randn(2, 3, height, width)
    assert torch.equal(made.cnn[4](maps), slow_cells(maps, cells))


def test_parameters_on_84_by_84() -> None:
    def count(**arguments: Any) -> int:
        return sum(weight.numel() for weight in Impala(screen(), **arguments).parameters())

    # a convolution from i to o channels has (9 i + 1) o; maps of 84 -> 42 -> 21 -> 11
    # 37 * 16 + 4 * 145 * 16 = 9,872; 145 * 32 + 4 * 289 * 32 = 41,632; 289 * 32 + 4 * 289 * 32 = 46,240
    assert count(features_dim=None) == 97_744
    assert count() == 97_744 + (32 * 11 * 11 + 1) * 256  # 1,089,232
    # twice as wide: 37 * 32 + 4 * 289 * 32 = 38,176; 289 * 64 + 4 * 577 * 64 = 166,208; 5 * 577 * 64 = 184,640
    assert count(features_dim=None, width=2) == 389_024
    assert count(width=2, pooling=6, normalization="spectral") == 389_024 + (64 * 6 * 6 + 1) * 256  # 979,104


def test_features_without_a_dense_layer() -> None:
    assert Impala(screen(), features_dim=None).features_dim == 32 * 11 * 11
    assert Impala(screen(), features_dim=None, width=2, pooling=6).features_dim == 64 * 6 * 6
    assert Impala(screen()).features_dim == 256


@pytest.mark.parametrize(("pooling", "least"), [(6, 41), (2, 9)])
def test_a_screen_with_less_than_a_position_for_each_cell_is_refused(pooling: int, least: int) -> None:
    # 41 -> 21 -> 11 -> 6 and 40 -> 20 -> 10 -> 5; 9 -> 5 -> 3 -> 2 and 8 -> 4 -> 2 -> 1
    assert Impala(screen(least, 84), pooling=pooling)(observations(screen(least, 84))).shape == (2, 256)
    with pytest.raises(UserError, match=rf"^a screen of \({least - 1}, 84\) is too small for Impala$"):
        Impala(screen(least - 1, 84), pooling=pooling)


def test_vectors_are_refused() -> None:
    with pytest.raises(UserError, match=r"needs observations \(channels, height, width\), got \(4,\)$"):
        Impala(spaces.Box(-1, 1, (4,)))


def test_unknown_normalization() -> None:
    with pytest.raises(UserError, match=r"^unknown normalization 'spektral'; did you mean 'spectral'\?$"):
        Impala(screen(), normalization="spektral")  # type: ignore[arg-type]


# -- spectral normalisation -------------------------------------------------------------------------------------------

SMALL = screen(12, 12, channels=2)


def spectral(**arguments: Any) -> Impala:
    return torso(SMALL, normalization="spectral", **arguments)


def residual_convolutions(made: Impala) -> list[nn.Module]:
    blocks = [block for block in made.modules() if isinstance(block, Residual)]
    return [layer for block in blocks for layer in block.layers if isinstance(layer, nn.Conv2d)]


def buffers(made: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in made.named_buffers()}


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def moved(made: Impala, passes: int = 1) -> Impala:
    """Its weights changed, then forward passes in training mode."""
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.1)
    for _ in range(passes):
        made.train()(observations(SMALL))
    return made


def test_the_residual_convolutions_largest_singular_value_is_one() -> None:
    made = moved(spectral(), passes=50)
    layers: list[Any] = residual_convolutions(made.eval())
    assert len(layers) == 12
    for layer in layers:
        largest = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0].item()
        assert largest == pytest.approx(1.0, abs=0.02)
        assert torch.linalg.svdvals(layer.parametrizations.weight.original.detach().flatten(1))[0].item() > 1.2


def test_other_convolutions_and_other_torsos_are_not_normalised() -> None:
    names = [name for name, _ in spectral().named_parameters() if "parametrizations" in name]
    assert len(names) == 12
    assert all(name.split(".")[2] in ("2", "3") for name in names)  # behind the block's convolution and its pooling
    assert not [name for name, _ in torso(SMALL).named_parameters() if "parametrizations" in name]
    assert not buffers(torso(SMALL))


def test_only_a_pass_in_training_mode_moves_the_singular_vectors() -> None:
    made = moved(spectral()).eval()
    before = buffers(made)
    assert len(before) == 24  # u and v of each
    features = made(observations(SMALL))
    assert torch.equal(made(observations(SMALL)), features)
    assert equal(buffers(made), before)
    made.train()(observations(SMALL))
    after = buffers(made)
    assert not any(torch.equal(after[name], before[name]) for name in before)


def test_a_copy_has_the_same_values_and_vectors_of_its_own() -> None:
    made = moved(spectral()).eval()
    generator = torch.get_rng_state()
    copied = copy.deepcopy(made)
    assert torch.equal(torch.get_rng_state(), generator)
    x = observations(SMALL)
    features = made(x)
    assert torch.equal(copied(x), features)
    moved(copied)
    assert torch.equal(made(x), features)
    assert not torch.equal(copied.eval()(x), features)


def test_a_target_copy_takes_weights_and_vectors() -> None:
    online, target = moved(spectral()), spectral().eval()
    copy_weights(online, target, tau=1.0)
    assert equal(buffers(target), buffers(online))
    assert torch.equal(target(observations(SMALL)), online.eval()(observations(SMALL)))


def test_a_state_dict_brings_everything_back() -> None:
    made = moved(spectral(pooling=2))
    torch.manual_seed(5)
    fresh = Impala(SMALL, normalization="spectral", pooling=2)
    fresh.load_state_dict(made.state_dict())
    for mode in (True, False):  # and both go on alike
        assert torch.equal(fresh.train(mode)(observations(SMALL)), made.train(mode)(observations(SMALL)))
    assert equal(buffers(fresh), buffers(made))


def test_a_pass_between_forward_and_backward_does_not_touch_the_gradient() -> None:
    made = moved(spectral())
    alone = copy.deepcopy(made)
    x = observations(SMALL)
    features = made(x)
    with torch.no_grad():
        made(x.flip(2))  # Double DQN's selector
    features.square().sum().backward()
    alone(x).square().sum().backward()
    assert not equal(buffers(made), buffers(alone))
    for (name, weight), twin in zip(made.named_parameters(), alone.parameters(), strict=True):
        assert weight.grad is not None, name
        assert twin.grad is not None
        assert torch.equal(weight.grad, twin.grad), name
        assert bool(weight.grad.any()), name
