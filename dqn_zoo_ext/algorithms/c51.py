"""C51: the distribution of the return on fixed atoms."""

import torch

from dqn_zoo_ext.algorithms.distributional import DistributionalDQN
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.distributions.categorical import categorical_projection, cross_entropy, kl_divergence
from dqn_zoo_ext.learning.losses import Loss
from dqn_zoo_ext.learning.policies import QNetwork
from dqn_zoo_ext.learning.targets import of_action
from dqn_zoo_ext.registry import register_algorithm


@register_algorithm("c51")
class C51(DistributionalDQN):
    """C51 (Bellemare, Dabney & Munos 2017, algorithm 1): cross-entropy against the projected Bellman update.

    a* = argmax_a sum_i z_i p_i(s_t, a); m = the projection of r_t + discount_t z with p(s_t, a*) (equation 7); the loss
    is -sum_i m_i log p_i(s_tm1, a_tm1). The priority is the divergence of p from m, as in Rainbow.
    """

    distribution = "categorical"

    def loss(self, online: QNetwork, target: QNetwork, batch: Batch) -> Loss:
        """Algorithm 1."""
        logits_tm1 = of_action(online.outputs(batch.obs_tm1), batch.a_tm1)
        with torch.no_grad():
            logits_t = target.outputs(batch.obs_t)
            a_t = self.greedy(target=lambda: target.distribution.mean(logits_t), online=lambda: online(batch.obs_t))
            p_t = of_action(logits_t, a_t).softmax(-1)
            m = categorical_projection(online.distribution.support, p_t, batch.r_t, batch.discount_t)
        return Loss(per_sample=cross_entropy(logits_tm1, m), priority=kl_divergence(logits_tm1.detach(), m))
