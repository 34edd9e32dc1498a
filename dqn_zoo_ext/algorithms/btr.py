"""BTR, "Beyond the Rainbow": what has been found since, in one agent for a desktop machine."""

from typing import ClassVar

from dqn_zoo_ext.algorithms.munchausen_iqn import MunchausenIQN
from dqn_zoo_ext.registry import register_algorithm


@register_algorithm("btr")
class BTR(MunchausenIQN):
    """BTR (Clark et al. 2024, "Beyond the Rainbow", section 3): Munchausen IQN's loss, and six more parts.

    1. Munchausen and implicit quantiles: the loss (its parent).
    2. Impala: a residual torso of double width, with spectral normalisation and adaptive max-pooling to 6 x 6.
    3. Prioritized replay. 4. Windows of n = 3 steps. 5. Dueling streams.
    6. Noisy layers, beside epsilon-greedy actions for the first half of the run.
    7. Many environments side by side, and one update for each vector step of them.
    """

    parts: ClassVar = {
        "replay_buffer_class": "prioritized_ring",
        "n_steps": 3,
        "policy_kwargs": {
            "torso": "impala",
            "torso_kwargs": {"width": 2, "normalization": "spectral", "pooling": 6},
            "head": "dueling",
            "layer": "noisy",
        },
    }
