"""The learning machine: no YAML, no command line, no printing. Importing this package registers its parts."""

from dqn_zoo_ext.learning import (
    distributions,
    losses,
    networks,
    optim,
    policies,
    prioritized_ring,
    replay,
    schedules,
)

__all__ = [
    "distributions",
    "losses",
    "networks",
    "optim",
    "policies",
    "prioritized_ring",
    "replay",
    "schedules",
]
