"""Torsos and heads: DeepMind's exact shapes, the first values of weights, screens of other sizes."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.networks.activations import activation_class, activation_name
from dqn_zoo_ext.learning.networks.heads import LinearHead
from dqn_zoo_ext.learning.networks.torsos import Nature, NatureHe, NaturePadded, Nips


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


def test_linear_head_with_hidden_layers() -> None:
    head = LinearHead(8, 3, net_arch=[16], activation="elu")
    assert [type(layer).__name__ for layer in head] == ["Linear", "ELU", "Linear"]
    assert head(torch.zeros(5, 8)).shape == (5, 3, 1)


def test_unknown_activation() -> None:
    with pytest.raises(UserError, match="unknown activation 'rellu'; did you mean 'relu'"):
        LinearHead(8, 3, net_arch=[4], activation="rellu")  # type: ignore[arg-type]


def test_unknown_initialization() -> None:
    with pytest.raises(UserError, match=r"^unknown initialization 'glorott'; did you mean 'glorot'\?$"):
        Nature(screen(), initialization="glorott")  # type: ignore[arg-type]


def test_activations_by_name_and_by_class() -> None:
    for name in ("relu", "tanh"):
        assert activation_name(activation_class(name)) == name
    assert activation_class(activation_name(torch.nn.SiLU)) is torch.nn.SiLU
