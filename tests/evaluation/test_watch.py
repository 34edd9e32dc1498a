from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from sb3_contrib import QRDQN
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from dqn_zoo_ext.algorithms import C51
from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.rewards import AtEnd, Sign
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.evaluate import evaluate
from dqn_zoo_ext.evaluation.protocols import get
from dqn_zoo_ext.evaluation.watch import Learned, Moment, action_values, watch

GREEDY = get("greedy")
AS_PLAYED = Learned(gamma=0.9, rewards=(), life_loss_ends=False)
MANY = 10_000


class ThreeSteps(gymnasium.Env[np.ndarray, np.int64]):
    """States 0, 1, 2, one-hot; the rewards are 5, -3, 2; lives 2, 1, 1; the third step ends it, or cuts it short."""

    observation_space = gymnasium.spaces.Box(0.0, 1.0, (4,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, cut: bool) -> None:
        self._cut = cut
        self._state = 0

    def reset(self, **_: Any) -> tuple[np.ndarray, dict[str, int]]:
        self._state = 0
        return self._seen(), {"lives": 2}

    def step(self, _: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, int]]:
        reward = (5.0, -3.0, 2.0)[self._state]
        self._state += 1
        last = self._state == 3
        return self._seen(), reward, last and not self._cut, last and self._cut, {"lives": (2, 1, 0)[self._state - 1]}

    def _seen(self) -> np.ndarray:
        return np.asarray(np.eye(4, dtype=np.float32)[self._state])


def three_steps(cut: bool = False) -> VecEnv:
    return DummyVecEnv([lambda: Monitor(ThreeSteps(cut))])


@pytest.fixture
def model() -> DQN:
    """Q(s, 0) is 1, 2, 3, 4 for the four states, Q(s, 1) is 0."""
    made = DQN("MlpPolicy", three_steps(), buffer_size=10, policy_kwargs={"net_arch": []})
    with torch.no_grad():
        weight, bias = made.q_net.q_net.parameters()
        weight.copy_(torch.tensor([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0]]))
        bias.zero_()
    return made


def watched(model: DQN, learned: Learned, cut: bool = False) -> list[Moment]:
    return list(watch(model.policy, three_steps(cut), GREEDY, 0, learned, MANY))


@pytest.mark.parametrize(
    ("learned", "cut", "surprises"),
    [
        # r + 0.9 max Q(s') - Q(s, 0): 5 + 1.8 - 1, -3 + 2.7 - 2, 2 - 3
        (AS_PLAYED, False, (5.8, -2.3, -1.0)),
        (AS_PLAYED, True, (5.8, -2.3, 2.6)),  # cut short, not ended: 2 + 0.9 * 4 - 3
        (replace(AS_PLAYED, rewards=(Sign(),)), False, (1.8, -0.3, -2.0)),
        (replace(AS_PLAYED, life_loss_ends=True), False, (5.8, -5.0, -1.0)),  # a life is lost in the second step
        (replace(AS_PLAYED, rewards=(AtEnd(-10.0),)), False, (5.8, -2.3, -13.0)),
        (replace(AS_PLAYED, rewards=(AtEnd(-10.0),)), True, (5.8, -2.3, 2.6)),
        (replace(AS_PLAYED, rewards=(AtEnd(-10.0),), life_loss_ends=True), False, (5.8, -12.0, -13.0)),
    ],
)
def test_the_surprise_is_the_td_error_as_it_was_learned_from(
    model: DQN, learned: Learned, cut: bool, surprises: tuple[float, ...]
) -> None:
    moments = watched(model, learned, cut)
    assert [moment.surprise for moment in moments] == pytest.approx(surprises)
    assert [moment.reward for moment in moments] == [5.0, -3.0, 2.0]
    assert [moment.lives for moment in moments] == [2, 1, 0]
    assert [moment.over for moment in moments] == [False, False, True]
    assert [moment.values.tolist() for moment in moments] == [[1, 0], [2, 0], [3, 0]]
    assert all(moment.greedy and moment.action == 0 and moment.pictures == () for moment in moments)


def test_random_actions_are_told_from_the_agents_own(model: DQN) -> None:
    moments = list(watch(model.policy, three_steps(), replace(GREEDY, epsilon=1.0), 3, AS_PLAYED, MANY))
    assert [moment.greedy for moment in moments] == [moment.action == 0 for moment in moments]
    assert {moment.action for moment in moments} == {0, 1}


@pytest.mark.parametrize("make", [DQN, QRDQN, C51])
def test_the_values_are_those_by_which_a_policy_chooses(make: Callable[..., DQN]) -> None:
    model = make("MlpPolicy", "CartPole-v1", seed=1)
    observations = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    values = action_values(model.policy, observations)
    assert values.shape == (20, 2)
    assert values.argmax(axis=1).tolist() == model.predict(observations, deterministic=True)[0].tolist()


def test_a_policy_without_values_is_one_line() -> None:
    with pytest.raises(UserError, match="ActorCriticPolicy says nothing of what it expects"):
        action_values(PPO("MlpPolicy", "CartPole-v1").policy, np.zeros((1, 4), dtype=np.float32))


def test_it_is_the_evaluated_game_with_every_frame_of_it() -> None:
    rules = AtariRules(max_frames_per_game=202, terminal_on_life_loss=False, clip_reward=False)
    model = DQN("CnnPolicy", AleVecEnv("pong", 1, rules, seed=0), buffer_size=10, seed=0)
    protocol = replace(GREEDY, epsilon=0.3)
    seen = AleVecEnv("pong", 1, rules, seed=1, render_mode="rgb_array_list")
    moments = list(watch(model.policy, seen, protocol, 5, AS_PLAYED, MANY))
    played = evaluate(model.policy, AleVecEnv("pong", 1, rules, seed=2), protocol, 1, 5)
    assert sum(moment.reward for moment in moments) == played.scores[0]
    assert len(moments) == played.lengths_in_agent_steps[0] == 51
    assert [len(moment.pictures) for moment in moments] == [*[4] * 50, 2]
    assert moments[0].observation.shape == (4, 84, 84)
    assert len(list(watch(model.policy, seen, protocol, 5, AS_PLAYED, 7))) == 7
