"""Rainbow: six extensions of DQN in one agent."""

from typing import ClassVar

from dqn_zoo_ext.algorithms.c51 import C51
from dqn_zoo_ext.registry import register_algorithm


@register_algorithm("rainbow")
class Rainbow(C51):
    """Rainbow (Hessel et al. 2018, "The integrated agent"): C51's loss, and five more parts.

    1. Distributional: the categorical loss, over windows of n steps (its parent).
    2. Double: the online network picks the next action.
    3. Prioritized: by the divergence that the loss minimises.
    4. Multi-step: windows of n = 3 steps.
    5. Dueling: a value and an advantage stream for each atom.
    6. Noisy: noisy layers in place of epsilon-greedy actions.
    """

    parts: ClassVar = {
        "next_action": "online",
        "replay_buffer_class": "prioritized_ring",
        "n_steps": 3,
        "policy_kwargs": {"head": "dueling", "layer": "noisy"},
        "exploration": 0.0,
    }
