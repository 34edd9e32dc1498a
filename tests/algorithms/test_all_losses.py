"""What all algorithms keep: gradients that finite differences confirm, files that bring the same agent back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.env_util import make_vec_env

from dqn_zoo_ext import registry
from dqn_zoo_ext.algorithms import C51, IQN, QRDQN, DoubleDQN, MunchausenDQN, MunchausenIQN, Rainbow
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.networks.stochastic import drawing

# no hidden layer but IQN's embedding: linear but for what the distribution makes of it
TINY: dict[str, dict[str, Any]] = {
    "c51": {"distribution_kwargs": {"n_atoms": 5, "v_min": -2.0, "v_max": 2.0}},
    "qrdqn": {"distribution_kwargs": {"n_quantiles": 3}},
    "iqn": {"distribution_kwargs": {"n_cosines": 4, "n_acting": 3}},
    "munchausen_iqn": {"distribution_kwargs": {"n_cosines": 4, "n_acting": 3}},
    "munchausen_dqn": {},
    "double_dqn": {},
    "rainbow": {"distribution_kwargs": {"n_atoms": 5, "v_min": -2.0, "v_max": 2.0}},
}
SETTINGS: dict[str, dict[str, Any]] = {name: {"n_online": 4, "n_target": 3} for name in ("iqn", "munchausen_iqn")}


def tiny(algorithm: str, **settings: Any) -> DeepQ:
    torch.manual_seed(0)
    kind: type[DeepQ] = registry.algorithms.get(algorithm)
    given = {**SETTINGS.get(algorithm, {}), **settings}
    arguments = {"settings": kind.Settings(**given)} if given and kind.Settings is not None else {}
    policy_kwargs = {"net_arch": [], **TINY[algorithm]}
    model = kind(
        "MlpPolicy", make_vec_env("CartPole-v1"), policy_kwargs=policy_kwargs, replay_buffer_class="sb3", **arguments
    )
    for network in (model.q_net, model.q_net_target):
        network.double()
        # stable_baselines3 makes float32 of every observation
        network.features_extractor.register_forward_hook(lambda *given: given[-1].double())
    for weight in model.q_net_target.parameters():  # another network than the online one
        weight.data += 0.3 * torch.randn_like(weight)
    return model


def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    return Batch(
        obs_tm1=normal(4, 4),
        a_tm1=torch.tensor([0, 1, 1, 0]),
        r_t=normal(4),
        discount_t=torch.tensor([0.9, 0.0, 0.9**3, 0.9], dtype=torch.float64),
        obs_t=normal(4, 4),
        weights=torch.ones(4),
        cells=torch.arange(4),
    )


def loss_of(model: DeepQ, given: Batch) -> torch.Tensor:
    """At fixed noise and fractions."""
    torch.manual_seed(7)
    with drawing(model.q_net, model.q_net_target):
        return model.loss(model.q_net, model.q_net_target, given).per_sample.sum()


CASES = [
    *((name, {}) for name in TINY),
    *((name, {"next_action": "online"}) for name in ("c51", "qrdqn")),
]


@pytest.mark.parametrize(("algorithm", "settings"), CASES)
def test_gradient_of_the_whole_loss_by_central_differences(algorithm: str, settings: dict[str, Any]) -> None:
    model, given = tiny(algorithm, **settings), batch()
    model.q_net_target.requires_grad_()  # so that a gradient into it would be seen
    loss_of(model, given).backward()
    assert all(weight.grad is None for weight in model.q_net_target.parameters())
    step, learned = 1e-6, 0
    # the target depends on the online net where that picks the next action: by steps, which this one is too short for
    for name, weight in model.q_net.named_parameters():
        assert weight.grad is not None, name
        learned += int(weight.grad.abs().sum() > 0)
        flat, gradient = weight.data.view(-1), weight.grad.view(-1)
        for index in range(len(flat)):
            before = flat[index].item()
            losses = []
            for place in (before + step, before - step):
                flat[index] = place
                losses.append(loss_of(model, given).item())
            flat[index] = before
            slope = (losses[0] - losses[1]) / (2 * step)
            assert gradient[index].item() == pytest.approx(slope, rel=1e-4, abs=1e-6), f"{name}[{index}]"
    assert learned == len(list(model.q_net.parameters()))


@pytest.mark.parametrize("algorithm", TINY)
def test_priorities_are_at_least_0_and_carry_no_gradient(algorithm: str) -> None:
    model = tiny(algorithm)
    priority = model.loss(model.q_net, model.q_net_target, batch()).priority
    assert priority.shape == (4,)
    assert not priority.requires_grad
    assert (priority >= 0).all()
    assert priority.max() > 0


SHORT: dict[str, Any] = {"learning_starts": 50, "buffer_size": 1000, "batch_size": 16, "seed": 0}
LEARN: list[tuple[type[DeepQ], dict[str, Any]]] = [
    (C51, {}),
    (QRDQN, {}),
    (IQN, {}),
    (MunchausenDQN, {}),
    (MunchausenIQN, {}),
    (DoubleDQN, {}),
    (Rainbow, {"replay_buffer_class": "frame_ring"}),
]


@pytest.mark.parametrize(("algorithm", "given"), LEARN, ids=[kind.__name__ for kind, _ in LEARN])
def test_a_file_brings_the_same_agent_back(algorithm: type[DeepQ], given: dict[str, Any], tmp_path: Path) -> None:
    model = algorithm("MlpPolicy", "CartPole-v1", **SHORT, **given)
    before = {name: weight.clone() for name, weight in model.q_net.named_parameters()}
    model.learn(300)
    assert any(not torch.equal(weight, before[name]) for name, weight in model.q_net.named_parameters())
    model.save(tmp_path / "agent.zip")
    loaded = algorithm.load(tmp_path / "agent.zip")
    observations = np.random.default_rng(0).normal(0, 1, (20, 4)).astype(np.float32)
    np.testing.assert_array_equal(
        model.predict(observations, deterministic=True)[0], loaded.predict(observations, deterministic=True)[0]
    )
    with torch.no_grad():
        values = [each.q_net(torch.from_numpy(observations)) for each in (model, loaded)]
    assert torch.equal(*values)
    assert len(values[0].unique()) > 20
    assert loaded.settings == model.settings
    assert loaded.loss_name == model.loss_name
