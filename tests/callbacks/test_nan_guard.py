"""A training whose weights are no numbers ends: with Stable-Baselines3's algorithms, and with ours."""

import pytest
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

from dqn_zoo_ext import algorithms
from dqn_zoo_ext.callbacks import NanGuard
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.updates.finite import NotFinite


class Poison(BaseCallback):
    """One weight is no number from here on."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def _on_step(self) -> bool:
        if self.num_timesteps == self.at:
            with torch.no_grad():
                self.model.policy.get_parameter("q_net.q_net.2.weight")[0, 0] = torch.nan
        return True


def test_it_ends_the_training_at_the_next_look() -> None:
    model = DQN("MlpPolicy", make_vec_env("CartPole-v1"), learning_starts=500)
    words = r"weight q_net\.q_net\.2\.weight is not finite after 60 agent steps and 0 updates; lower learning_rate"
    with pytest.raises(UserError, match=words):
        model.learn(200, callback=[Poison(at=45), NanGuard(every=20)])
    assert model.num_timesteps == 60


def test_it_looks_at_the_end() -> None:
    with pytest.raises(UserError, match="after 60 agent steps"):
        DQN("MlpPolicy", make_vec_env("CartPole-v1")).learn(60, callback=[Poison(at=45), NanGuard(every=1000)])


def test_our_algorithms_bring_their_evidence() -> None:
    model = algorithms.DQN("MlpPolicy", make_vec_env("CartPole-v1"), learning_starts=500)
    with pytest.raises(NotFinite, match=r"weight q_net\.2\.weight is not finite"):
        model.learn(200, callback=[Poison(at=45), NanGuard(every=20)])


def test_a_healthy_training_goes_on() -> None:
    assert DQN("MlpPolicy", make_vec_env("CartPole-v1")).learn(60, callback=NanGuard(every=10)).num_timesteps == 60
