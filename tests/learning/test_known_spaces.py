"""Spaces that cannot be learned in are refused before anything is made of them, by our algorithms and yardsticks."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from dqn_zoo_ext.algorithms.dqn import DQN
from dqn_zoo_ext.algorithms.sb3_dqn import SB3DQN
from dqn_zoo_ext.config.brought import policies_of

VECTOR = spaces.Box(-1, 1, (2,))
TWO = spaces.Discrete(2)


class Env(gym.Env[Any, np.int64]):
    """Says its spaces, and ends at once."""

    def __init__(self, observations: spaces.Space[Any], actions: spaces.Space[Any] = TWO) -> None:
        self.observation_space, self.action_space = observations, actions

    def reset(self, *, seed: int | None = None, **_: Any) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, _: np.int64) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.observation_space.sample(), 1.0, True, False, {}


@pytest.mark.parametrize("algorithm", [DQN, SB3DQN])
@pytest.mark.parametrize(
    ("env", "expected"),
    [
        (Env(VECTOR, spaces.Discrete(3, start=5)), r"^the actions are Discrete\(3, start=5\), and only actions from 0"),
        (Env(spaces.Discrete(3, start=5)), r"^the observations are Discrete\(3, start=5\), and only those from 0"),
        (Env(spaces.MultiDiscrete([3, 2], start=[0, 1])), r"^the observations are MultiDiscrete.*only those from 0"),
        (Env(spaces.Box(-1, 1, ())), r"^the observations are Box\(-1.0, 1.0, \(\), float32\), and a shape such as"),
        (Env(spaces.Box(-1, 1, (0,))), "and a shape such as"),
        (Env(spaces.Dict(a=VECTOR, b=spaces.Box(-1, 1, ()))), r"^the observations of 'b' are Box"),
    ],
)
def test_what_cannot_be_learned_in_is_refused(algorithm: type[DQN | SB3DQN], env: Env, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        algorithm("MultiInputPolicy" if isinstance(env.observation_space, spaces.Dict) else "MlpPolicy", env)


@pytest.mark.parametrize(("algorithm", "name"), [(DQN, "dqn"), (SB3DQN, "sb3_dqn")])
def test_a_dictionary_wants_the_policy_for_it(algorithm: type[DQN | SB3DQN], name: str) -> None:
    with pytest.raises(ValueError, match="the observations are a Dict, which policy"):
        algorithm(policies_of(name).get("MlpPolicy"), Env(spaces.Dict(a=VECTOR)))


@pytest.mark.parametrize("algorithm", [DQN, SB3DQN])
@pytest.mark.parametrize(
    ("policy", "observations"),
    [
        ("MlpPolicy", spaces.Box(-1, 1, (1,))),
        ("MlpPolicy", spaces.Discrete(3)),
        ("MlpPolicy", spaces.MultiDiscrete([3, 2])),
        ("MlpPolicy", spaces.MultiBinary(3)),
        ("MultiInputPolicy", spaces.Dict(a=VECTOR, b=spaces.Discrete(3))),
    ],
)
def test_all_else_is_learned_in(algorithm: type[DQN | SB3DQN], policy: str, observations: spaces.Space[Any]) -> None:
    model = algorithm(policy, Env(observations), learning_starts=8, buffer_size=50)
    model.learn(20)
    assert model.num_timesteps == 20
