"""Losses of a TD error, one value per sample. The learner takes the weighted mean, the gradient and the step."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dqn_zoo_ext.registry import register_loss

TDLoss = Callable[[Tensor], Tensor]


class Loss(NamedTuple):
    """What an algorithm makes of a batch.

    per_sample: (B,) losses, before importance weights.
    priority: (B,) how surprising each sample was, at least 0, without gradient: what prioritized replay stores.
    """

    per_sample: Tensor
    priority: Tensor


@register_loss("huber")
def huber(td_error: Tensor, delta: float = 1.0) -> Tensor:
    """Half the square within `delta`, linear beyond: its gradient is DeepMind's TD error clipped to [-1, 1].

    td_error: any shape; returns the same shape.
    Source: Mnih et al. 2015, Methods ("clip the error term from the update to be between -1 and 1").
    """
    return nn.functional.huber_loss(td_error, torch.zeros_like(td_error), reduction="none", delta=delta)


@register_loss("mse")
def mse(td_error: Tensor) -> Tensor:
    """The square of the TD error, without the half that some libraries put in front.

    td_error: any shape; returns the same shape.
    Source: Mnih et al. 2013, equation 2.
    """
    return td_error**2
