"""Munchausen DQN: a softmax policy in the target, and its log-policy as a bonus."""

from torch import nn

from dqn_zoo_ext.algorithms.dqn import DQN
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.losses import Loss
from dqn_zoo_ext.learning.munchausen import SoftPolicy, munchausen_q_learning
from dqn_zoo_ext.registry import register_algorithm


@register_algorithm("munchausen_dqn")
class MunchausenDQN(DQN):
    """Munchausen DQN (Vieillard, Pietquin & Geist 2020, equation 2); what it can be told are ``SoftPolicy``'s numbers.

    The target is r_t + alpha [tau log pi(a_tm1|s_tm1)] + discount_t sum_a pi(a|s_t) (q(s_t, a) - tau log pi(a|s_t)),
    where pi = softmax(q / tau) of the target net, and [.] cuts to [l_0, 0].
    """

    Settings = SoftPolicy

    def loss(self, online: nn.Module, target: nn.Module, batch: Batch) -> Loss:
        """Loss of equation 2's TD error."""
        td_error = munchausen_q_learning(
            q_tm1=online(batch.obs_tm1),
            a_tm1=batch.a_tm1,
            r_t=batch.r_t,
            discount_t=batch.discount_t,
            q_t=target(batch.obs_t),
            q_tm1_target=target(batch.obs_tm1),
            soft=self.settings,
        )
        return self.loss_of_td_error(td_error)
