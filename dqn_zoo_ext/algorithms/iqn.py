"""IQN: the return's quantiles at fractions that are drawn anew for every loss."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from dqn_zoo_ext.algorithms.distributional import DistributionalDQN
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.distributions.implicit_quantile import NFractions, uniform_fractions
from dqn_zoo_ext.learning.distributions.quantile import bellman_quantiles, mean_difference, quantile_huber
from dqn_zoo_ext.learning.losses import Loss
from dqn_zoo_ext.learning.policies import QNetwork
from dqn_zoo_ext.learning.targets import of_action
from dqn_zoo_ext.registry import register_algorithm


@dataclass(frozen=True)
class Fractions:
    """How many fractions a loss draws, of the online and of the target net, at most 1,024; kappa of its Huber loss."""

    n_online: NFractions = 64
    n_target: NFractions = 64
    kappa: Annotated[float, Field(ge=0)] = 1.0


@register_algorithm("iqn")
class IQN(DistributionalDQN):
    """IQN (Dabney et al. 2018, section 3): quantile Huber loss at uniform fractions tau of tau'.

    With tau_i, i <= n_online (N), and tau'_j, j <= n_target (N'), uniform in [0, 1]: delta_ij = r_t + discount_t
    Z_tau'_j(s_t, a*) - Z_tau_i(s_tm1, a_tm1), a* greedy over K fractions (``n_acting`` of the distribution); the loss
    is sum_i mean_j rho_tau_i(delta_ij). kappa as in QR-DQN.
    """

    distribution = "implicit_quantile"

    @dataclass(frozen=True)
    class Settings(Fractions, DistributionalDQN.Settings):
        pass

    def loss(self, online: QNetwork, target: QNetwork, batch: Batch) -> Loss:
        """The loss of section 3."""
        tau = uniform_fractions(len(batch.r_t), self.settings.n_online, batch.r_t.device)
        z_tm1 = of_action(online.quantiles(online.torso(batch.obs_tm1), tau), batch.a_tm1)
        with torch.no_grad():
            targets = self.targets(online, target, batch)
        loss = quantile_huber(z_tm1, tau, targets, self.settings.kappa)
        return Loss(per_sample=loss, priority=mean_difference(z_tm1, targets))

    def targets(self, online: QNetwork, target: QNetwork, batch: Batch) -> Tensor:
        """(B, N'): r_t + discount_t * Z_tau'(s_t, a*)."""
        features_t = target.torso(batch.obs_t)
        a_t = self.greedy(target=lambda: target.values(features_t), online=lambda: online(batch.obs_t))
        tau_t = uniform_fractions(len(batch.r_t), self.settings.n_target, batch.r_t.device)
        z_t = of_action(target.quantiles(features_t, tau_t), a_t)
        return bellman_quantiles(z_t, batch.r_t, batch.discount_t)
