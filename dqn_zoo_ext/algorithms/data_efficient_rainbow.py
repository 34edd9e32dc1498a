"""Data-efficient Rainbow: Rainbow for a hundred thousand agent steps."""

from typing import ClassVar

from dqn_zoo_ext.algorithms.rainbow import Rainbow
from dqn_zoo_ext.registry import register_algorithm


@register_algorithm("data_efficient_rainbow")
class DataEfficientRainbow(Rainbow):
    """Data-efficient Rainbow (van Hasselt, Hessel & Aslanides 2019, appendix E): a small torso, n = 20.

    An update after every agent step, from 1,600 on. Everything else is Rainbow's; the numbers stand in
    ``hyperparams/algorithms/data_efficient_rainbow.yml``.
    """

    parts: ClassVar = {"n_steps": 20}
