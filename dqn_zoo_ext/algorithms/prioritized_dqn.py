"""Prioritized DQN: what surprised most is replayed most."""

from typing import ClassVar

from dqn_zoo_ext.algorithms.double_dqn import DoubleDQN
from dqn_zoo_ext.registry import register_algorithm


@register_algorithm("prioritized_dqn")
class PrioritizedDQN(DoubleDQN):
    """Double DQN with prioritized replay (Schaul et al. 2016, algorithm 1).

    P(i) = p_i**alpha / sum_k p_k**alpha (equation 1), with p_i the TD error's size, or one over its rank; weights
    (N P(i))**-beta: the ``prioritized_ring``, by the laws in ``learning/replay/priorities``.
    """

    parts: ClassVar = {"replay_buffer_class": "prioritized_ring"}
