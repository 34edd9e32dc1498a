"""Captured updates, with a stand-in for the GPU's graph: the same memory, the same numbers, and nothing that waits."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import stable_baselines3.common.buffers
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from torch.utils._pytree import tree_leaves

from dqn_zoo_ext import registry
from dqn_zoo_ext.algorithms import DQN, ImpalaDQN, PrioritizedDQN
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.hardware.graphs import Capture
from dqn_zoo_ext.learning.losses import Loss
from dqn_zoo_ext.learning.parts import parts_of, settings_among
from dqn_zoo_ext.learning.policies import CnnPolicy
from dqn_zoo_ext.learning.replay import Draw, FrameRing
from dqn_zoo_ext.learning.updates.captured import CapturedUpdates, can_be_captured, keep_on_device
from dqn_zoo_ext.learning.updates.finite import NotFinite
from dqn_zoo_ext.learning.updates.learner import Improvement, Learner

LADDER = [each for each in map(registry.algorithms.get, registry.algorithms.names()) if issubclass(each, DeepQ)]
FOR_VECTORS = [each for each in LADDER if each is not ImpalaDQN]


class Again:
    """Does the captured work anew in each replay, into the memory of the first one, as a graph would."""

    made = 0

    def __init__(self, work: Callable[[], Any], generators: Sequence[torch.Generator] = ()) -> None:
        del generators
        Again.made += 1
        self._work = work
        self._first: Any = None

    def replay(self) -> Any:
        new = self._work()
        if self._first is None:
            self._first = new
        else:
            for static, value in zip(tree_leaves(self._first), tree_leaves(new), strict=True):
                static.detach().copy_(value.detach())
        return self._first


def trained(algorithm: type[DeepQ], capture: Capture | None, agent_steps: int = 120) -> DeepQ:
    model = algorithm(
        "MlpPolicy",
        make_vec_env("CartPole-v1", n_envs=2, seed=0),
        learning_starts=20,
        batch_size=8,
        buffer_size=90,
        train_freq=4,
        replay_buffer_class=parts_of(algorithm).get("replay_buffer_class", "frame_ring"),
        policy_kwargs={"torso": "flatten", "torso_kwargs": {}, "net_arch": [16]},
        seed=3,
    )
    model._learner = Learner(
        model.loss, model.q_net, model.q_net_target, model.policy.optimizer, model.max_grad_norm, updates_per_reading=7
    )
    model.capture = capture
    keep_on_device(model.policy.optimizer, model.device)  # a float32, in both
    return model.learn(agent_steps)


def weights(model: DeepQ) -> list[torch.Tensor]:
    return list(model.policy.state_dict().values())


@pytest.mark.parametrize("algorithm", FOR_VECTORS, ids=lambda each: each.__name__)
def test_captured_updates_are_the_plain_ones_to_the_bit(algorithm: type[DeepQ]) -> None:
    plain, captured = trained(algorithm, None), trained(algorithm, Again)
    assert plain._n_updates == captured._n_updates > 10
    assert all(torch.equal(one, other) for one, other in zip(weights(plain), weights(captured), strict=True))
    assert plain.learner.read_means() == captured.learner.read_means()


def test_priorities_are_filed_from_the_captured_memory() -> None:
    plain, captured = trained(PrioritizedDQN, None), trained(PrioritizedDQN, Again)
    states = [model.replay_buffer.state() for model in (plain, captured)]  # type: ignore[union-attr]
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


def test_the_graph_is_made_once_and_anew_when_the_memory_is_another() -> None:
    Again.made = 0
    model = trained(DQN, Again)
    assert Again.made == 2  # of updates, and of choosing actions
    for _ in range(5):
        model.train(1, 8)
    assert Again.made == 2
    model.policy.optimizer.load_state_dict(model.policy.optimizer.state_dict())  # in other tensors from now on
    for _ in range(5):
        model.train(1, 8)
    assert Again.made == 3
    for _ in range(5):
        model.train(1, 16)
    assert Again.made == 4


def test_the_learning_rate_is_read_from_memory() -> None:
    model = trained(DQN, Again)
    (group,) = model.policy.optimizer.param_groups
    rate = group["lr"]
    assert isinstance(rate, torch.Tensor)
    model.lr_schedule = lambda _: 0.0
    before = [weight.clone() for weight in weights(model)]
    model.train(3, 8)
    assert group["lr"] is rate
    assert all(torch.equal(one, other) for one, other in zip(before, weights(model), strict=True))


def test_a_loss_that_is_not_finite_is_found_with_its_batch_when_numbers_are_read() -> None:
    model = trained(DQN, Again)
    ring = model.replay_buffer
    assert isinstance(ring, FrameRing)
    ring.rewards_received.fill_(torch.nan)
    with pytest.raises(NotFinite) as found:
        model.train(10, 8)
    assert "loss" in str(found.value)


def test_what_cannot_be_captured_is_refused() -> None:
    model = trained(DQN, None)
    ring = model.replay_buffer
    assert isinstance(ring, FrameRing)
    at_once = Learner(model.loss, model.q_net, model.q_net_target, model.policy.optimizer, None, updates_per_reading=1)
    with pytest.raises(ValueError, match="reads the numbers of each update"):
        CapturedUpdates(at_once, ring, 8, model.policy.optimizer, Again)
    ring.storage = torch.device("meta")
    with pytest.raises(ValueError, match="rows lie on meta, and updates are made on cpu"):
        CapturedUpdates(model.learner, ring, 8, model.policy.optimizer, Again)


def test_a_capture_that_fails_is_said_and_updates_go_on() -> None:
    def fails(work: Callable[[], Any], generators: Any = ()) -> Any:
        del work, generators
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    plain = trained(DQN, None)
    with pytest.warns(UserWarning, match="not captured as one graph, and slower: operation not permitted"):
        uncaptured = trained(DQN, fails)
    assert all(torch.equal(one, other) for one, other in zip(weights(plain), weights(uncaptured), strict=True))


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [("adam", True), ("rmsprop", True), ("deepmind_rmsprop", True), (torch.optim.SGD, False)],
)
def test_which_optimizers_can_be_captured(optimizer: Any, expected: bool) -> None:
    made = registry.optimizers.get(optimizer) if isinstance(optimizer, str) else optimizer
    assert can_be_captured(made([torch.zeros(2, requires_grad=True)], lr=1e-3)) is expected


# PyTorch's meta tensors have a device of their own and no numbers: whatever asks for one, or brings in a tensor from
# main memory, fails, as it would make the program wait for a GPU, or could not be captured.


def improved_on_meta(algorithm: type[DeepQ], loss: Callable[..., Loss] | None = None) -> Improvement:
    observations, actions = spaces.Box(0, 255, (4, 84, 84), np.uint8), spaces.Discrete(6)
    parts, device = parts_of(algorithm), torch.device("meta")
    policy = CnnPolicy(observations, actions, lambda _: 1e-4, **parts.get("policy_kwargs", {})).to(device)
    ring = FrameRing(100, observations, actions, device, n_envs=4, storage="device", n_steps=3)
    model = algorithm.__new__(algorithm)
    model.settings = algorithm.Settings(**settings_among(parts, algorithm.Settings)) if algorithm.Settings else None
    model.loss_name, model.gamma = parts.get("loss", "huber"), 0.99
    optimizer = registry.optimizers.get("deepmind_rmsprop")(policy.q_net.parameters())
    learner = Learner(loss or model.loss, policy.q_net, policy.q_net_target, optimizer, 10.0)
    draw = Draw(torch.zeros(32, dtype=torch.int64, device=device), torch.ones(32, device=device))
    return learner.improve(ring.batch_of(draw))


@pytest.fixture(autouse=True)
def _device_as_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stable_baselines3.common.buffers, "get_device", torch.device)  # else no other than CPU and GPU


@pytest.mark.parametrize("algorithm", LADDER, ids=lambda each: each.__name__)
def test_an_update_asks_for_no_number_and_brings_none(algorithm: type[DeepQ]) -> None:
    assert improved_on_meta(algorithm).numbers.device.type == "meta"


@pytest.mark.parametrize(
    ("what", "error"),
    [
        (lambda q: q * q.sum().item(), "item"),
        (lambda q: q[q > 0], "nonzero"),
        (lambda q: q + torch.ones(32), "device"),
    ],
)
def test_one_that_does_is_found(what: Callable[[torch.Tensor], torch.Tensor], error: str) -> None:
    def loss(online: Any, target: Any, batch: Batch) -> Loss:
        del target
        found = what(online(batch.obs_tm1)[:, 0])
        return Loss(per_sample=found, priority=found.detach())

    with pytest.raises((RuntimeError, NotImplementedError), match=error):
        improved_on_meta(DQN, loss)


def test_acting_from_the_ring_is_acting_on_the_observations(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = trained(DQN, None)
    monkeypatch.setattr(FrameRing, "is_on_device", True)
    from_ring = trained(DQN, None)
    assert all(torch.equal(one, other) for one, other in zip(weights(plain), weights(from_ring), strict=True))
