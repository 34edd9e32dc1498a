"""The torso of dense layers: its value by hand, its widths, and that noise stays out of it."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.networks.activations import Activation
from dqn_zoo_ext.learning.networks.layers import NoisyLinear
from dqn_zoo_ext.learning.networks.torsos import Mlp
from dqn_zoo_ext.learning.policies import MlpPolicy

PAIRS = spaces.Box(-1, 1, (2,), np.float32)


def test_a_value_by_hand() -> None:
    torso = Mlp(PAIRS, net_arch=[2, 1])
    numbers = ([[1.0, 2.0], [-1.0, 1.0]], [0.5, 0.0], [[2.0, 3.0]], [1.0])
    with torch.no_grad():
        for weight, values in zip(torso.parameters(), numbers, strict=True):
            weight.copy_(torch.tensor(values))
    # (1, 0.5): 1 + 1 + 0.5 = 2.5 and -1 + 0.5 = -0.5, of which ReLU leaves 2.5 and 0; 2 * 2.5 + 1 = 6
    assert torso(torch.tensor([[1.0, 0.5]])).tolist() == [[6.0]]


def set_to(torso: Mlp, *numbers: object) -> None:
    with torch.no_grad():
        for weight, values in zip(torso.parameters(), numbers, strict=True):
            weight.copy_(torch.tensor(values))


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("relu", [3.0, 0.0]), ("elu", [3.0, np.exp(-2) - 1]), ("tanh", [np.tanh(3), np.tanh(-2)])],
)
def test_activations_by_hand(activation: Activation, expected: list[float]) -> None:
    torso = Mlp(PAIRS, net_arch=[2], activation=activation)
    set_to(torso, [[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0])
    assert torso(torch.tensor([[3.0, -2.0]]))[0].tolist() == pytest.approx(expected)


def test_batch_normalisation_by_hand() -> None:
    torso = Mlp(PAIRS, net_arch=[1], normalization="batch")
    set_to(torso, [[1.0, 0.0]], [10.0], [4.0], [0.5])  # weight, bias, and the normalisation's scale and shift
    seen = torch.tensor([[1.0, 9.0], [3.0, 9.0]])
    torso.train()
    # 11 and 13: mean 12, variance 1 (2 with n - 1); -1 and 1 times 4, plus 0.5, of which ReLU leaves 0 and 4.5
    assert torso(seen).flatten().tolist() == pytest.approx([0.0, 4.5], abs=1e-3)
    torso.eval()
    # the running statistics have moved by a tenth: mean 1.2, variance 0.9 + 0.2
    expected = [4 * (x - 1.2) / np.sqrt(1.1 + 1e-5) + 0.5 for x in (11, 13)]
    assert torso(seen).flatten().tolist() == pytest.approx(expected)
    assert torso(seen[:1]).flatten().tolist() == pytest.approx(expected[:1])  # a single state is no batch of one


def test_an_unknown_normalisation_is_one_line() -> None:
    with pytest.raises(UserError, match=r"^unknown normalization 'bacth'; did you mean 'batch'"):
        Mlp(PAIRS, normalization="bacth")  # type: ignore[arg-type]


def test_without_more_words_it_begins_as_it_always_did() -> None:
    torch.manual_seed(3)
    torso = Mlp(PAIRS, net_arch=[4, 3])
    torch.manual_seed(3)
    layers = [torch.nn.Linear(2, 4), torch.nn.Linear(4, 3)]
    assert list(torso.state_dict()) == ["mlp.1.weight", "mlp.1.bias", "mlp.3.weight", "mlp.3.bias"]
    expected = [weight for layer in layers for weight in layer.parameters()]
    assert all(torch.equal(one, other) for one, other in zip(torso.parameters(), expected, strict=True))


def test_its_features_are_as_many_as_its_last_width() -> None:
    torso = Mlp(spaces.Box(0, 1, (3, 4), np.float32), net_arch=[5, 7])
    assert torso.features_dim == 7
    assert torso(torch.zeros(6, 3, 4)).shape == (6, 7)


def test_the_noisy_layers_are_all_in_the_head() -> None:
    policy = MlpPolicy(PAIRS, spaces.Discrete(3), lambda _: 1e-3, torso="mlp", layer="noisy", net_arch=[8])
    noisy = [name for name, module in policy.q_net.named_modules() if isinstance(module, NoisyLinear)]
    assert len(noisy) == 2
    assert all(name.startswith("q_net.") for name in noisy)
