"""The algorithms on a residual torso: their counts of parameters, their updates, and who moves singular vectors."""

import copy
import math
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecFrameStack, VecTransposeImage
from torch import Tensor, nn

from dqn_zoo_ext.algorithms import BTR, DoubleDQN, ImpalaDQN
from dqn_zoo_ext.callbacks import HealthWarnings
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.updates.finite import NotFinite, loss_of_evidence
from dqn_zoo_ext.learning.updates.learner import Learner

SPECTRAL = {"torso": "impala", "torso_kwargs": {"normalization": "spectral"}}


class Flicker(gym.Env[np.ndarray, np.int64]):
    """Screens of noise, six actions, games of 20 steps; action 0 is paid."""

    action_space = gym.spaces.Discrete(6)

    def __init__(self, size: int) -> None:
        self.observation_space = gym.spaces.Box(0, 255, (size, size, 1), np.uint8)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.left = 20
        return self._screen(), {}

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.left -= 1
        return self._screen(), float(action == 0), self.left == 0, False, {}

    def _screen(self) -> np.ndarray:
        assert self.observation_space.shape is not None
        return self.np_random.integers(0, 256, self.observation_space.shape, dtype=np.uint8)


def games(size: int) -> VecEnv:
    venv = DummyVecEnv([lambda: Flicker(size)] * 2)
    venv.seed(0)
    return VecTransposeImage(VecFrameStack(venv, 4))


def built(algorithm: type[DeepQ], size: int = 16, **changes: Any) -> DeepQ:
    arguments: dict[str, Any] = {
        "replay_buffer_class": "frame_ring",
        "buffer_size": 200,
        "learning_starts": 20,
        "batch_size": 4,
        "train_freq": 4,
        "target_update_interval": 20,
        "seed": 3,
        **changes,
    }
    model = algorithm("CnnPolicy", games(size), **arguments)
    model.set_logger(Logger(None, []))
    return model


def parameters(model: DeepQ) -> int:
    return sum(weight.numel() for weight in model.q_net.parameters())


def tensors(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def changed(before: dict[str, Tensor], network: nn.Module) -> set[str]:
    return {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}


def test_impala_dqns_parameters() -> None:
    # the torso's 1,089,232 (tests/learning/networks/test_impala.py); six values: 257 * 6
    assert parameters(built(ImpalaDQN, size=84)) == 1_089_232 + 1_542


def test_btrs_parameters() -> None:
    # torso 979,104; 64 cosines to 256 features: 65 * 256; streams with means and amounts: 2 * 257 * 1 + 2 * 257 * 6
    assert parameters(built(BTR, size=84)) == 979_104 + 16_640 + 514 + 3_084
    # as in the paper: no dense layer, 64 * 6 * 6 = 2,304 features, noisy streams with 512 hidden units
    # 389,024 + 65 * 2,304 + 2 * (2 * 2,305 * 512) + 2 * 513 * 1 + 2 * 513 * 6
    whole = {"width": 2, "normalization": "spectral", "pooling": 6, "features_dim": None}
    paper = built(BTR, size=84, policy_kwargs={"torso_kwargs": whole, "net_arch": [512]})
    assert parameters(paper) == 389_024 + 149_760 + 4_720_640 + 1_026 + 6_156


@pytest.mark.parametrize(("algorithm", "size"), [(ImpalaDQN, 16), (BTR, 42)])
def test_updates_reach_every_weight_and_the_target_follows(algorithm: type[DeepQ], size: int) -> None:
    model = built(algorithm, size, target_update_interval=10_000)
    before = tensors(model.q_net)
    model.learn(60)
    assert model._n_updates == 10
    assert all(bool(torch.isfinite(value).all()) for value in model.q_net.state_dict().values())
    assert changed(before, model.q_net) == before.keys()
    assert changed(before, model.q_net_target) == set()
    model.target_update_interval = 2
    model._on_step()
    assert changed(tensors(model.q_net), model.q_net_target) == set()


def test_double_dqn_learns_on_normalised_layers() -> None:
    # its second pass of the online net moves the singular vectors before the first one's gradient is taken
    model = built(DoubleDQN, policy_kwargs=SPECTRAL, batch_size=16, learning_rate=1e-3)
    model.learn(40)
    batch = model._draw(32)

    def loss() -> float:
        with torch.no_grad():
            return float(model.loss(model.q_net, model.q_net_target, batch).per_sample.mean())

    model.policy.set_training_mode(True)
    first = loss()
    for _ in range(30):
        model.learner.update(batch)
    assert loss() < first / 4


def test_acting_and_measuring_leave_the_singular_vectors_alone() -> None:
    model = built(BTR, size=42)
    watch = HealthWarnings(lambda _: None, every=10**9, batch_size=8)
    model.learn(40, callback=watch)
    before = tensors(model.policy)
    for deterministic in (True, False):
        model.predict(np.zeros((2, 4, 42, 42), np.uint8), deterministic=deterministic)
    model.policy.set_training_mode(True)  # as behind an update
    watch.measure()
    assert changed(before, model.policy) == set()


def test_a_loss_that_is_not_finite_is_found_and_can_be_looked_into() -> None:
    model = built(DoubleDQN, policy_kwargs=SPECTRAL)
    model.learn(40)
    model.policy.set_training_mode(True)
    weights = {name: value.detach().clone() for name, value in model.q_net.named_parameters()}
    batch = model._draw(4)
    r_t = batch.r_t.clone()
    r_t[1] = math.nan
    with pytest.raises(NotFinite, match="loss is not finite in update") as error:
        model.learner.update(batch._replace(r_t=r_t))
    assert all(torch.equal(value, weights[name]) for name, value in model.q_net.named_parameters())
    before = tensors(model.policy)
    evidence = error.value.evidence
    assert math.isnan(loss_of_evidence(model.loss, model.q_net, model.q_net_target, evidence))
    evidence["batch"]["r_t"] = batch.r_t
    assert math.isfinite(loss_of_evidence(model.loss, model.q_net, model.q_net_target, evidence))
    assert changed(before, model.policy) == set()


def test_a_weight_that_is_not_finite_is_named() -> None:
    model = built(DoubleDQN, policy_kwargs=SPECTRAL)
    model.learn(40)
    name = "features_extractor.cnn.1.2.layers.3.parametrizations.weight.original"
    with torch.no_grad():
        model.q_net.get_parameter(name).view(-1)[0] = math.inf
    with pytest.raises(NotFinite, match=f"^weight {name} is not finite"):
        model.learner.check()


def test_saved_and_loaded_it_goes_on_alike(tmp_path: Path) -> None:
    model = built(BTR, size=42)
    model.learn(40)
    model.save(tmp_path / "btr")
    loaded = BTR.load(tmp_path / "btr", env=games(42))
    assert changed(tensors(model.policy), loaded.policy) == set()
    batch = model._draw(4)
    for each in (model, loaded):
        each.policy.set_training_mode(True)
        torch.manual_seed(7)
        each.learner.update(batch)
    assert changed(tensors(model.policy), loaded.policy) == set()


def test_networks_copied_whole_learn_alike() -> None:
    model = built(DoubleDQN, policy_kwargs=SPECTRAL)
    model.learn(40)
    model.policy.set_training_mode(True)
    policy = copy.deepcopy(model.policy)
    twin = Learner(model.loss, policy.q_net, policy.q_net_target, policy.optimizer, model.max_grad_norm)
    before = tensors(policy)
    batch = model._draw(4)
    model.learner.update(batch)
    assert changed(before, policy) == set()
    twin.update(batch)
    assert changed(tensors(model.policy), policy) == set()
