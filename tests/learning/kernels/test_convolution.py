"""Convolutions and dense layers by our kernels, beside PyTorch's: on a GPU if there is one, else interpreted."""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dqn_zoo_ext.learning.hardware.precision import allow_tf32
from dqn_zoo_ext.learning.kernels import convolution as kernel_module
from dqn_zoo_ext.learning.networks import convolution
from dqn_zoo_ext.learning.networks.convolution import Convolution, Dense, Layers
from dqn_zoo_ext.learning.optim import Adam

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ALIKE = 1e-5  # of the greatest number: float32 sums of some hundred terms in another order


@pytest.fixture(autouse=True)
def _by_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "_can_be_by_kernels", lambda _: True)
    allow_tf32(False)  # or PyTorch's own convolutions would have 3 digits on a GPU, and ours as well
    torch.manual_seed(0)


def results(made: Tensor, gradient: Tensor, inputs: Tensor, layer: nn.Module) -> list[Tensor]:
    """The output and the gradients of input and parameters, which are cleared."""
    made.backward(gradient)
    of = [inputs, *layer.parameters()]
    gradients = [each.grad.clone() for each in of if each.grad is not None]
    for each in of:
        each.grad = None
    return [made.detach(), *gradients]


def assert_alike(mine: list[Tensor], theirs: list[Tensor]) -> None:
    assert len(mine) == len(theirs) == 4
    for one, other in zip(mine, theirs, strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() <= ALIKE * other.abs().max()


@pytest.mark.parametrize(
    ("shape", "filters", "kernel", "stride", "padding"),
    [
        ((1, 4, 16, 20), 32, 8, 4, 0),  # Nature's first layer on a small screen
        ((1, 32, 5, 6), 40, 3, 1, 0),  # about its last
        ((3, 5, 9, 11), 33, 4, 2, 1),  # nothing fits: filters, channels, edges
        ((2, 6, 13, 8), 7, 3, 2, 0),  # pixels that no filter sees
        ((1, 1, 7, 5), 3, 3, 3, 1),
        ((1, 64, 4, 5), 64, 3, 1, 1),  # a map of fewer pixels than a large tile has rows, and edges
    ],
    ids=["nature_1", "nature_3", "odd", "unseen", "one", "edges"],
)
@pytest.mark.parametrize("relu", [False, True], ids=["plain", "relu"])
def test_convolutions_are_pytorchs(
    shape: tuple[int, ...], filters: int, kernel: int, stride: int, padding: int, relu: bool
) -> None:
    layer = Convolution(shape[1], filters, kernel, stride, padding).to(DEVICE)
    screens = torch.randn(shape, device=DEVICE, requires_grad=True)
    expected = nn.functional.conv2d(screens, layer.weight, layer.bias, stride=stride, padding=padding)
    expected = expected.relu() if relu else expected
    gradient = torch.randn_like(expected)
    theirs = results(expected, gradient, screens, layer)
    assert_alike(results(layer.by_kernels(screens, relu), gradient, screens, layer), theirs)


def test_filters_lie_as_kernels_read_them_where_these_run(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Convolution(4, 8, 3).to(DEVICE)
    assert layer.weight.permute(0, 2, 3, 1).is_contiguous()
    assert copy.deepcopy(layer).weight.stride() == layer.weight.stride()
    layer(torch.randn(2, 4, 5, 5, device=DEVICE)).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.stride() == layer.weight.stride()
    means = Adam(layer.parameters())
    means.step()
    assert means.state[layer.weight]["exp_avg"].stride() == layer.weight.stride()
    numbers = layer.weight.detach().cpu().clone()
    monkeypatch.setattr(convolution, "_can_be_by_kernels", lambda each: each.dtype == torch.float32)
    assert layer.to(torch.float64).weight.is_contiguous()  # as if to where they do not run
    assert torch.equal(layer.weight.detach().cpu().float(), numbers)


def test_a_layout_that_somebody_chose_stays_where_no_kernels_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "_can_be_by_kernels", lambda _: False)
    chosen = Convolution(4, 8, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # PyTorch's own
    assert chosen.to("cpu").weight.is_contiguous(memory_format=torch.channels_last)


def test_filters_that_are_computed_are_left_alone() -> None:
    layer = nn.utils.parametrizations.spectral_norm(Convolution(4, 8, 3))
    before = {name: each.clone() for name, each in layer.named_buffers()}
    assert before
    for name, each in layer.to("cpu").named_buffers():
        assert torch.equal(each, before[name]), name


@pytest.mark.parametrize("inputs", [16, 700], ids=["one_piece", "in_pieces"])
def test_what_is_not_a_number_is_not_hidden(inputs: int) -> None:
    """On a GPU only could it be: the interpreter's maximum keeps it."""
    layer = Dense(inputs, 4).to(DEVICE)
    with torch.no_grad():
        layer.weight[1, 3] = torch.nan
        layer_of_a_pixel = layer.weight[:, :, None, None]
        screens = torch.randn(2, inputs, 1, 1, device=DEVICE)
        how = (1, 0, True, "tf32x3")
        made: Tensor = convolution._Made.apply(screens, layer_of_a_pixel, layer.bias, *how)  # type: ignore[no-untyped-call]
    assert made.flatten(1).isnan().tolist() == [[False, True, False, False]] * 2


@pytest.mark.parametrize("relu", [False, True], ids=["plain", "relu"])
@pytest.mark.parametrize("sizes", [(32, 512, 6), (5, 700, 40), (70, 260, 33), (1, 256, 3)], ids=str)
def test_dense_layers_are_pytorchs(sizes: tuple[int, int, int], relu: bool) -> None:
    batch, inputs, outputs = sizes
    layer = Dense(inputs, outputs).to(DEVICE)
    vectors = torch.randn(batch, inputs, device=DEVICE, requires_grad=True)
    expected = nn.functional.linear(vectors, layer.weight, layer.bias)
    expected = expected.relu() if relu else expected
    gradient = torch.randn_like(expected)
    theirs = results(expected, gradient, vectors, layer)
    assert_alike(results(layer.by_kernels(vectors, relu), gradient, vectors, layer), theirs)


def test_a_relu_is_made_with_the_layer_before_it_and_no_other_activation_is() -> None:
    layers = [Convolution(2, 3, 3), nn.ReLU(), Convolution(3, 4, 3), nn.ELU(), nn.Flatten(), Dense(4, 5), nn.ReLU()]
    together = Layers(*layers).to(DEVICE)
    screens = torch.randn(2, 2, 5, 5, device=DEVICE)
    expected: Tensor = screens
    for layer in layers:
        expected = layer(expected)
    assert torch.equal(together(screens), expected)


@pytest.mark.parametrize("watched", [0, 1], ids=["before_the_relu", "relu"])
def test_forward_hooks_are_called(watched: int) -> None:
    layers = Layers(Convolution(2, 3, 3), nn.ReLU()).to(DEVICE)
    seen: list[Tensor] = []
    layers[watched].register_forward_hook(lambda _layer, _inputs, result: seen.append(result))
    shown = layers(torch.randn(1, 2, 5, 5, device=DEVICE))
    assert len(seen) == 1
    assert torch.equal(seen[0].relu(), shown)
    assert bool((seen[0] < 0).any()) == (watched == 0)


@pytest.mark.parametrize("watched", [0, 1], ids=["before_the_relu", "relu"])
@pytest.mark.parametrize("register", ["register_forward_pre_hook", "register_full_backward_hook"])
def test_other_hooks_are_called_too(register: str, watched: int) -> None:
    layers = Layers(Dense(256, 3), nn.ReLU()).to(DEVICE)
    seen: list[object] = []
    getattr(layers[watched], register)(lambda *given: seen.append(given))
    total: Tensor = layers(torch.randn(2, 256, device=DEVICE, requires_grad=True)).sum()
    total.backward()
    assert len(seen) == 1


def test_the_present_device_is_that_of_the_tensors_while_kernels_are_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a network on a second GPU would be computed on the first, which knows nothing of the second one's memory."""
    present: list[Tensor] = []
    on_its_device, launched = torch.cuda.device_of, kernel_module.forward

    @contextlib.contextmanager
    def device_of(tensor: Tensor) -> Iterator[None]:
        present.append(tensor)
        with on_its_device(tensor):  # type: ignore[no-untyped-call]  # PyTorch's own
            yield
        present.pop()

    def forward(screens: Tensor, *others: Any) -> Tensor:
        assert [each.device for each in present] == [screens.device]
        return launched(screens, *others)

    monkeypatch.setattr(torch.cuda, "device_of", device_of)
    monkeypatch.setattr(kernel_module, "forward", forward)
    Convolution(2, 3, 3).to(DEVICE)(torch.randn(1, 2, 5, 5, device=DEVICE))
    Dense(256, 3).to(DEVICE)(torch.randn(2, 256, device=DEVICE))
