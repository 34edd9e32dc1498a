"""Trainings that go wrong slowly are told of, once and with numbers; healthy ones are neither told of nor disturbed."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.buffers import NStepReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import CSVOutputFormat, Logger
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn

from dqn_zoo_ext.algorithms import DQN, DoubleDQN
from dqn_zoo_ext.callbacks import HealthWarnings
from dqn_zoo_ext.callbacks.vital_signs import DeadUnits, largest_reward, look
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.state import Resumable, State


def small(algorithm: type[DeepQ] = DQN, normalize: bool = False, **changes: Any) -> DeepQ:
    """CartPole pays 1 for each step, so true values are at most 1 / (1 - 0.99) = 100."""
    venv = make_vec_env("CartPole-v1", n_envs=2, seed=0)
    arguments = {
        "learning_starts": 20,
        "batch_size": 8,
        "train_freq": 2,
        "buffer_size": 400,
        "policy_kwargs": {"net_arch": [16, 20]},
        "seed": 3,
        **changes,
    }
    model = algorithm("MlpPolicy", VecNormalize(venv) if normalize else venv, **arguments)
    model.set_logger(Logger(None, []))
    return model


def watched(model: DeepQ, **settings: Any) -> tuple[HealthWarnings, list[str]]:
    """A watch on a model that has learned a little."""
    lines: list[str] = []
    watch = HealthWarnings(lines.append, every=10**9, **settings)
    model.learn(100, callback=watch)
    assert not lines
    return watch, lines


def set_weights(model: DeepQ, layer: str, value: float, count: int | None = None) -> None:
    with torch.no_grad():
        model.q_net.get_parameter(layer).view(-1)[:count] = value


def everything(model: DeepQ) -> list[bytes]:
    """Weights, and where the random generators stand that a run draws from."""
    return [
        *(value.numpy().tobytes() for value in model.policy.state_dict().values()),
        torch.get_rng_state().numpy().tobytes(),
        pickle.dumps(np.random.get_state()),  # noqa: NPY002
        str(model.exploration_rng.bit_generator.state).encode(),
        *(value.numpy().tobytes() for value in _of_ring(model).values()),
    ]


def _of_ring(model: DeepQ) -> dict[str, torch.Tensor]:
    """Generator and priorities are among it."""
    return model.replay_buffer.rest() if isinstance(model.replay_buffer, FrameRing) else {}


@pytest.mark.parametrize("algorithm", [DQN, DoubleDQN])
@pytest.mark.parametrize(
    "changes",
    [
        {"replay_buffer_class": "frame_ring", "n_steps": 3},
        {"replay_buffer_class": "prioritized_ring"},
        {"replay_buffer_class": "prioritized_ring", "replay_buffer_kwargs": {"law": "rank"}},
        {"replay_buffer_class": "sb3"},
        {"replay_buffer_class": NStepReplayBuffer, "n_steps": 3},
        {"replay_buffer_class": "sb3", "normalize": True},
    ],
    ids=["frame_ring", "priorities", "ranks", "sb3", "n_step", "normalized"],
)
def test_a_run_learns_the_same_to_the_last_bit(algorithm: type[DeepQ], changes: dict[str, Any]) -> None:
    def trained(callback: BaseCallback | None) -> list[bytes]:
        return everything(small(algorithm, **changes).learn(300, callback=callback))

    class Counted(HealthWarnings):
        measured = 0

        def measure(self) -> None:
            super().measure()
            self.measured += 1

    watch = Counted(lambda _: None, every=20)
    assert trained(watch) == trained(None)
    assert watch.measured == 14  # at 40 to 300: at 20 there has been no update yet


def test_its_numbers_stand_in_the_log_and_are_the_same_in_each_run(tmp_path: Path) -> None:
    def log(name: str) -> str:
        model = small()
        model.set_logger(Logger(None, [CSVOutputFormat(str(tmp_path / name))]))
        model.learn(300, callback=HealthWarnings(lambda _: None, every=50), log_interval=1)
        return (tmp_path / name).read_text()

    header, *rows = log("a.csv").splitlines()
    at = {name: header.split(",").index(f"health/{name}") for name in ("q_max", "td_error", "dead_units")}
    measured = [row.split(",") for row in rows if row.split(",")[at["q_max"]]]
    assert len(measured) >= 2
    for row in measured:
        assert 0 < float(row[at["q_max"]]) < 100
        assert 0 < float(row[at["td_error"]]) < 10
        assert 0 <= float(row[at["dead_units"]]) < 1
    without_clock = [name for name in header.split(",") if not name.startswith("time/")]
    places = [header.split(",").index(name) for name in without_clock]
    again = log("b.csv").splitlines()[1:]
    assert [[row.split(",")[i] for i in places] for row in rows] == [
        [row.split(",")[i] for i in places] for row in again
    ]


def test_healthy_trainings_are_not_warned_of() -> None:
    lines: list[str] = []
    model = small(learning_rate=1e-3, batch_size=32, target_update_interval=200, buffer_size=3_000)
    model.learn(3_000, callback=HealthWarnings(lines.append, every=200, updates_to_learn=200))
    assert lines == []


@pytest.mark.parametrize("replay", ["frame_ring", "sb3"])
@pytest.mark.parametrize(("value", "warned"), [(180.0, False), (-250.0, True)])
def test_values_beyond_what_rewards_allow(replay: str, value: float, warned: bool) -> None:
    model = small(replay_buffer_class=replay)
    watch, lines = watched(model)
    set_weights(model, "q_net.4.weight", 0.0)
    set_weights(model, "q_net.4.bias", value)
    watch.measure()
    watch.measure()
    assert len(lines) == warned
    if warned:
        assert "after 100 agent steps: Q-values diverge: they reach 250, and rewards of at most 1" in lines[0]
        assert "gamma 0.99 allow 100" in lines[0]
        assert "learning_rate" in lines[0]


def test_without_a_reward_nothing_is_known_of_values() -> None:
    model = small(replay_buffer_class="sb3")
    watch, lines = watched(model)
    assert model.replay_buffer is not None
    model.replay_buffer.rewards[:] = 0
    set_weights(model, "q_net.4.bias", 5.0)
    watch.measure()
    assert lines == []


def test_the_largest_reward_is_remembered_when_the_replay_has_forgotten_it() -> None:
    model = small(replay_buffer_class="sb3")
    watch, lines = watched(model)
    watch.measure()
    assert model.replay_buffer is not None
    model.replay_buffer.rewards[:] = 0.01  # alone it would allow values of 1
    set_weights(model, "q_net.4.bias", 50.0)
    watch.measure()
    assert lines == []


def test_rewards_count_as_they_are_learned_from() -> None:
    model = small(replay_buffer_class="sb3", normalize=True).learn(100)
    assert model.replay_buffer is not None
    normalizer = model.get_vec_normalize_env()
    assert normalizer is not None
    one = float(normalizer.normalize_reward(np.ones(1))[0])
    assert one != pytest.approx(1.0)
    assert largest_reward(model) == pytest.approx(one)


def test_a_measurement_leaves_the_layers_as_they_were() -> None:
    model = small()
    watch, _ = watched(model)
    for training in (True, False):
        model.policy.set_training_mode(training)
        watch.measure()
        assert model.policy.training == model.q_net.training == training


@pytest.mark.parametrize(("dead", "warned"), [(18, False), (19, True)])
def test_a_layer_whose_units_are_dead_is_named(dead: int, warned: bool) -> None:
    model = small()
    watch, lines = watched(model)
    set_weights(model, "q_net.2.weight", 0.0)
    set_weights(model, "q_net.2.bias", 1.0)
    set_weights(model, "q_net.2.bias", -1.0, count=dead)
    watch.measure()
    watch.measure()
    assert model.logger.name_to_value["health/dead_units"] == dead / 20
    assert len(lines) == warned
    if warned:
        assert "19 of 20 units behind q_net.3 are dead: zero on all 128 states" in lines[0]


def test_a_filter_is_dead_if_it_is_zero_everywhere_on_every_state() -> None:
    network = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2), nn.Tanh())
    with torch.no_grad():
        network.get_parameter("0.weight").fill_(1.0)
        network.get_parameter("0.bias").copy_(torch.tensor([-4.0, -3.0, 0.0]))
    images = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]], [[[0.0, 3.5], [0.0, 0.0]]]])  # only 3.5 reaches over 3, none 4
    q_max, dead = look(network, Batch(images, *[torch.zeros(2)] * 6))
    assert dead == [DeadUnits("1", dead=1, units=3)]
    assert q_max == pytest.approx(float(network(images).detach().abs().max()))
    assert not network[1]._forward_hooks  # nothing stays behind


class AtTwoFractions(nn.Module):
    """(B, units) to (B, 2, units): times 1, and times 0."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.unsqueeze(1) * torch.tensor([[1.0], [0.0]])


def test_a_unit_of_implicit_quantiles_is_dead_if_it_is_zero_at_every_fraction() -> None:
    network = nn.Sequential(AtTwoFractions(), nn.ReLU())
    features = torch.tensor([[1.0, -1.0, 0.0], [-1.0, -1.0, 2.0]])
    _, dead = look(network, Batch(features, *[torch.zeros(2)] * 6))
    assert dead == [DeadUnits("1", dead=1, units=3)]


def test_a_loss_that_stays_at_its_first_value() -> None:
    def lines_at(learning_rate: float) -> list[str]:
        lines: list[str] = []
        watch = HealthWarnings(lines.append, every=20, updates_to_learn=50)
        small(learning_rate=learning_rate).learn(300, callback=watch)
        return lines

    stuck = lines_at(0.0)
    assert len(stuck) == 1
    # updates are made every 2 agent steps from 22 on: at 40 there were 9, at 140 there are 59
    assert "after 140 agent steps: nothing is learned: after 50 updates" in stuck[0]
    assert "raise learning_rate (it is 0 now)" in stuck[0]
    assert lines_at(1e-3) == []


def test_errors_that_grow_without_bound() -> None:
    lines: list[str] = []
    model = small(learning_rate=0.3, target_update_interval=2, batch_size=32)
    model.learn(1_000, callback=HealthWarnings(lines.append, every=20))
    grown = [line for line in lines if "the TD error grows without bound" in line]
    assert len(grown) == 1
    assert "with rewards of at most 1; lower learning_rate" in grown[0]


@pytest.mark.parametrize("measured_before", [False, True])
def test_one_that_goes_on_from_a_state_says_what_the_other_would(measured_before: bool) -> None:
    def later(handed_over: bool) -> tuple[list[str], State]:
        lines: list[str] = []
        model = small(learning_rate=0.0)
        watch = HealthWarnings(lines.append, every=10**9, updates_to_learn=50)
        model.learn(100, callback=watch)
        set_weights(model, "q_net.4.bias", -250.0)
        if measured_before:
            watch.measure()
        del lines[:]
        if handed_over:
            assert isinstance(watch, Resumable)
            watch, state = HealthWarnings(lines.append, every=10**9, updates_to_learn=50), watch.state()
            watch.load_state(state)
        model.learn(200, callback=watch, reset_num_timesteps=False)
        watch.measure()
        state = watch.state()
        probe = state.pop("probe") or {}
        return lines, {**state, **{name: value.tolist() for name, value in probe.items()}}

    lines, state = later(handed_over=True)
    assert (lines, state) == later(handed_over=False)
    assert any("Q-values" in line for line in lines) != measured_before  # said once
    assert any("nothing is learned" in line for line in lines) == measured_before  # needs two measurements


@pytest.mark.parametrize("handed_over", [False, True])
def test_growth_is_seen_across_a_state(handed_over: bool) -> None:
    model = small()
    watch, lines = watched(model)
    for measurement in range(4):  # three rises in a row
        if measurement == 3 and handed_over:
            watch, state = HealthWarnings(lines.append, every=10**9), watch.state()
            watch.load_state(state)
            watch.init_callback(model)
        set_weights(model, "q_net.4.bias", -20.0 * (measurement + 1))
        assert not lines
        watch.measure()
    assert len(lines) == 1
    assert "the TD error grows without bound" in lines[0]


def test_an_agent_that_goes_on_with_an_empty_replay_is_waited_for() -> None:
    for replay in ("frame_ring", "sb3"):
        model = small(replay_buffer_class=replay)
        model._n_updates = 1_000
        model.learn(60, callback=HealthWarnings(lambda _: None, every=2))
        assert "health/q_max" in model.logger.name_to_value
