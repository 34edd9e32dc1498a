"""QR-DQN: the return's quantiles at fixed fractions, by quantile regression."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field

from dqn_zoo_ext.algorithms.distributional import DistributionalDQN
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.distributions.quantile import bellman_quantiles, mean_difference, quantile_huber
from dqn_zoo_ext.learning.losses import Loss
from dqn_zoo_ext.learning.policies import QNetwork
from dqn_zoo_ext.learning.targets import of_action
from dqn_zoo_ext.registry import register_algorithm


@register_algorithm("qrdqn")
class QRDQN(DistributionalDQN):
    """QR-DQN (Dabney et al. 2018, algorithm 1): quantile Huber loss of N quantiles against N targets.

    a* = argmax_a mean_j theta_j(s_t, a); T theta_j = r_t + discount_t theta_j(s_t, a*); the loss is
    sum_i mean_j rho(T theta_j - theta_i(s_tm1, a_tm1)) at the fractions (2i - 1) / 2N. kappa: where the Huber loss
    turns linear; 0: linear everywhere ("QR-DQN-0"). The priority is the mean size of the differences.
    """

    distribution = "quantile"

    @dataclass(frozen=True)
    class Settings(DistributionalDQN.Settings):
        kappa: Annotated[float, Field(ge=0)] = 1.0

    def loss(self, online: QNetwork, target: QNetwork, batch: Batch) -> Loss:
        """Algorithm 1."""
        theta_tm1 = of_action(online.outputs(batch.obs_tm1), batch.a_tm1)
        with torch.no_grad():
            theta_t = target.outputs(batch.obs_t)
            a_t = self.greedy(target=lambda: target.distribution.mean(theta_t), online=lambda: online(batch.obs_t))
            targets = bellman_quantiles(of_action(theta_t, a_t), batch.r_t, batch.discount_t)
        loss = quantile_huber(theta_tm1, online.distribution.fractions, targets, self.settings.kappa)
        return Loss(per_sample=loss, priority=mean_difference(theta_tm1, targets))
