"""Exploration's random numbers are an agent's own: they hang on its seed and on nothing else."""

import numpy as np
from stable_baselines3.common.env_util import make_vec_env

from dqn_zoo_ext.algorithms import DQN

OBSERVATIONS = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)


def agent(seed: int | None, like: DQN | None = None) -> DQN:
    """An agent that explores half of the time, with the weights of `like`."""
    model = DQN("MlpPolicy", make_vec_env("CartPole-v1"), policy_kwargs={"net_arch": [8]}, seed=seed)
    if like is not None:
        model.policy.load_state_dict(like.policy.state_dict())
    model.exploration_rate = 0.5
    return model


def explored(model: DQN) -> list[list[int]]:
    return [model.predict(OBSERVATIONS, deterministic=False)[0].tolist() for _ in range(8)]


def greedy(model: DQN) -> list[int]:
    actions: list[int] = model.predict(OBSERVATIONS, deterministic=True)[0].tolist()
    return actions


def test_two_seeds_explore_differently_with_equal_weights() -> None:
    one = agent(1)
    other = agent(2, like=one)
    assert greedy(one) == greedy(other)
    # 128 actions of two kinds, a quarter of them not greedy: equal by chance once in 10^21 times
    assert explored(one) != explored(other)
    without_seeds = [agent(None, like=one) for _ in range(2)]
    assert explored(without_seeds[0]) != explored(without_seeds[1])


def test_one_seed_explores_in_one_way_whatever_others_draw() -> None:
    one = agent(1)
    first = explored(one)
    again = agent(1, like=one)
    np.random.seed(7)  # noqa: NPY002  # what Stable-Baselines3 draws its own coin from
    again.predict(OBSERVATIONS, deterministic=True)  # takes no random number
    assert explored(again) == first
