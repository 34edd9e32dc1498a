"""The torso of dense layers: its value by hand, its widths, and that noise stays out of it."""

import numpy as np
import torch
from gymnasium import spaces

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


def test_its_features_are_as_many_as_its_last_width() -> None:
    torso = Mlp(spaces.Box(0, 1, (3, 4), np.float32), net_arch=[5, 7])
    assert torso.features_dim == 7
    assert torso(torch.zeros(6, 3, 4)).shape == (6, 7)


def test_the_noisy_layers_are_all_in_the_head() -> None:
    policy = MlpPolicy(PAIRS, spaces.Discrete(3), lambda _: 1e-3, torso="mlp", layer="noisy", net_arch=[8])
    noisy = [name for name, module in policy.q_net.named_modules() if isinstance(module, NoisyLinear)]
    assert len(noisy) == 2
    assert all(name.startswith("q_net.") for name in noisy)
