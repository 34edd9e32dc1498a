"""The torso's way of computing: channels last, in a named precision; everything behind it in float32."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import preprocess_obs
from torch import nn

from dqn_zoo_ext.learning import policies
from dqn_zoo_ext.learning.hardware.precision import Precision, scaled_screens
from dqn_zoo_ext.learning.networks.convolution import Convolution
from dqn_zoo_ext.learning.networks.torsos import Nature
from dqn_zoo_ext.learning.policies import CnnPolicy, QNetwork

SCREENS = spaces.Box(0, 255, (4, 84, 84), np.uint8)
TORSOS: dict[str, dict[str, Any]] = {
    "nature": {},
    "nature_padded": {},
    "nips": {},
    "data_efficient": {},
    "impala": {"width": 1},
}


def network(torso: str, **kwargs: Any) -> QNetwork:
    torch.manual_seed(0)
    policy = CnnPolicy(SCREENS, spaces.Discrete(6), lambda _: 1e-4, torso=torso, torso_kwargs=TORSOS[torso], **kwargs)
    assert isinstance(policy.q_net, QNetwork)
    return policy.q_net


def screens(batch: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (batch, 4, 84, 84), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_screens_are_scaled_as_in_stable_baselines3_and_lie_channels_last() -> None:
    scaled = scaled_screens(screens(), "fp32")
    assert scaled.is_contiguous(memory_format=torch.channels_last)
    expected = preprocess_obs(screens(), SCREENS)
    assert isinstance(expected, torch.Tensor)
    assert torch.equal(scaled, expected)


def test_for_bf16_every_byte_is_divided_as_in_float32_and_rounded_once() -> None:
    every_byte = torch.arange(256, dtype=torch.uint8).view(1, 4, 8, 8)
    scaled = scaled_screens(every_byte, "bf16")
    assert scaled.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(scaled, (every_byte.float() / 255).to(torch.bfloat16))


@pytest.mark.parametrize("side", [2, 4])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_blocks_are_those_of_pixel_unshuffle(precision: Precision, side: int) -> None:
    blocks = scaled_screens(screens(), precision, side)
    assert blocks.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(blocks, nn.functional.pixel_unshuffle(scaled_screens(screens(), precision), side))


@pytest.mark.parametrize("side", [1, 3, 7])
def test_there_are_no_blocks_of_other_sides(side: int) -> None:
    assert torch.equal(scaled_screens(screens(), "bf16", side), scaled_screens(screens(), "bf16"))


def test_screens_that_lie_otherwise_in_memory_have_the_same_blocks() -> None:
    expected = scaled_screens(screens(), "bf16", 4)
    turned = screens().permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    at_an_odd_byte = torch.cat([torch.zeros(1, dtype=torch.uint8), screens().flatten()])[1:].view(3, 4, 84, 84)
    for each in (turned, at_an_odd_byte):
        assert torch.equal(scaled_screens(each, "bf16", 4), expected)
    one_channel = screens()[:, 0].unsqueeze(-1).permute(0, 3, 1, 2)  # contiguous, and yet it lies otherwise
    assert torch.equal(scaled_screens(one_channel, "bf16", 4), scaled_screens(screens()[:, :1], "bf16", 4))


def channels_given(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Filled with those of what torsos are given from now on: 4, or 64 in blocks."""
    seen: list[int] = []

    def noted(*arguments: Any) -> torch.Tensor:
        scaled = scaled_screens(*arguments)
        seen.append(int(scaled.shape[1]))
        return scaled

    monkeypatch.setattr(policies, "scaled_screens", noted)
    return seen


@pytest.mark.parametrize(
    ("torso", "precision", "channels"),
    [("nature", "bf16", 64), ("nature", "fp32", 4), ("nature_padded", "bf16", 4), ("data_efficient", "bf16", 4)],
)
def test_only_a_first_layer_of_bf16_that_fits_is_given_blocks(
    torso: str, precision: Precision, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = network(torso)
    each.precision = precision
    seen = channels_given(monkeypatch)
    each(screens())
    assert seen == [channels]


class Brightened(Nature):
    """Does something to the screens before its first layer does."""

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return super().forward(observations * torch.ones(4, 84, 84))


class Doubling(Convolution):
    """A first layer with a ``forward`` of its own."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  # PyTorch's name
        assert input.shape[1:] == (4, 84, 84)
        return super().forward(2 * input)


def with_a_layer_of_ones_own(torso: Nature) -> None:
    torso.cnn[0] = Doubling(4, 32, 8, 4)


def with_layers_of_another_kind(torso: Nature) -> None:
    torso.cnn = nn.Sequential(*torso.cnn)  # type: ignore[assignment]


def with_a_forward_in_place(torso: Nature) -> None:
    torso.cnn[0].forward = torso.cnn[0].forward


def with_a_hook_on(which: str) -> Callable[[Nature], None]:
    def watched(torso: Nature) -> None:
        part = {"torso": torso, "layers": torso.cnn, "first layer": torso.cnn[0]}[which]
        part.register_forward_pre_hook(lambda *_: None)

    return watched


@pytest.mark.parametrize(
    "change",
    [
        with_a_layer_of_ones_own,
        with_layers_of_another_kind,
        with_a_forward_in_place,
        *(with_a_hook_on(which) for which in ("torso", "layers", "first layer")),
    ],
)
def test_who_may_look_at_screens_is_given_screens(
    change: Callable[[Nature], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    each = network("nature")
    each.precision = "bf16"
    change(each.features_extractor)  # type: ignore[arg-type]
    seen = channels_given(monkeypatch)
    assert each.torso(screens()).shape == (3, 512)
    assert seen == [4]


def test_a_torso_that_looks_at_screens_itself_is_given_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    each = network("nature", features_extractor_class=Brightened)
    each.precision = "bf16"
    seen = channels_given(monkeypatch)
    assert each.has_screen_torso
    assert each.torso(screens()).shape == (3, 512)
    assert seen == [4]


class Wrapped(nn.Module):
    """Around a torso, as ``torch.compile`` puts one."""

    def __init__(self, torso: nn.Module) -> None:
        super().__init__()
        self.torso = torso

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.torso(observations)
        return features


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_torso_may_be_wrapped(precision: Precision) -> None:
    each = network("nature")
    each.precision = precision
    expected = each.torso(screens())
    each.features_extractor = Wrapped(each.features_extractor)  # type: ignore[assignment]
    torch.testing.assert_close(each.torso(screens()), expected, rtol=0.05, atol=0.01)


@pytest.mark.parametrize("which", ["torso", "layers"])
def test_a_torso_may_be_compiled(which: str) -> None:
    each = network("nature")
    each.precision = "bf16"
    expected = each.torso(screens())
    torso = each.features_extractor
    assert isinstance(torso, Nature)
    (torso if which == "torso" else torso.cnn).compile(backend="eager")  # traced as by any other, without a compiler
    torch.testing.assert_close(each.torso(screens()), expected, rtol=0.05, atol=0.01)


@pytest.mark.parametrize("kind", [torch.float32, torch.int64])
def test_bf16_takes_screens_of_other_numbers_too(kind: torch.dtype) -> None:
    each = network("nature")
    each.precision = "bf16"
    torch.testing.assert_close(each.torso(screens().to(kind)), each.torso(screens()), rtol=0.05, atol=0.01)


def test_bf16_takes_no_screens_at_all() -> None:
    each = network("nature")
    each.precision = "bf16"
    assert each.torso(screens()[:0]).shape == (0, 512)


def test_a_traced_network_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    each = network("nature")
    each.precision = "bf16"
    seen = channels_given(monkeypatch)
    with torch.no_grad():
        torch.jit.trace(each, screens(), check_trace=False)
    assert set(seen) == {4}


def test_in_blocks_bf16_learns_the_same_but_for_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    seen = channels_given(monkeypatch)
    for blocks in (True, False):
        monkeypatch.setattr(policies, "pays_in_blocks", lambda *_, pays=blocks: pays)
        each = network("nature")
        each.precision = "bf16"
        features = each.torso(screens())
        features.square().sum().backward()
        found.append([features, *(weight.grad for weight in each.features_extractor.parameters())])
    assert seen == [64, 4]
    for in_blocks, plain in zip(*found, strict=True):
        assert in_blocks is not None
        assert plain is not None
        assert (in_blocks - plain).norm() < 0.02 * plain.norm()


@pytest.mark.parametrize("torso", TORSOS)
def test_features_and_gradients_are_those_of_the_plain_way(torso: str) -> None:
    fast, plain = network(torso), network(torso)
    plain.has_screen_torso = False  # through Stable-Baselines3's extract_features
    gradients = []
    for each in (fast, plain):
        each(screens()).square().sum().backward()
        gradients.append({name: weight.grad for name, weight in each.named_parameters()})
    torch.testing.assert_close(fast.torso(screens()), plain.torso(screens()), rtol=1e-4, atol=1e-5)
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-3, atol=1e-4, msg=name)


def test_bf16_is_close_and_ends_at_the_head() -> None:
    exact, rounded = network("nature"), network("nature")
    rounded.precision = "bf16"
    features = rounded.torso(screens())
    assert features.dtype == torch.float32
    error = (features - exact.torso(screens())).norm() / features.norm()
    assert 1e-4 < error < 0.03  # eight bits, through four layers
    values = rounded(screens())
    assert values.dtype == torch.float32
    # numbers of bf16 would not change when they are rounded to it
    assert not torch.equal(values, values.bfloat16().float())


def test_weights_and_their_gradients_stay_float32_in_bf16() -> None:
    each = network("nature")
    each.precision = "bf16"
    each(screens()).sum().backward()
    for weight in each.parameters():
        assert weight.dtype == torch.float32
        assert weight.grad is not None
        assert weight.grad.dtype == torch.float32


def test_images_that_are_not_to_be_scaled_are_left_alone() -> None:
    each = network("nature", normalize_images=False)
    seen = each.features_extractor(screens().float())
    torch.testing.assert_close(each.torso(screens()), seen)
