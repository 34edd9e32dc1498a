"""DQN on the residual torso of IMPALA."""

from typing import ClassVar

from dqn_zoo_ext.algorithms.dqn import DQN
from dqn_zoo_ext.registry import register_algorithm


@register_algorithm("impala_dqn")
class ImpalaDQN(DQN):
    """DQN's loss on the large residual network of Espeholt et al. 2018 (figure 3, right).

    The ``impala`` torso of ``learning/networks/impala.py``, for images.
    """

    parts: ClassVar = {"policy_kwargs": {"torso": "impala"}}
