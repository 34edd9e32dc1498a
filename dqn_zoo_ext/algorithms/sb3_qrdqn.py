"""sb3_contrib's own QR-DQN, as it is: a yardstick for ours."""

from collections.abc import Mapping
from typing import Any, ClassVar

import sb3_contrib
from sb3_contrib.qrdqn import policies as stock
from torch import nn

from dqn_zoo_ext.algorithms.yardstick import Images, Vectors, Yardstick
from dqn_zoo_ext.learning.optim import Adam
from dqn_zoo_ext.registry import Registry, register_algorithm


class CnnPolicy(Images, stock.CnnPolicy):
    """sb3_contrib's CnnPolicy for QR-DQN: NatureCNN and a linear layer."""


class MlpPolicy(Vectors, stock.MlpPolicy):
    """sb3_contrib's MlpPolicy for QR-DQN: two hidden layers of 64 units unless told otherwise."""


@register_algorithm("sb3_qrdqn")
class SB3QRDQN(Yardstick, sb3_contrib.QRDQN):
    """``sb3_contrib.QRDQN`` (Dabney et al. 2017), to be called as our own algorithms are.

    Adam without keywords is its own default: with an epsilon of 0.01 / batch_size.
    """

    policies: ClassVar[Registry[type[Any]]] = Registry("policy")
    policies.add("CnnPolicy", CnnPolicy)
    policies.add("MlpPolicy", MlpPolicy)
    policies.add("MultiInputPolicy", stock.MultiInputPolicy)

    def __init__(self, *arguments: Any, policy_kwargs: Mapping[str, Any] | None = None, **named: Any) -> None:
        kept = dict(policy_kwargs or {})
        if kept.get("optimizer_class") is Adam and not kept.get("optimizer_kwargs"):
            del kept["optimizer_class"]
        super().__init__(*arguments, policy_kwargs=kept, **named)

    @property
    def online_net(self) -> nn.Module:
        """The network that learns."""
        return self.quantile_net
