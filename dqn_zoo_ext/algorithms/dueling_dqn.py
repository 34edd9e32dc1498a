"""Dueling DQN: a network that splits an action's value into the state's and the action's part."""

from typing import ClassVar

from dqn_zoo_ext.algorithms.double_dqn import DoubleDQN
from dqn_zoo_ext.registry import register_algorithm


@register_algorithm("dueling_dqn")
class DuelingDQN(DoubleDQN):
    """Dueling DQN (Wang et al. 2016): Double DQN's loss on a network with two streams.

    Q(s, a) = V(s) + A(s, a) - mean_a' A(s, a') (equation 9), the ``dueling`` head of ``learning/networks/heads.py``.
    """

    parts: ClassVar = {"policy_kwargs": {"head": "dueling"}}
