"""NoisyNet-DQN: exploration by noise in the weights instead of by random actions."""

from typing import ClassVar

from dqn_zoo_ext.algorithms.dqn import DQN
from dqn_zoo_ext.registry import register_algorithm


@register_algorithm("noisy_dqn")
class NoisyDQN(DQN):
    """NoisyNet-DQN (Fortunato et al. 2018, equation 14): DQN's loss, on networks with noise.

    y = (mu_w + sigma_w e_w) x + mu_b + sigma_b e_b (equation 9) with factorised e (equations 10 and 11): the ``noisy``
    layer of ``learning/networks/layers.py``. Online and target network draw noise of their own in every loss, and for
    every step of every environment; there are no epsilon-greedy actions. Evaluations take the means.
    """

    parts: ClassVar = {"policy_kwargs": {"layer": "noisy"}, "exploration": 0.0}
