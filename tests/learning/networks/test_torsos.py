"""Torsos: DeepMind's exact shapes, the first values of weights, screens of other sizes."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.networks.convolution import Convolution
from dqn_zoo_ext.learning.networks.heads import LinearHead
from dqn_zoo_ext.learning.networks.torsos import (
    DataEfficient,
    Keras2019,
    Nature,
    NatureHe,
    NaturePadded,
    Nips,
    TooSmall,
)


def screen(height: int = 84, width: int = 84, channels: int = 4) -> spaces.Box:
    return spaces.Box(0, 255, (channels, height, width), np.uint8)


def shapes(module: torch.nn.Module) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in module.parameters()]


def test_nature_has_deepminds_shape() -> None:
    torso = Nature(screen())
    convolutions = [(32, 4, 8, 8), (32,), (64, 32, 4, 4), (64,), (64, 64, 3, 3), (64,)]
    assert shapes(torso) == [*convolutions, (512, 3136), (512,)]
    parameters = sum(weight.numel() for weight in [*torso.parameters(), *LinearHead(512, 6).parameters()])
    assert parameters == 1_687_206  # worked out from the paper's table, for six actions


def test_nips_has_the_shape_of_2013() -> None:
    assert shapes(Nips(screen())) == [(16, 4, 8, 8), (16,), (32, 16, 4, 4), (32,), (256, 2592), (256,)]


def test_keras_2019_has_its_shape_on_its_own_screens() -> None:
    torso = Keras2019(screen(105, 80))
    # 105 x 80 -> 25 x 19 -> 12 x 9 -> 5 x 4: 64 * 20 = 1280 numbers
    convolutions = [(32, 4, 8, 8), (32,), (64, 32, 3, 3), (64,), (64, 64, 3, 3), (64,)]
    assert shapes(torso) == [*convolutions, (512, 1280), (512,)]
    assert Keras2019(screen())(torch.zeros(2, 4, 84, 84)).shape == (2, 512)
    activations = [type(layer).__name__ for layer in torso.modules() if "LU" in type(layer).__name__]
    assert activations == ["ELU"] * 4


def test_keras_2019_begins_as_keras_does() -> None:
    torch.manual_seed(0)
    torso = Keras2019(screen(105, 80))
    first = torso.cnn[0]
    assert isinstance(first, torch.nn.Conv2d)
    bound = np.sqrt(6 / (4 * 64 + 32 * 64))  # Glorot & Bengio 2010, equation 16
    assert bound * 0.98 < first.weight.abs().max() <= bound
    assert all(torch.all(value == 0) for name, value in torso.named_parameters() if name.endswith("bias"))
    # so that nothing but ELU is between a negative screen and its features: exp(x) - 1 and no zeros
    assert (torso(torch.randn(1, 4, 105, 80)) < 0).any()


def test_padding_gives_the_first_layer_21_positions() -> None:
    torso = NaturePadded(screen())
    assert torso.cnn[0](torch.zeros(1, 4, 84, 84)).shape == (1, 32, 21, 21)
    assert torso(torch.zeros(2, 4, 84, 84)).shape == (2, 512)


def test_initial_values() -> None:
    torch.manual_seed(0)
    first = Nature(screen()).cnn[0]
    assert isinstance(first, torch.nn.Conv2d)
    bound = 1 / np.sqrt(4 * 8 * 8)  # uniform within 1/sqrt(fan in), as DeepMind's Torch had it
    assert bound * 0.98 < first.weight.abs().max() <= bound
    he = NatureHe(screen()).cnn[0]
    assert isinstance(he, torch.nn.Conv2d)
    assert he.weight.std().item() == pytest.approx(np.sqrt(2 / 256), rel=0.05)
    glorot = NaturePadded(screen()).cnn[0]
    assert isinstance(glorot, torch.nn.Conv2d)
    bound = np.sqrt(6 / (256 + 32 * 64))
    assert bound * 0.98 < glorot.weight.abs().max() <= bound
    for layer in (he, glorot):
        assert layer.bias is not None
        assert torch.all(layer.bias == 0.1)


def test_other_screens_change_only_the_dense_layer() -> None:
    torso = Nature(screen(105, 80))
    assert torso(torch.zeros(2, 4, 105, 80)).shape == (2, 512)
    assert shapes(torso)[:6] == shapes(Nature(screen()))[:6]


def test_a_screen_too_small_is_refused() -> None:
    with pytest.raises(UserError, match="too small"):
        Nature(screen(20, 84))


def test_vectors_are_refused_by_a_convolutional_torso() -> None:
    with pytest.raises(UserError, match=r"\(channels, height, width\)"):
        Nature(spaces.Box(-1, 1, (4,)))


def test_unknown_initialization() -> None:
    with pytest.raises(UserError, match=r"^unknown initialization 'glorott'; did you mean 'glorot'\?$"):
        Nature(screen(), initialization="glorott")  # type: ignore[arg-type]


def test_data_efficient_leaves_576_numbers() -> None:
    # 84 -> (84 - 5) // 5 + 1 = 16 -> (16 - 5) // 5 + 1 = 3, and 64 * 3 * 3 = 576
    convolutions = [(32, 4, 5, 5), (32,), (64, 32, 5, 5), (64,)]
    assert shapes(DataEfficient(screen())) == [*convolutions, (256, 576), (256,)]
    bare = DataEfficient(screen(), features_dim=None)
    assert shapes(bare) == convolutions
    assert bare.features_dim == 576
    assert bare(torch.zeros(2, 4, 84, 84)).shape == (2, 576)


def test_without_a_dense_layer_the_maps_are_the_features_in_order() -> None:
    torch.manual_seed(0)
    torso = Nips(screen(36, 44), features_dim=None)
    observations = torch.rand(2, 4, 36, 44)
    maps = observations
    for layer in (torso.cnn[0], torso.cnn[2]):
        maps = layer(maps).clamp(min=0)
    assert maps.shape == (2, 32, 3, 4)  # 36 -> 8 -> 3, 44 -> 10 -> 4
    features = torso(observations)
    assert features.shape == (2, torso.features_dim) == (2, 384)
    assert features[1, 2 * 12 + 1 * 4 + 3] == maps[1, 2, 1, 3]  # channel, row, column


@pytest.mark.parametrize("torso", [Nature, NaturePadded, NatureHe, Nips, DataEfficient])
@pytest.mark.parametrize(("height", "width", "channels"), [(105, 80, 4), (60, 100, 12), (210, 160, 3)])
def test_any_screen_and_any_number_of_planes(torso: type[Nature], height: int, width: int, channels: int) -> None:
    made = torso(screen(height, width, channels))
    assert made(torch.zeros(2, channels, height, width)).shape == (2, made.features_dim)


@pytest.mark.parametrize(("torso", "least"), [(Nature, 36), (NaturePadded, 32), (Nips, 20), (DataEfficient, 25)])
def test_the_least_screen_is_named_and_does(torso: type[Nature], least: int) -> None:
    torso(screen(least, least))
    with pytest.raises(TooSmall, match=f"too small for {torso.__name__}, which needs {least} x {least} pixels or more"):
        torso(screen(least, least - 1))


@pytest.mark.parametrize(("kernel", "stride"), [(8, 4), (4, 2), (8, 8)])
def test_a_convolution_is_the_same_on_blocks_with_a_stride_of_one(kernel: int, stride: int) -> None:
    torch.manual_seed(0)
    layer = Convolution(4, 16, kernel, stride).double()
    screens = torch.rand(3, 4, 24, 16, dtype=torch.double)
    side = layer.side_of_blocks(24, 16)
    assert side == stride
    found = []
    for seen in (screens, nn.functional.pixel_unshuffle(screens, side)):
        made = layer(seen)
        found.append([made, *torch.autograd.grad(made.square().sum(), list(layer.parameters()))])
    for plain, in_blocks in zip(*found, strict=True):
        torch.testing.assert_close(in_blocks, plain)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "height", "width"),
    [(8, 4, 2, 84, 84), (8, 4, 0, 82, 84), (8, 4, 0, 84, 82), (5, 4, 0, 84, 84), (3, 1, 0, 84, 84)],
)
def test_it_takes_no_blocks_that_do_not_fit(kernel: int, stride: int, padding: int, height: int, width: int) -> None:
    assert Convolution(4, 16, kernel, stride, padding).side_of_blocks(height, width) == 1


def test_what_only_looks_like_blocks_is_none() -> None:
    unbatched = torch.rand(4, 64, 64)  # 64 rows, and not 64 channels
    layer = Convolution(4, 16, 8, 4)
    torch.testing.assert_close(layer(unbatched), layer(unbatched[None])[0])
    with pytest.raises(RuntimeError, match="channels"):
        Convolution(4, 16, 8, 4, padding=2)(torch.rand(1, 64, 21, 21))
