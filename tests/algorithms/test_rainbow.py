"""Rainbow's parts, and that they are defaults."""

from typing import Any

import torch

from dqn_zoo_ext.algorithms import Rainbow
from dqn_zoo_ext.algorithms.distributional import DistributionalDQN
from dqn_zoo_ext.learning.networks.layers import NoisyLinear


def test_rainbows_parts() -> None:
    model = Rainbow("MlpPolicy", "CartPole-v1", replay_buffer_class="sb3")
    assert model.settings == DistributionalDQN.Settings(next_action="online")
    assert model.n_steps == 3
    assert model.loss_name == "cross_entropy"
    network: Any = model.q_net
    assert {name: network.parts[name] for name in ("head", "layer", "distribution")} == {
        "head": "dueling",
        "layer": "noisy",
        "distribution": "categorical",
    }
    dense = [part for part in model.q_net.modules() if isinstance(part, (torch.nn.Linear, NoisyLinear))]
    assert dense
    assert all(isinstance(part, NoisyLinear) for part in dense)
    model._total_timesteps = 100
    assert model._exploration_now() == 0.0  # noise in place of epsilon


def test_rainbows_numbers_are_defaults_only() -> None:
    model = Rainbow("MlpPolicy", "CartPole-v1", replay_buffer_class="sb3", n_steps=5, policy_kwargs={"layer": "linear"})
    network: Any = model.q_net
    assert model.n_steps == 5
    assert network.parts["layer"] == "linear"
    assert network.parts["head"] == "dueling"
