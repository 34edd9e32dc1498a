"""What C51, QR-DQN and IQN share: whose values pick the next action."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from dqn_zoo_ext.learning.deep_q import DeepQ


class DistributionalDQN(DeepQ):
    """Deep Q-learning on distributions of the return.

    next_action: the network whose expected values pick the next action, ``target`` as in the papers of C51, QR-DQN and
    IQN, or ``online`` as in Double DQN (van Hasselt et al. 2016) and Rainbow. Either way, what is learned from is the
    target net's distribution for that action.
    """

    @dataclass(frozen=True)
    class Settings:
        next_action: Literal["target", "online"] = "target"

    def greedy(self, *, target: Callable[[], Tensor], online: Callable[[], Tensor]) -> Tensor:
        """(B,) int64: the greedy action by the values (B, A) of the network that ``next_action`` names.

        The other network is not asked.
        """
        values = {"target": target, "online": online}[self.settings.next_action]
        return values().argmax(dim=1)
