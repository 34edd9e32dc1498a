"""The learning machine: no YAML, no command line, no printing. Importing this package registers its parts."""

from dqn_zoo_ext.learning import (
    distributions,
    losses,
    networks,
    optim,
    policies,
    schedules,
)
from dqn_zoo_ext.learning.replay import frame_ring, prioritized_ring, repeating

__all__ = [
    "distributions",
    "frame_ring",
    "losses",
    "networks",
    "optim",
    "policies",
    "prioritized_ring",
    "repeating",
    "schedules",
]
