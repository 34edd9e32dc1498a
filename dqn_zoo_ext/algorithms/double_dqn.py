"""Double DQN: DQN without its overestimation of the next action's value."""

import torch
from torch import nn

from dqn_zoo_ext.algorithms.dqn import DQN
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.losses import Loss
from dqn_zoo_ext.learning.targets import double_q_learning
from dqn_zoo_ext.registry import register_algorithm


@register_algorithm("double_dqn")
class DoubleDQN(DQN):
    """Double DQN (van Hasselt et al. 2016, eq. 4): the online net picks the next action, the target net scores it."""

    def loss(self, online: nn.Module, target: nn.Module, batch: Batch) -> Loss:
        """Loss of equation 4's TD error."""
        with torch.no_grad():  # it only picks
            q_t_selector = online(batch.obs_t)
        td_error = double_q_learning(
            q_tm1=online(batch.obs_tm1),
            a_tm1=batch.a_tm1,
            r_t=batch.r_t,
            discount_t=batch.discount_t,
            q_t_value=target(batch.obs_t),
            q_t_selector=q_t_selector,
        )
        return self.loss_of_td_error(td_error)
