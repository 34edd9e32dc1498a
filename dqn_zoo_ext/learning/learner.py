"""One update, the same for every algorithm: loss -> weighted mean -> gradient -> clip -> optimizer step.

An algorithm only says how a batch becomes a loss for each sample; everything after that happens here, once.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.losses import Loss

LossOfBatch = Callable[[nn.Module, nn.Module, Batch], Loss]


class Learner:
    """Improves an online network on batches.

    loss: an algorithm's ``loss(online, target, batch)``. max_grad_norm: the gradient's Euclidean norm is scaled down to
    this; None leaves it alone. Sums for the log stay on the device until somebody reads them.
    """

    def __init__(
        self,
        loss: LossOfBatch,
        online: nn.Module,
        target: nn.Module,
        optimizer: torch.optim.Optimizer,
        max_grad_norm: float | None,
    ) -> None:
        self._loss = loss
        self._online = online
        self._target = target.requires_grad_(False)  # its values are targets: no graph is built for them
        self._optimizer = optimizer
        self._max_grad_norm = max_grad_norm
        self._weights = [weight for weight in online.parameters() if weight.requires_grad]
        self._sums: Tensor | None = None
        self._updates = 0

    def update(self, batch: Batch) -> Loss:
        """One step on `batch`; returns its losses and priorities."""
        loss = self._loss(self._online, self._target, batch)
        mean_loss = (batch.weights * loss.per_sample).mean()
        self._optimizer.zero_grad()
        mean_loss.backward()
        if self._max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self._weights, self._max_grad_norm)
        self._optimizer.step()
        self._note(mean_loss, loss.priority)
        return loss

    def read_means(self) -> dict[str, float]:
        """Mean loss and mean priority (DQN: size of the TD error) since the last reading; empty without updates."""
        if self._sums is None:
            return {}
        mean_loss, mean_priority = (self._sums / self._updates).tolist()
        self._sums, self._updates = None, 0
        return {"loss": mean_loss, "td_error": mean_priority}

    def _note(self, mean_loss: Tensor, priority: Tensor) -> None:
        values = torch.stack([mean_loss.detach(), priority.mean()])
        self._sums = values if self._sums is None else self._sums + values
        self._updates += 1


def copy_weights(online: nn.Module, target: nn.Module, tau: float) -> None:
    """Target <- (1 - tau) * target + tau * online, for weights; buffers (running statistics) are copied as they are."""
    with torch.no_grad():
        targets: list[Tensor] = list(target.parameters())
        onlines: list[Tensor] = list(online.parameters())
        if tau == 1.0:
            torch._foreach_copy_(targets, onlines)
        else:
            torch._foreach_lerp_(targets, onlines, tau)
        for kept, seen in zip(target.buffers(), online.buffers(), strict=True):
            kept.copy_(seen)
