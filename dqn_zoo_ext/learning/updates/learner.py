"""One update, the same for every algorithm: loss -> weighted mean -> gradient -> clip -> optimizer step.

An algorithm only says how a batch becomes a loss for each sample; everything after that happens here, once. So does the
watch for numbers that are not finite.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dqn_zoo_ext.learning import gradients
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.hardware.graphs import Beside
from dqn_zoo_ext.learning.losses import Loss
from dqn_zoo_ext.learning.networks.stochastic import drawing, stochastic_parts
from dqn_zoo_ext.learning.optim import DeepMindRMSprop
from dqn_zoo_ext.learning.updates.finite import LossOfBatch, NotFinite, What, names_not_finite, not_finite
from dqn_zoo_ext.learning.updates.reading import Reading
from dqn_zoo_ext.state import State

_UPDATES_PER_READING = 32  # their batches may be held meanwhile: 58 MB of Atari's at 32 samples


MakeBatch = Callable[[], Batch]


class Improvement(NamedTuple):
    """What an update has found, still on the device. numbers: mean loss, mean priority, each gradient's norm."""

    loss: Loss
    numbers: Tensor


class _Unread(NamedTuple):
    update: int
    batch: MakeBatch
    numbers: Tensor


class Learner:
    """Improves an online network on batches, and stops with ``NotFinite`` when a number goes wrong.

    loss: an algorithm's ``loss(online, target, batch)``. online, target: they keep the parts that they have now.
    max_grad_norm: the gradient's Euclidean norm is scaled down to this; None leaves it alone.

    updates_per_reading: after how many updates their numbers are read from the device. None: after each on the CPU,
    where that is free, and after 32 elsewhere, where the program would wait for the device.

    - At 1, a loss that is not finite stops the update before anything has changed, and so does a gradient where its
      norm is limited, as the norm is known then. Any other gradient is found by the next loss, in ``weight.grad``.
    - Above 1, the norms of all layers' gradients are kept for each update, and its batch, until they are read; by then
      the networks have been improved on later batches too. A GPU is told then to bring them, and they are looked at
      when the next ones are due: nobody waits in the middle of many updates, and a number is up to twice as old.
    """

    def __init__(
        self,
        loss: LossOfBatch,
        online: nn.Module,
        target: nn.Module,
        optimizer: torch.optim.Optimizer,
        max_grad_norm: float | None,
        *,
        updates_per_reading: int | None = None,
    ) -> None:
        self._loss = loss
        self._online = online
        self.target = target.requires_grad_(False)  # its values are targets: no graph is built for them
        self._optimizer = optimizer
        self._max_grad_norm = max_grad_norm
        # as they are, so that their norms may be found beside it; PyTorch's SGD, for one, can write into them
        self._step_leaves_gradients = isinstance(optimizer, DeepMindRMSprop | torch.optim.Adam)
        self._stochastic = [part for network in (online, target) for part in stochastic_parts(network)]
        self._weights = {name: weight for name, weight in online.named_parameters() if weight.requires_grad}
        if updates_per_reading is None:
            on_cpu = all(weight.device.type == "cpu" for weight in self._weights.values())
            updates_per_reading = 1 if on_cpu else _UPDATES_PER_READING
        self.updates_per_reading = updates_per_reading
        self.updates_made = 0
        """Updates before the next one, which has the number after it; whoever counts over several learners sets it."""
        self._last_batch: MakeBatch | None = None
        self._unread: list[_Unread] = []
        self._sent_for: tuple[list[_Unread], Reading] | None = None
        self._sums = [0.0, 0.0]  # of mean losses and mean priorities, since the last reading for the log
        self._updates_summed = 0

    def update(self, batch: Batch) -> Loss:
        """One step on `batch`; returns its losses and priorities. NotFinite, see above."""
        improvement = self.improve(batch)
        self.note(improvement, lambda: batch)
        return improvement.loss

    def improve(self, batch: Batch) -> Improvement:
        """The part of ``update`` that is the device's. ``note`` is to follow.

        Unless `updates_per_reading` is 1 it reads no number, so that it can be captured as a graph.
        """
        with drawing(*self._stochastic):
            loss = self._loss(self._online, self.target, batch)
        mean_loss = (batch.weights * loss.per_sample).mean()
        if self._reads_at_once and not math.isfinite(mean_loss.item()):
            raise self._cause_of_loss(batch)
        self._optimizer.zero_grad()
        mean_loss.backward()
        norms = None
        if self._max_grad_norm is not None:
            norms = self._norms_of_gradients()
            self._clip(self._max_grad_norm, norms, batch)
        beside = Beside(batch.r_t.device if self._step_leaves_gradients else torch.device("cpu"))
        with beside.begun():
            norms = self._norms_of_gradients() if norms is None else norms
            numbers = torch.cat([torch.stack([mean_loss.detach(), loss.priority.mean()]), norms])
        try:
            self._optimizer.step()
        finally:
            beside.join()
        return Improvement(loss, numbers)

    def note(self, improvement: Improvement, batch: MakeBatch) -> None:
        """Count the update, and read its numbers now or with those of others. batch: makes its batch again."""
        self.updates_made += 1
        self._last_batch = batch
        if self._reads_at_once:
            self._add(*improvement.numbers[:2].tolist())
            return
        self._unread.append(_Unread(self.updates_made, batch, improvement.numbers))
        if len(self._unread) >= self.updates_per_reading:
            self._send_for_unread()

    def check(self) -> None:
        """Read what is still unread, and look at all weights; NotFinite if anything is wrong."""
        self._read()
        wrong = self._weights_not_finite()
        if wrong:
            raise self._cause_of_weights(wrong)

    def read_means(self) -> dict[str, float]:
        """Mean loss and mean priority (DQN: size of the TD error) since the last reading; empty without updates.

        NotFinite as in ``check``.
        """
        self.check()
        if self._updates_summed == 0:
            return {}
        mean_loss, mean_priority = (total / self._updates_summed for total in self._sums)
        self._sums, self._updates_summed = [0.0, 0.0], 0
        return {"loss": mean_loss, "td_error": mean_priority}

    def state(self) -> State:
        """What ``load_state`` takes: the sums for the log and the count of updates. NotFinite as in ``check``."""
        self.check()
        return {
            "sums": list(self._sums),
            "updates_summed": self._updates_summed,
            "updates_made": self.updates_made,
        }

    def load_state(self, state: State) -> None:
        """Count and sum on from `state`; networks and optimizer are for others to restore. KeyError if incomplete."""
        sums, summed, made = state["sums"], state["updates_summed"], state["updates_made"]
        self._sums, self._updates_summed, self.updates_made = list(sums), summed, made
        self._unread, self._sent_for, self._last_batch = [], None, None

    @property
    def _reads_at_once(self) -> bool:
        return self.updates_per_reading == 1

    def _gradients(self) -> dict[str, Tensor]:
        return {name: weight.grad for name, weight in self._weights.items() if weight.grad is not None}

    def _norms_of_gradients(self) -> Tensor:
        """Of each layer's gradient, where somebody needs them; they stay on the device."""
        found = list(self._gradients().values())
        if self._reads_at_once and self._max_grad_norm is None:
            return found[0].new_empty(0)
        return gradients.norms(found)

    def _clip(self, max_grad_norm: float, norms: Tensor, batch: Batch) -> None:
        """What ``clip_grad_norm_`` does, which would spread a NaN over all layers."""
        if self._reads_at_once and not math.isfinite(torch.linalg.vector_norm(norms).item()):
            layers = list(self._gradients())
            wrong = [name for name, norm in zip(layers, norms.tolist(), strict=True) if not math.isfinite(norm)]
            raise self._error("gradient", (wrong or layers)[::-1], self.updates_made + 1, batch)
        gradients.clip(list(self._weights.values()), norms, max_grad_norm)

    def _add(self, mean_loss: float, mean_priority: float) -> None:
        self._sums = [self._sums[0] + mean_loss, self._sums[1] + mean_priority]
        self._updates_summed += 1

    def _read(self) -> None:
        if self._unread:
            self._send_for_unread()
        self._look()

    def _send_for_unread(self) -> None:
        """Look at what was sent for before, and at what is sent for now only if that is here at once."""
        unread, self._unread = self._unread, []
        reading = Reading(torch.stack([each.numbers for each in unread]))
        self._look()
        self._sent_for = unread, reading
        if reading.at_once:
            self._look()

    def _look(self) -> None:
        """At the numbers that were sent for."""
        if self._sent_for is None:
            return
        (unread, reading), self._sent_for = self._sent_for, None
        layers = list(self._gradients())
        for update, numbers in zip(unread, reading.tolist(), strict=True):
            mean_loss, mean_priority, *norms = numbers
            if not math.isfinite(mean_loss):
                raise self._error("loss", [], update.update, update.batch())
            wrong = [name for name, norm in zip(layers, norms, strict=True) if not math.isfinite(norm)]
            if wrong:
                raise self._error("gradient", wrong[::-1], update.update, update.batch())
            self._add(mean_loss, mean_priority)

    def _weights_not_finite(self) -> list[str]:
        targets = [(f"target.{name}", weight) for name, weight in self.target.named_parameters()]
        return names_not_finite([*targets, *self._weights.items()])

    def _cause_of_loss(self, batch: Batch) -> NotFinite:
        wrong = self._weights_not_finite()
        if wrong:
            return self._cause_of_weights(wrong, batch)
        return self._error("loss", [], self.updates_made + 1, batch)

    def _cause_of_weights(self, wrong: list[str], batch: Batch | None = None) -> NotFinite:
        """Of weights that are not finite: the last update's gradient, if that was not; it is still there."""
        wrong_gradients = names_not_finite(self._gradients().items())
        if wrong_gradients:
            return self._error("gradient", wrong_gradients, self.updates_made, self._last_batch_made() or batch)
        return self._error("weight", wrong, self.updates_made, batch or self._last_batch_made())

    def _last_batch_made(self) -> Batch | None:
        return None if self._last_batch is None else self._last_batch()

    def _error(self, what: What, layers: list[str], update: int, batch: Batch | None) -> NotFinite:
        return not_finite(what, layers, update, batch, self._online, self.target, self._optimizer)


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
