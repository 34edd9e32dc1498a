"""DQN: deep Q-learning with a target network and experience replay."""

from torch import nn

from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.losses import Loss
from dqn_zoo_ext.learning.targets import q_learning
from dqn_zoo_ext.registry import register_algorithm


@register_algorithm("dqn")
class DQN(DeepQ):
    """DQN (Mnih et al. 2015, algorithm 1): the target net picks the next action and scores it."""

    def loss(self, online: nn.Module, target: nn.Module, batch: Batch) -> Loss:
        """Loss of equation 2's TD error."""
        td_error = q_learning(
            q_tm1=online(batch.obs_tm1),
            a_tm1=batch.a_tm1,
            r_t=batch.r_t,
            discount_t=batch.discount_t,
            q_t=target(batch.obs_t),
        )
        return self.loss_of_td_error(td_error)
