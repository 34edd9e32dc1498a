"""What an evaluation during training begins with: the network's mode, and games of its own."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from torch import Tensor, nn

from dqn_zoo_ext import registry
from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.callbacks import ProtocolEvaluation
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.envs.make import make_vec_env as make_ours
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.learning.policies import MlpPolicy


def cart_poles() -> VecEnv:
    return make_vec_env("CartPole-v1", n_envs=2, seed=0)


def evaluation(make_venv: Callable[[], VecEnv], seed: int, episodes: int = 2) -> ProtocolEvaluation:
    return ProtocolEvaluation(make_venv, protocols.get("greedy"), every=1000, episodes=episodes, seed=seed)


class HalfDropped(BaseFeaturesExtractor):
    """A torso that is another one in training mode."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, int(np.prod(observation_space.shape)))
        self.dropout = nn.Dropout(0.5)

    def forward(self, observations: Tensor) -> Tensor:
        features: Tensor = self.dropout(observations)
        return features


class ModeNoting(MlpPolicy):
    """A policy that notes in which mode it is asked for actions, before Stable-Baselines3 sets it."""

    modes: ClassVar[list[bool]] = []

    def predict(self, *arguments: Any, **named: Any) -> Any:
        torso = self.q_net.features_extractor
        assert isinstance(torso, HalfDropped)
        self.modes.append(torso.dropout.training)
        return super().predict(*arguments, **named)


@pytest.mark.parametrize("before", [True, False])
def test_an_evaluation_plays_in_evaluation_mode_and_puts_the_mode_back(
    monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    monkeypatch.setitem(registry.torsos._entries, "half_dropped", HalfDropped)
    callback = evaluation(cart_poles, seed=5)
    agent = DQN(ModeNoting, cart_poles(), policy_kwargs={"torso": "half_dropped"}, seed=0).learn(1, callback=callback)
    agent.policy.set_training_mode(before)
    ModeNoting.modes.clear()
    callback.measure()
    assert set(ModeNoting.modes) == {False}
    assert agent.policy.training is before
    assert {module.training for module in agent.q_net.modules()} == {before}


class SeenAtFirst(VecEnvWrapper):
    """Notes what each evaluation begins with."""

    def __init__(self, venv: VecEnv, seen: list[list[float]]) -> None:
        super().__init__(venv)
        self._seen = seen

    def reset(self) -> Any:
        observations = self.venv.reset()
        assert isinstance(observations, np.ndarray)
        self._seen.append(np.ravel(observations).tolist())
        return observations

    def step_wait(self) -> Any:
        return self.venv.step_wait()


def test_each_evaluation_of_an_unchanged_agent_plays_games_of_its_own() -> None:
    def beginnings(seed: int) -> list[list[float]]:
        seen: list[list[float]] = []
        callback = evaluation(lambda: SeenAtFirst(cart_poles(), seen), seed)
        DQN("MlpPolicy", cart_poles(), seed=0).learn(1, callback=callback)  # evaluates once, at the end
        for _ in range(2):
            callback.num_timesteps += 100
            callback.measure()
        return seen

    seen = beginnings(5)
    assert len({tuple(each) for each in seen}) == len(seen) == 3
    assert beginnings(5) == seen
    assert beginnings(50) != seen


@pytest.mark.parametrize("n_envs", [1, 3])
def test_what_was_evaluated_before_is_of_no_account(n_envs: int) -> None:
    """Ours are seeded anew after so many agent steps; of three, some are amid a game when an evaluation ends."""
    closed: list[VecEnv] = []

    class Closing(SeenAtFirst):
        def close(self) -> None:
            closed.append(self)
            super().close()

    def often_reseeded() -> VecEnv:
        venv = make_ours(
            resolve("CartPole-v1"), n_envs, 0, preprocessing="none", preprocessing_kwargs={}, frame_stack=1,
            env_kwargs={},
        )  # fmt: skip
        venv.set_attr("_reseed_after", 12)
        return Closing(venv, [])

    before, new = (evaluation(often_reseeded, seed=5, episodes=8) for _ in range(2))
    agent = DQN("MlpPolicy", cart_poles(), seed=0).learn(1, callback=before)
    new.init_callback(agent)
    for agent_steps in (100, 200):
        before.num_timesteps = new.num_timesteps = agent_steps
        before.measure()
    assert new.measure() == before.records[-1]
    assert len(set(map(id, closed))) == len(closed) == 4
