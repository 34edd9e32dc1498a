"""Numbers made to go wrong in real trainings: they are caught in time, named, and their evidence shows them again."""

import math
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.learning import kernels
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.losses import Loss, huber
from dqn_zoo_ext.learning.optim import DeepMindRMSprop
from dqn_zoo_ext.learning.updates.finite import NotFinite, loss_of_evidence, names_not_finite
from dqn_zoo_ext.learning.updates.learner import Learner

AT_ONCE, LATER = 1, 8
READINGS = pytest.mark.parametrize("updates_per_reading", [AT_ONCE, LATER])
LIMITS = pytest.mark.parametrize("max_grad_norm", [None, 10.0])


class NaNReward(gym.RewardWrapper[Any, Any]):
    """The reward of the `at`-th step is not a number."""

    def __init__(self, env: gym.Env[Any, Any], at: int) -> None:
        super().__init__(env)
        self.left = at

    def reward(self, reward: Any) -> float:
        self.left -= 1
        return math.nan if self.left == 0 else float(reward)


class InADict(gym.ObservationWrapper[Any, Any, Any]):
    """The observation under the name ``pole``."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.observation_space = gym.spaces.Dict({"pole": env.observation_space})

    def observation(self, observation: Any) -> dict[str, Any]:
        return {"pole": observation}


def small(
    updates_per_reading: int | None = None,
    wrap: Callable[[gym.Env[Any, Any]], gym.Env[Any, Any]] | None = None,
    policy: str = "MlpPolicy",
    algorithm: type[DeepQ] = DQN,
    **changes: Any,
) -> DeepQ:
    """Updates after each of CartPole's agent steps from the 20th on; layers q_net.0, q_net.2 and q_net.4."""
    venv = make_vec_env("CartPole-v1", seed=0, wrapper_class=wrap)
    arguments = {"learning_starts": 20, "batch_size": 8, "train_freq": 1, "buffer_size": 500, "seed": 3, **changes}
    model = algorithm(policy, venv, policy_kwargs={"net_arch": [16, 16]}, **arguments)
    if updates_per_reading is not None:
        model.learner.updates_per_reading = updates_per_reading
    return model


def stopped(model: DeepQ, agent_steps: int = 300, callback: BaseCallback | None = None) -> NotFinite:
    model.set_logger(Logger(None, []))
    with pytest.raises(NotFinite) as caught:
        model.learn(agent_steps, callback=callback, log_interval=1)
    assert "\n" not in str(caught.value)
    return caught.value


def weights(network: nn.Module) -> bytes:
    return b"".join(value.numpy().tobytes() for value in network.state_dict().values())


def replayed(model: DeepQ, error: NotFinite) -> float:
    """The loss by the evidence alone, in another model's networks."""
    other = type(model)(
        model.policy_class, model.get_env() or "", policy_kwargs=model.policy_kwargs, seed=8, buffer_size=10
    )
    before = weights(other.policy)
    value = loss_of_evidence(other.loss, other.q_net, other.q_net_target, error.evidence)
    assert weights(other.policy) == before
    return value


@READINGS
@LIMITS
@pytest.mark.parametrize("by_kernels", [False, True], ids=["by_pytorch", "by_kernels"])
@pytest.mark.parametrize("layer", ["q_net.0.weight", "q_net.2.bias", "q_net.4.weight"])
@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_the_layer_and_update_of_a_wrong_gradient_are_named(
    updates_per_reading: int,
    max_grad_norm: float | None,
    layer: str,
    wrong: float,
    by_kernels: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "can_take", lambda *_: by_kernels)
    model = small(updates_per_reading, max_grad_norm=max_grad_norm)
    seen = 0

    def spoil(gradient: Tensor) -> Tensor:
        nonlocal seen
        seen += 1
        if seen != 30:
            return gradient
        spoiled = gradient.clone()
        spoiled.view(-1)[:] = wrong
        return spoiled

    model.q_net.get_parameter(layer).register_hook(spoil)
    error = stopped(model)
    assert (error.what, error.layers, error.update) == ("gradient", [layer], 30)
    assert str(error).startswith(f"gradient of {layer} is not finite in update 30; its batch: observations -")
    assert error.statistics["rewards"] == {"min": 1.0, "max": 1.0, "mean": 1.0, "not_finite": 0}
    assert model._n_updates <= 30 + updates_per_reading


def test_a_limited_norm_stops_the_step_before_the_weights_change() -> None:
    model = small(AT_ONCE, max_grad_norm=10.0, target_update_interval=10_000)
    model.learn(60)
    before = weights(model.q_net)
    model.q_net.get_parameter("q_net.2.weight").register_hook(lambda gradient: gradient * math.nan)
    with pytest.raises(NotFinite):
        model.train(1, 8)
    assert weights(model.q_net) == before
    assert model._n_updates == 40


@READINGS
def test_of_layers_that_a_gradient_has_spread_to_the_one_where_it_arose_comes_first(updates_per_reading: int) -> None:
    model = small(updates_per_reading, max_grad_norm=None)
    seen = 0

    def spoil(_: nn.Module, __: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal seen
        seen += out.requires_grad
        if out.requires_grad and seen == 30:
            out.register_hook(lambda gradient: gradient * math.nan)

    model.q_net.get_submodule("q_net.2").register_forward_hook(spoil)
    error = stopped(model)
    assert (error.what, error.update) == ("gradient", 30)
    assert error.layers == ["q_net.2.bias", "q_net.2.weight", "q_net.0.bias", "q_net.0.weight"]
    assert "update 30 (also q_net.2.weight, q_net.0.bias, q_net.0.weight)" in str(error)
    assert math.isnan(replayed(model, error))  # the step was made, so the weights are not finite either


@READINGS
@LIMITS
@pytest.mark.parametrize("replay", ["frame_ring", "sb3"])
def test_a_reward_that_is_not_a_number_is_found_in_its_batch(
    updates_per_reading: int, max_grad_norm: float | None, replay: str
) -> None:
    model = small(
        updates_per_reading,
        wrap=lambda env: NaNReward(env, at=60),
        max_grad_norm=max_grad_norm,
        replay_buffer_class=replay,
    )
    error = stopped(model)
    assert (error.what, error.layers) == ("loss", [])
    assert error.update >= 40  # 39 were made before the reward came
    assert error.statistics["rewards"]["not_finite"] > 0
    assert error.statistics["rewards"]["mean"] == 1.0  # of the others
    assert error.statistics["observations"]["not_finite"] == 0
    assert f"loss is not finite in update {error.update}" in str(error)
    assert math.isnan(replayed(model, error))
    assert model._n_updates < error.update + updates_per_reading
    if updates_per_reading == AT_ONCE:
        assert model._n_updates == error.update - 1
        assert error.statistics["Q-values"]["not_finite"] == 0  # stopped before the step
        error.evidence["batch"]["r_t"].nan_to_num_(1.0)
        assert math.isfinite(replayed(model, error))  # it was the reward alone


def test_dict_observations_are_told_and_replayed() -> None:
    model = small(wrap=lambda env: InADict(NaNReward(env, at=60)), policy="MultiInputPolicy")
    error = stopped(model)
    assert error.statistics["observations"]["min"] < 0 < error.statistics["observations"]["max"]
    assert math.isnan(replayed(model, error))


class SetWeight(BaseCallback):
    """Sets the first number of a layer at an agent step."""

    def __init__(self, network: str, layer: str, value: float, at: int) -> None:
        super().__init__()
        self.network, self.layer, self.value, self.at = network, layer, value, at

    def _on_step(self) -> bool:
        if self.num_timesteps == self.at:
            with torch.no_grad():
                getattr(self.model, self.network).get_parameter(self.layer).view(-1)[0] = self.value
        return True


@READINGS
def test_a_weight_that_no_loss_shows_is_found_when_the_log_is_written(updates_per_reading: int) -> None:
    model = small(updates_per_reading)
    # a bias of minus infinity before a ReLU: the unit is 0 and so is its gradient
    error = stopped(model, callback=SetWeight("q_net", "q_net.2.bias", -math.inf, at=100))
    assert (error.what, error.layers) == ("weight", ["q_net.2.bias"])
    assert 79 <= error.update <= 79 + 60  # no game of this policy is longer
    assert str(error).startswith(f"weight q_net.2.bias is not finite after update {error.update}; its batch")
    assert math.isinf(error.evidence["online"]["q_net.2.bias"][0])


@pytest.mark.parametrize(("network", "said"), [("q_net", "q_net.4.bias"), ("q_net_target", "target.q_net.4.bias")])
def test_an_infinite_weight_is_told_from_an_infinite_loss(network: str, said: str) -> None:
    model = small(AT_ONCE, target_update_interval=10_000)
    error = stopped(model, callback=SetWeight(network, "q_net.4.bias", math.inf, at=100))
    assert (error.what, error.layers) == ("weight", [said])
    assert not math.isfinite(replayed(model, error))


@READINGS
def test_a_check_finds_a_weight_set_by_hand_and_nothing_in_a_healthy_model(updates_per_reading: int) -> None:
    model = small(updates_per_reading).learn(100)
    model.learner.check()
    with torch.no_grad():
        model.q_net.get_parameter("q_net.0.weight")[3, 1] = math.inf
    for ask in (model.learner.check, model.learner.read_means, model.learner.state):
        with pytest.raises(NotFinite, match=r"weight q_net\.0\.weight is not finite after update 80"):
            ask()


def test_updates_are_numbered_on_when_a_run_goes_on() -> None:
    model = small()
    model._n_updates = 1_000
    model.q_net.get_parameter("q_net.2.bias").register_hook(lambda gradient: gradient * math.nan)
    assert stopped(model).update == 1_001


def test_evidence_is_plain_data() -> None:
    error = stopped(small(wrap=lambda env: NaNReward(env, at=60)))
    leaves: list[Any] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            assert all(type(name) is str for name in value)
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            leaves.extend(value)
        else:
            leaves.append(value)

    walk(error.evidence)
    assert {type(leaf) for leaf in leaves} <= {type(None), bool, int, float, str, Tensor, np.ndarray}
    assert error.evidence["optimizer"]["state"]["0"]["exp_avg"].shape == (16, 4)
    assert error.evidence["optimizer"]["param_groups"]["0"]["betas"] == [0.9, 0.999]


def test_evidence_stays_as_it_was_found() -> None:
    model = small(wrap=lambda env: NaNReward(env, at=60))
    error = stopped(model)
    then = weights(model.q_net)
    model.q_net.get_parameter("q_net.0.weight").data.fill_(0.0)
    assert b"".join(value.numpy().tobytes() for value in error.evidence["online"].values()) == then


class Unwatched(Learner):
    """The bare update."""

    def update(self, batch: Batch) -> Loss:
        loss = self._loss(self._online, self.target, batch)
        self._optimizer.zero_grad()
        (batch.weights * loss.per_sample).mean().backward()
        if self._max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self._online.parameters(), self._max_grad_norm)
        self._optimizer.step()
        return loss


class UnwatchedDQN(DQN):
    """DQN with the bare update."""

    def _make_learner(self) -> Learner:
        return Unwatched(self.loss, self.q_net, self.q_net_target, self.policy.optimizer, self.max_grad_norm)


@READINGS
@pytest.mark.parametrize("max_grad_norm", [None, 0.1])
def test_a_healthy_run_learns_the_same_to_the_last_bit(updates_per_reading: int, max_grad_norm: float | None) -> None:
    watched = small(updates_per_reading, max_grad_norm=max_grad_norm).learn(200)
    unwatched = small(algorithm=UnwatchedDQN, max_grad_norm=max_grad_norm).learn(200)
    assert weights(watched.policy) == weights(unwatched.policy)


def dqn_loss(online: nn.Module, target: nn.Module, batch: Batch) -> Loss:
    error = batch.r_t + batch.discount_t * target(batch.obs_t).amax(1) - online(batch.obs_tm1)[:, 0]
    return Loss(huber(error), error.detach().abs())


@LIMITS
def test_no_update_waits_for_its_numbers_until_they_are_read(max_grad_norm: float | None) -> None:
    # PyTorch's fake tensors compute nothing, and raise when a number is asked of them: where a program would wait
    def fake_learner(updates_per_reading: int) -> Learner:
        online, target = nn.Linear(4, 2), nn.Linear(4, 2)
        optimizer = DeepMindRMSprop(online.parameters())
        return Learner(dqn_loss, online, target, optimizer, max_grad_norm, updates_per_reading=updates_per_reading)

    with FakeTensorMode():
        batch = Batch(*(torch.ones(8, *shape) for shape in [(4,), (), (), (), (4,), (), ()]))
        learner = fake_learner(LATER)
        for _ in range(LATER - 1):
            learner.update(batch)
        with pytest.raises(DataDependentOutputException):
            learner.update(batch)
        with pytest.raises(DataDependentOutputException):
            fake_learner(AT_ONCE).update(batch)


def test_only_on_the_cpu_numbers_are_read_at_once() -> None:
    def default_on(device: str) -> int:
        online, target = nn.Linear(4, 2, device=device), nn.Linear(4, 2, device=device)
        return Learner(dqn_loss, online, target, DeepMindRMSprop(online.parameters()), None).updates_per_reading

    assert default_on("cpu") == 1
    assert default_on("meta") == 32


def test_huge_numbers_are_finite() -> None:
    named = [
        ("huge", torch.full((4, 4), 1e30)),  # of infinite norm
        ("nan", torch.tensor([1.0, math.nan])),
        ("fine", torch.zeros(3)),
        ("inf", torch.tensor([-math.inf])),
    ]
    assert names_not_finite(named) == ["inf", "nan"]
    assert names_not_finite(named[:1]) == []
    assert names_not_finite([]) == []
