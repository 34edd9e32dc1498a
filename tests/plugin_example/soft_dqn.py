"""An algorithm from outside, whole: this file, ``soft_dqn.yml`` beside it, and in the package's pyproject.toml::

    [project.entry-points."dqn_zoo_ext.plugins"]
    soft_dqn = "soft_dqn"

Its target takes the log-mean-exp of the next values instead of the greatest (mellowmax; Asadi & Littman 2017, eq. 2).
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.losses import Loss
from dqn_zoo_ext.registry import register_algorithm


def mellowmax(q: Tensor, temperature: float) -> Tensor:
    """(B, A) to (B,): temperature * log(mean(exp(q / temperature)))."""
    return temperature * ((q / temperature).logsumexp(dim=1) - math.log(q.shape[1]))


@register_algorithm("soft_dqn", defaults=Path(__file__).with_suffix(".yml"))
class SoftDQN(DQN):
    @dataclass(frozen=True)
    class Settings:
        temperature: Annotated[float, Field(gt=0)]

    def loss(self, online: nn.Module, target: nn.Module, batch: Batch) -> Loss:
        value = mellowmax(target(batch.obs_t), self.settings.temperature)
        chosen = online(batch.obs_tm1).gather(1, batch.a_tm1.unsqueeze(1)).squeeze(1)
        return self.loss_of_td_error(batch.r_t + batch.discount_t * value - chosen)
