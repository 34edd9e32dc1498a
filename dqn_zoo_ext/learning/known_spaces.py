"""Spaces that Stable-Baselines3 lets pass, and that its networks then cannot look at, or count from elsewhere."""

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import FlattenExtractor


def refuse_unknown_spaces(observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> None:
    """ValueError for actions or observations that do not count from 0, and for observations without a number."""
    if isinstance(action_space, spaces.Discrete) and action_space.start != 0:
        raise ValueError(f"the actions are {action_space}, and only actions from 0 are known here")
    parts = observation_space.spaces if isinstance(observation_space, spaces.Dict) else {"": observation_space}
    for name, part in parts.items():
        what = f"the observations{f' of {name!r}' if name else ''} are {part}"
        if isinstance(part, spaces.Discrete | spaces.MultiDiscrete) and np.any(part.start != 0):
            raise ValueError(f"{what}, and only those from 0 are known here")
        if isinstance(part, spaces.Box) and (not part.shape or 0 in part.shape):
            raise ValueError(f"{what}, and a shape such as (1,) is needed, with no 0 in it")


def refuse_dictionary(policy: BasePolicy) -> None:
    """ValueError where observations are a dictionary, and what looks at them takes an array."""
    if isinstance(policy.observation_space, spaces.Dict) and policy.features_extractor_class is FlattenExtractor:
        raise ValueError("the observations are a Dict, which policy: MultiInputPolicy is for")
