"""Policies: what `policy_kwargs` builds, what a file brings back, and when a network is in which mode."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.dqn.policies import CnnPolicy as SB3CnnPolicy
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.dqn.policies import MlpPolicy as SB3MlpPolicy
from torch import Tensor, nn

from dqn_zoo_ext import registry
from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.learning.networks.activations import activation_class
from dqn_zoo_ext.learning.networks.layers import MakeLayer
from dqn_zoo_ext.learning.networks.torsos import NaturePadded
from dqn_zoo_ext.learning.policies import CnnPolicy, MlpPolicy, QNetwork, TorsoHeadPolicy

VECTOR = spaces.Box(-2, 2, (4,), np.float32)
SCREEN = spaces.Box(0, 255, (4, 84, 84), np.uint8)
SMALL_SCREEN = spaces.Box(0, 255, (2, 12, 16), np.uint8)
BEYOND_RAINBOW = {
    "torso": "impala",
    "torso_kwargs": {"width": 2, "normalization": "spectral", "pooling": 2},
    "head": "dueling",
    "layer": "noisy",
    "distribution": "implicit_quantile",
}


class ScaledHead(nn.Module):
    """A hidden layer, a linear one, and a factor; notes the activation that it was given."""

    def __init__(
        self,
        features_dim: int,
        n_actions: int,
        n_outputs: int,
        net_arch: Sequence[int],
        activation: Any,
        layer: MakeLayer,
        factor: float = 1.0,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.factor = factor
        (width,) = net_arch
        self.layers = nn.Sequential(
            layer(features_dim, width), activation_class(activation)(), layer(width, n_actions * n_outputs)
        )

    def forward(self, features: Tensor) -> Tensor:
        values: Tensor = self.factor * self.layers(features)
        return values.unsqueeze(-1)


class NotingTorso(BaseFeaturesExtractor):
    """Flattened observations after dropout; notes for each forward pass whether it was in training mode."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, int(np.prod(observation_space.shape)))
        self.dropout = nn.Dropout(0.5)
        self.modes: list[bool] = []

    def forward(self, observations: Tensor) -> Tensor:
        self.modes.append(self.dropout.training)
        features: Tensor = self.dropout(observations.flatten(1))
        return features


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.heads._entries, "scaled", ScaledHead)
    monkeypatch.setitem(registry.torsos._entries, "noting", NotingTorso)


def built(policy: type[TorsoHeadPolicy] = MlpPolicy, space: spaces.Box = VECTOR, **kwargs: Any) -> TorsoHeadPolicy:
    torch.manual_seed(0)
    return policy(space, spaces.Discrete(3), lambda _: 1e-3, **kwargs)


def hidden(policy: TorsoHeadPolicy) -> list[str]:
    return [type(layer).__name__ for layer in policy.q_net.q_net.modules() if not list(layer.children())]


@pytest.mark.parametrize(
    ("policy", "space", "kwargs"),
    [
        (MlpPolicy, VECTOR, {"activation": "tanh"}),
        (MlpPolicy, VECTOR, {"activation_fn": nn.Tanh}),
        (MlpPolicy, VECTOR, {"activation_fn": nn.SiLU, "net_arch": [5, 7]}),
        (MlpPolicy, VECTOR, {"head": "scaled", "head_kwargs": {"factor": 3.0}, "net_arch": [8], "activation": "elu"}),
        (MlpPolicy, VECTOR, {"head": "scaled", "net_arch": [8], "activation_fn": nn.SiLU}),
        (MlpPolicy, VECTOR, {"net_arch": None}),
        (CnnPolicy, SCREEN, {"torso": "nature_padded", "torso_kwargs": {"features_dim": 16, "bias": 0.3}}),
        (CnnPolicy, SCREEN, {"torso": "nips", "net_arch": [6], "activation_fn": nn.ELU}),
        (CnnPolicy, SCREEN, {"torso": "data_efficient", "torso_kwargs": {"features_dim": None}, "net_arch": [8]}),
        (MlpPolicy, VECTOR, {"head": "dueling", "head_kwargs": {"gradient_scale": 0.5}}),
        (MlpPolicy, VECTOR, {"layer": "noisy", "layer_kwargs": {"sigma": 0.1}}),
        (MlpPolicy, VECTOR, {"distribution": "categorical", "distribution_kwargs": {"n_atoms": 5, "v_max": 3.0}}),
        (MlpPolicy, VECTOR, {"distribution": "quantile", "distribution_kwargs": {"n_quantiles": 7}}),
        (MlpPolicy, VECTOR, {"distribution": "implicit_quantile", "distribution_kwargs": {"n_acting": 4}}),
        (CnnPolicy, SMALL_SCREEN, {"torso": "impala"}),
        (CnnPolicy, SMALL_SCREEN, BEYOND_RAINBOW),
    ],
)
def test_a_policys_file_brings_back_its_values_bit_for_bit(
    tmp_path: Path, policy: type[TorsoHeadPolicy], space: spaces.Box, kwargs: dict[str, Any]
) -> None:
    saved = built(policy, space, **kwargs)
    saved.save(str(tmp_path / "policy"))
    loaded = policy.load(str(tmp_path / "policy"), device="cpu")
    assert hidden(loaded) == hidden(saved)
    assert loaded.q_net.parts == saved.q_net.parts
    space.seed(0)
    observations = torch.as_tensor(np.stack([space.sample() for _ in range(6)]))
    assert torch.equal(loaded.q_net(observations), saved.q_net(observations))
    saved.q_net.save(str(tmp_path / "network"))
    network = QNetwork.load(str(tmp_path / "network"), device="cpu")
    assert torch.equal(network(observations), saved.q_net(observations))


@pytest.mark.parametrize(
    ("ours", "theirs", "space", "kwargs"),
    [
        (MlpPolicy, SB3MlpPolicy, VECTOR, {}),
        (MlpPolicy, SB3MlpPolicy, VECTOR, {"net_arch": [8], "activation_fn": nn.Tanh}),
        (CnnPolicy, SB3CnnPolicy, SCREEN, {"net_arch": [8]}),
    ],
)
def test_a_linear_head_begins_with_stable_baselines3s_numbers(
    ours: type[TorsoHeadPolicy], theirs: type[DQNPolicy], space: spaces.Box, kwargs: dict[str, Any]
) -> None:
    made = built(ours, space, **kwargs).state_dict()
    torch.manual_seed(0)
    expected = theirs(space, spaces.Discrete(3), lambda _: 1e-3, **kwargs).state_dict()
    assert list(made) == list(expected)
    assert all(torch.equal(made[name], expected[name]) for name in expected)


def test_an_activation_is_a_name_or_a_class() -> None:
    assert hidden(built()) == ["Dense", "ReLU", "Dense", "ReLU", "Dense"]
    assert hidden(built(activation="tanh", net_arch=[8])) == ["Dense", "Tanh", "Dense"]
    assert hidden(built(activation_fn=nn.Tanh, net_arch=[8])) == ["Dense", "Tanh", "Dense"]


@pytest.mark.parametrize(
    ("kwargs", "given"),
    [({"activation": "tanh"}, "tanh"), ({"activation_fn": nn.Tanh}, "tanh"), ({"activation_fn": nn.SiLU}, nn.SiLU)],
)
def test_a_head_is_given_the_activation_in_use(kwargs: dict[str, Any], given: Any) -> None:
    head = built(head="scaled", net_arch=[8], **kwargs).q_net.q_net
    assert isinstance(head, ScaledHead)
    assert head.activation == given


def test_torso_and_head_are_given_their_own_arguments() -> None:
    policy = built(CnnPolicy, SCREEN, torso="nature_padded", torso_kwargs={"features_dim": 16})
    assert isinstance(policy.q_net.features_extractor, NaturePadded)
    assert policy.q_net.features_extractor.features_dim == 16
    head = built(head="scaled", head_kwargs={"factor": 3.0}, net_arch=[8]).q_net.q_net
    assert isinstance(head, ScaledHead)
    assert head.factor == 3.0


def test_no_net_arch_is_the_policys_own() -> None:
    assert built(net_arch=None).net_arch == built().net_arch == [64, 64]
    assert built(CnnPolicy, SCREEN, net_arch=None).net_arch == built(CnnPolicy, SCREEN).net_arch == []
    assert built(net_arch=()).net_arch == []


def test_the_online_net_learns_in_training_mode_and_acts_in_the_other() -> None:
    model = DQN(
        "MlpPolicy",
        make_vec_env("CartPole-v1", seed=0),
        learning_starts=10,
        batch_size=4,
        train_freq=1,
        exploration_initial_eps=0.0,
        exploration_final_eps=0.0,
        policy_kwargs={"torso": "noting"},
        seed=0,
    )
    model.learn(12)
    online, target = (net.features_extractor for net in (model.q_net, model.q_net_target))
    assert isinstance(online, NotingTorso)
    assert isinstance(target, NotingTorso)
    # 10 random agent steps; then one step by the net and one update, twice
    assert online.modes[-3:] == [True, False, True]
    assert target.modes == [False, False]
    observation = np.ones((1, 4), np.float32)
    model.predict(observation, deterministic=True)
    assert online.modes[-1] is False


class KeepsItsStatistics(nn.BatchNorm1d):
    """As for fine-tuning: never in training mode."""

    def train(self, mode: bool = True) -> "KeepsItsStatistics":
        del mode
        super().train(False)
        return self


def test_a_mode_is_every_parts_also_of_one_that_came_later_unless_it_has_its_own_way() -> None:
    network = MlpPolicy(VECTOR, spaces.Discrete(2), lambda _: 1e-4).q_net
    assert isinstance(network, QNetwork)
    network.train()
    network.q_net = nn.Sequential(nn.Linear(4, 8), KeepsItsStatistics(8), nn.Sequential(nn.Dropout(), nn.Linear(8, 2)))
    network.register_module("nothing", None)
    for mode in (False, True):
        assert network.train(mode) is network
        for part in network.modules():
            assert part.training is (mode and not isinstance(part, KeepsItsStatistics))


def test_a_part_that_was_frozen_by_hand_stays_so() -> None:
    network = MlpPolicy(VECTOR, spaces.Discrete(2), lambda _: 1e-4).q_net
    frozen = nn.Dropout().eval()
    frozen.train = lambda *_: frozen  # type: ignore[method-assign]  # as the usual recipe for it
    network.q_net = nn.Sequential(frozen, nn.Linear(4, 2))
    network.train()
    assert not frozen.training


def test_a_part_of_torchscript_is_told_the_mode_too() -> None:
    network = MlpPolicy(VECTOR, spaces.Discrete(2), lambda _: 1e-4).q_net
    network.q_net = nn.Sequential(torch.jit.script(nn.Dropout()), nn.Linear(4, 2))
    observation = torch.ones(1, 4)
    network.train(False)
    first, second = (network(observation) for _ in range(2))
    assert torch.equal(first, second)
    network.train()
    assert len({tuple(network.q_net[0](torch.ones(64)).tolist()) for _ in range(2)}) == 2


def test_a_mode_is_true_or_false() -> None:
    network = MlpPolicy(VECTOR, spaces.Discrete(2), lambda _: 1e-4).q_net
    with pytest.raises(ValueError, match="got 'x'"):
        network.train("x")  # type: ignore[arg-type]
