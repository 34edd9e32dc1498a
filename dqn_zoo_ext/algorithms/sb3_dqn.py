"""Stable-Baselines3's own DQN, as it is: a yardstick for ours."""

import math
from typing import Any, ClassVar

import stable_baselines3
from stable_baselines3.dqn import policies as stock
from torch import nn

from dqn_zoo_ext.algorithms.yardstick import Images, Vectors, Yardstick
from dqn_zoo_ext.registry import Registry, register_algorithm


class CnnPolicy(Images, stock.CnnPolicy):
    """Stable-Baselines3's CnnPolicy: NatureCNN and a linear layer."""


class MlpPolicy(Vectors, stock.MlpPolicy):
    """Stable-Baselines3's MlpPolicy: two hidden layers of 64 units unless told otherwise."""


@register_algorithm("sb3_dqn")
class SB3DQN(Yardstick, stable_baselines3.DQN):
    """``stable_baselines3.DQN`` (Mnih et al. 2015), to be called as our own algorithms are."""

    policies: ClassVar[Registry[type[Any]]] = Registry("policy")
    policies.add("CnnPolicy", CnnPolicy)
    policies.add("MlpPolicy", MlpPolicy)
    policies.add("MultiInputPolicy", stock.MultiInputPolicy)

    def __init__(self, *arguments: Any, max_grad_norm: float | None = 10, **named: Any) -> None:
        # Stable-Baselines3's DQN always cuts; to infinity is never
        super().__init__(*arguments, max_grad_norm=math.inf if max_grad_norm is None else max_grad_norm, **named)

    @property
    def online_net(self) -> nn.Module:
        """The network that learns."""
        return self.q_net
