"""Every algorithm learns in seconds: a bandit and a chain from vectors, a ball to be caught from pixels.

And noisy networks explore where epsilon-greedy does not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from small_games import Bandit, Chain, Lock, catch, vectors
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext import registry
from dqn_zoo_ext.algorithms import BTR, C51, DQN, IQN, DataEfficientRainbow, ImpalaDQN, NoisyDQN, Rainbow
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.parts import parts_of
from dqn_zoo_ext.learning.schedules import Linear

LADDER = [each for each in map(registry.algorithms.get, registry.algorithms.names()) if issubclass(each, DeepQ)]
FOR_VECTORS = [each for each in LADDER if each is not ImpalaDQN]  # whose torso is for images
SOON = (DQN, C51, NoisyDQN)  # the others take minutes of updates on two cores, or are enough like these


def slow_but_for(soon: Sequence[type[DeepQ]], algorithms: Sequence[type[DeepQ]]) -> list[Any]:
    """Parameters of a test."""
    return [pytest.param(each, marks=() if each in soon else pytest.mark.slow, id=each.__name__) for each in algorithms]


BY_NOISE = (NoisyDQN, Rainbow, DataEfficientRainbow)  # no random actions


def built(
    algorithm: type[DeepQ],
    venv: VecEnv,
    returns: tuple[float, float],
    explores: int,
    policy: str,
    replay: str = "frame_ring",
    **kwargs: Any,
) -> DeepQ:
    """returns: the least and the greatest that there are. explores: agent steps until epsilon is at its end."""
    arguments: dict[str, Any] = {"replay_buffer_class": replay, **parts_of(algorithm)}
    policy_kwargs = {"net_arch": [32], **kwargs}
    if algorithm.distribution == "categorical":
        policy_kwargs["distribution_kwargs"] = {"v_min": returns[0], "v_max": returns[1]}
    if algorithm.distribution == "quantile":
        policy_kwargs["distribution_kwargs"] = {"n_quantiles": 16}
    if issubclass(algorithm, IQN):
        arguments["settings"] = algorithm.Settings(n_online=8, n_target=8)
        policy_kwargs["distribution_kwargs"] = {"n_acting": 8, "n_cosines": 8}
    if algorithm not in BY_NOISE:
        arguments["exploration"] = Linear(1.0, 0.1, agent_steps=explores)
    return algorithm(
        policy,
        venv,
        learning_rate=1e-3,
        buffer_size=8_000,
        learning_starts=100,
        target_update_interval=100,
        train_freq=2,
        n_steps=min(arguments.get("n_steps", 1), 5),  # windows of half a game
        replay_buffer_class=arguments["replay_buffer_class"],
        exploration=arguments.get("exploration"),
        settings=arguments.get("settings"),
        policy_kwargs=policy_kwargs,
        seed=1,
    )


def score(model: DeepQ, venv: VecEnv, games: int) -> float:
    mean, _ = evaluate_policy(model.policy, venv, n_eval_episodes=games)
    assert isinstance(mean, float | np.floating)
    return float(mean)


@pytest.mark.parametrize("algorithm", slow_but_for(SOON, FOR_VECTORS))
def test_the_best_arm_of_a_bandit_is_found(algorithm: type[DeepQ]) -> None:
    model = built(algorithm, vectors(Bandit, 1, seed=1), (0.0, 1.0), 500, "MlpPolicy", torso="flatten").learn(1_200)
    action, _ = model.policy.predict(np.ones(1, np.float32), deterministic=True)
    assert action == np.argmax(Bandit.PAYS)


@pytest.mark.parametrize("algorithm", slow_but_for(SOON, FOR_VECTORS))
def test_the_far_end_of_a_chain_is_reached(algorithm: type[DeepQ]) -> None:
    model = built(
        algorithm, vectors(lambda: Chain(5), 1, seed=1), (0.0, 12.0), 800, "MlpPolicy", torso="flatten"
    ).learn(2_000)
    assert score(model, vectors(lambda: Chain(5), 1, seed=2), games=1) == pytest.approx(12.0)


@pytest.mark.parametrize("algorithm", slow_but_for((DQN,), LADDER))
def test_catch_is_learned_from_pixels(algorithm: type[DeepQ]) -> None:
    torso: dict[str, Any] = {"torso": "flatten", "net_arch": [128]}
    if algorithm in (ImpalaDQN, BTR):
        small = {"width": 1, "pooling": None, "features_dim": None}
        normalization = "spectral" if algorithm is BTR else "none"
        torso = {"torso": "impala", "torso_kwargs": {**small, "normalization": normalization}}
    model = built(algorithm, catch(4, seed=1), (-1.0, 1.0), 3_000, "CnnPolicy", **torso)
    for _ in range(5):
        if score(model.learn(2_000, reset_num_timesteps=False), catch(1, seed=2), games=50) > 0.9:
            break
    assert score(model, catch(1, seed=3), games=100) > 0.5  # three balls of four; a random player catches one of ten


@pytest.mark.slow
def test_catch_is_learned_from_stable_baselines3s_replay_too() -> None:
    model = built(DQN, catch(4, seed=1), (-1.0, 1.0), 3_000, "CnnPolicy", "sb3", torso="flatten", net_arch=[128])
    assert score(model.learn(8_000), catch(1, seed=2), games=100) > 0.85


def reaches_the_far_end(algorithm: type[DeepQ], lock: Lock, seed: int, **explores: Any) -> bool:
    """Whether the greedy policy collects all that there is, looked at every 500 agent steps, up to 4,000.

    The learning rate, gamma and the n-step returns are such that a few games suffice to learn a value. sigma is three
    times the usual: of a one-hot observation, a single input carries noise.
    """
    layer = {"layer_kwargs": {"sigma": 1.5}} if algorithm is NoisyDQN else {}
    model = algorithm(
        "MlpPolicy",
        vectors(lambda: lock, 1, seed),
        learning_rate=5e-3,
        buffer_size=8_000,
        learning_starts=32,
        batch_size=128,
        gamma=0.9,
        target_update_interval=100,
        train_freq=4,
        n_steps=5,
        replay_buffer_class="frame_ring",
        policy_kwargs={"net_arch": [64], **layer},
        seed=seed,
        **explores,
    )
    evaluation = vectors(lambda: Lock(lock.length, seed), 1, seed)
    most = pytest.approx(12.0)
    return any(score(model.learn(500, reset_num_timesteps=False), evaluation, games=1) == most for _ in range(8))


# Seven right actions in a row, none of which says the next, take many tries. Epsilon falls to 0.01, and soon: after six
# games the agent keeps to the 0.001 of the near end, while noise goes on until it is learned away. Of seeds 1 to 20,
# noisy networks solved 18; epsilon-greedy 4, all led to the far end by chance in the first 30 games; a slow epsilon 17,
# most of them sooner than noisy networks. So noise is not better than random actions here: it needs no schedule.
@pytest.mark.parametrize("seed", [16, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (17, 18))])
def test_noisy_networks_explore_a_deep_chain_where_epsilon_greedy_does_not(seed: int) -> None:
    assert reaches_the_far_end(NoisyDQN, Lock(9, seed), seed)
    lock = Lock(9, seed)
    assert not reaches_the_far_end(DQN, lock, seed, exploration=Linear(1.0, 0.01, agent_steps=100))
    assert lock.reached == 0  # so there was nothing to learn from
    # it lacked nothing but exploration: the same DQN learns it if its actions stay random
    assert reaches_the_far_end(DQN, Lock(9, seed), seed, exploration=Linear(1.0, 0.01, agent_steps=12_000))
