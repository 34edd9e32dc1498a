"""Munchausen IQN: Munchausen's soft target and bonus, learned as implicit quantiles."""

from dataclasses import dataclass

from torch import Tensor

from dqn_zoo_ext.algorithms.iqn import IQN, Fractions
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.distributions.implicit_quantile import uniform_fractions
from dqn_zoo_ext.learning.distributions.quantile import bellman_quantiles
from dqn_zoo_ext.learning.munchausen import SoftPolicy
from dqn_zoo_ext.learning.policies import QNetwork
from dqn_zoo_ext.registry import register_algorithm


@register_algorithm("munchausen_iqn")
class MunchausenIQN(IQN):
    """Munchausen IQN (Vieillard et al. 2020, appendix B.1): IQN's loss with softer targets.

    For each tau'_j: r_t + bonus + discount_t sum_a pi(a|s_t) (Z_tau'_j(s_t, a) - tau log pi(a|s_t)), where pi is the
    softmax of the target net's expected values, and the bonus is Munchausen DQN's. No network picks a next action here,
    so there is no ``next_action`` to set.
    """

    @dataclass(frozen=True)
    class Settings(Fractions, SoftPolicy):
        pass

    def targets(self, online: QNetwork, target: QNetwork, batch: Batch) -> Tensor:  # noqa: ARG002  # IQN's signature
        """(B, N')."""
        features_t = target.torso(batch.obs_t)
        q_t = target.values(features_t)
        tau_t = uniform_fractions(len(batch.r_t), self.settings.n_target, batch.r_t.device)
        z_t = target.quantiles(features_t, tau_t)  # (B, A, N')
        policy, log_policy = self.settings.policy(q_t), self.settings.log_policy(q_t)
        soft_z_t = (policy.unsqueeze(2) * (z_t - log_policy.unsqueeze(2))).sum(dim=1)
        bonus = self.settings.bonus(target(batch.obs_tm1), batch.a_tm1)
        return bellman_quantiles(soft_z_t, batch.r_t + bonus, batch.discount_t)
