"""Batch normalisation through the machine: its running statistics go where weights go, and only updates move them."""

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger
from test_captured import Again

from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.hardware.graphs import Capture
from dqn_zoo_ext.learning.saved import deep_q_state
from dqn_zoo_ext.learning.updates.captured import keep_on_device
from dqn_zoo_ext.learning.updates.learner import Learner

KWARGS = {"torso": "mlp", "torso_kwargs": {"net_arch": [6, 6], "normalization": "batch"}, "net_arch": []}


def model(capture: Capture | None = None, **changes: Any) -> DQN:
    arguments: dict[str, Any] = {"learning_starts": 20, "batch_size": 8, "buffer_size": 90, "seed": 3, **changes}
    made = DQN(
        "MlpPolicy",
        make_vec_env("CartPole-v1", n_envs=2, seed=0),
        train_freq=4,
        replay_buffer_class="frame_ring",
        policy_kwargs=KWARGS,
        **arguments,
    )
    made._learner = Learner(
        made.loss, made.q_net, made.q_net_target, made.policy.optimizer, made.max_grad_norm, updates_per_reading=7
    )
    made.capture = capture
    keep_on_device(made.policy.optimizer, made.device)
    return made


def statistics(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: each.clone() for name, each in network.named_buffers()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(each, other[name]) for name, each in one.items())


def test_captured_updates_move_them_as_plain_ones_do() -> None:
    plain, captured = model().learn(120), model(Again).learn(120)
    assert plain._n_updates == captured._n_updates > 10
    assert equal(dict(plain.policy.state_dict()), dict(captured.policy.state_dict()))
    tracked = [each for name, each in statistics(plain.q_net).items() if name.endswith("num_batches_tracked")]
    assert [int(each) for each in tracked] == [plain._n_updates] * 2


def test_a_copy_takes_them_to_the_target_and_nothing_else_moves_them_there() -> None:
    learned = model(target_update_interval=1_000_000).learn(60)
    before, target = statistics(learned.q_net), statistics(learned.q_net_target)
    assert not equal(before, target)
    learned.train(3, 8)
    assert equal(statistics(learned.q_net_target), target)  # an update normalises the target's values by them
    learned.target_update_interval = 1
    learned.num_timesteps += 1
    learned._on_step()
    assert equal(statistics(learned.q_net_target), statistics(learned.q_net))


def test_acting_uses_them_and_moves_nothing() -> None:
    learned = model().learn(60)
    before = statistics(learned.q_net)
    observations = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    together = learned.predict(observations, deterministic=True)[0]
    alone = [int(learned.predict(each, deterministic=True)[0]) for each in observations]
    assert together.tolist() == alone  # no state's value depends on those beside it
    learned._sample_action(0, None, 2)
    assert equal(statistics(learned.q_net), before)


def test_a_model_comes_back_with_them() -> None:
    learned, fresh = model().learn(60), model(seed=5)
    state = deep_q_state.state_of(learned)
    assert not equal(statistics(learned.q_net), statistics(fresh.q_net))
    fresh.set_logger(Logger(None, []))
    deep_q_state.restore(fresh, state)
    assert equal(statistics(learned.q_net), statistics(fresh.q_net))
    assert equal(statistics(learned.q_net_target), statistics(fresh.q_net_target))


def test_a_batch_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 2 with batch normalisation"):
        model(batch_size=1)
    assert isinstance(model(batch_size=2), DeepQ)
