"""Updates on draws from a ring, as one graph of the GPU.

What differs from one update to the next is written into memory before it: which windows were drawn, and the learning
rate. Where the device itself draws by priorities, the draw and the filing of what was found are a part of the graph,
and so is the generator that it draws from.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from dqn_zoo_ext.learning.hardware.graphs import AsGraph, Capture
from dqn_zoo_ext.learning.optim import DeepMindRMSprop
from dqn_zoo_ext.learning.policies import QNetwork
from dqn_zoo_ext.learning.replay import Draw, FrameRing
from dqn_zoo_ext.learning.updates.learner import Improvement, Learner


class CapturedUpdates:
    """Updates, of which the first few are made as ever, then as a graph, see ``AsGraph``.

    ValueError unless the ring's rows lie on the learning device, or if the learner would read numbers within an update.

    Numbers are looked at up to 64 updates later. If one is not finite its windows are made again, and by then the
    oldest rows of a full ring may show later transitions.

    It is made for the memory that weights, optimizer and ring have now, and ``fits`` no other.
    """

    def __init__(
        self,
        learner: Learner,
        ring: FrameRing,
        batch_size: int,
        optimizer: torch.optim.Optimizer,
        capture: Capture,
    ) -> None:
        if ring.storage != ring.device:
            raise ValueError(f"the ring's rows lie on {ring.storage}, and updates are made on {ring.device}")
        if learner.updates_per_reading == 1:
            raise ValueError("a learner that reads the numbers of each update cannot be captured")
        keep_on_device(optimizer, ring.device)
        self._batch_size = batch_size
        self._optimizer = optimizer
        self._state_of_optimizer = optimizer.state
        self._learner = learner
        self._ring = ring
        self._drawn: Draw | None = None
        """Where each draw is written; made as the first one is."""
        self._improved = AsGraph(self._work, ring.device, capture, "updates", ring.generators)

    def fits(self, ring: FrameRing, batch_size: int) -> bool:
        """Whether it is made for these, and the optimizer's state is still the one that it changes."""
        same_memory = ring is self._ring and self._optimizer.state is self._state_of_optimizer
        return same_memory and batch_size == self._batch_size

    def updates(self, count: int) -> Iterator[None]:
        """Make `count` updates, each when it is asked for. ValueError while there is nothing to draw."""
        if self._ring.draws_on_device:
            self._ring.need_something_to_draw()
            for _ in range(count):
                self._update()
                yield
        else:
            for draw in self._ring.draws(self._batch_size, count):
                self._update(draw)
                yield

    def _update(self, draw: Draw | None = None) -> None:
        """One step on these windows, or on those that are drawn as a part of it."""
        if draw is not None:
            self._write(draw)
        improvement = self._improved()
        if draw is None:  # what was drawn stays in its memory until the next update
            assert self._drawn is not None
            draw = self._drawn.copied()
        else:
            self._ring.learned_from(draw.cells, improvement.loss.priority)
        # the numbers are read later, and the windows made again then: the ring may have gone on by a few rows
        self._learner.note(improvement._replace(numbers=improvement.numbers.clone()), lambda: self._ring.batch_of(draw))

    def _write(self, draw: Draw) -> Draw:
        """Where the work finds it."""
        if self._drawn is None:
            self._drawn = draw.copied()
            return self._drawn
        for static, new in zip(self._drawn, draw, strict=True):
            if static is not None and new is not None:
                static.copy_(new, non_blocking=True)
        return self._drawn

    def _work(self) -> Improvement:
        if not self._ring.draws_on_device:
            assert self._drawn is not None  # set before
            return self._improved_on(self._drawn)
        draw = self._write(self._ring.draw(self._batch_size))
        improvement = self._improved_on(draw)
        self._ring.learned_from(draw.cells, improvement.loss.priority)
        return improvement

    def _improved_on(self, draw: Draw) -> Improvement:
        batch, target = self._ring.batch_of(draw), self._learner.target
        if not (batch.obs_t.is_cuda and isinstance(target, QNetwork)):
            return self._learner.improve(batch)
        with target.looking_ahead(batch.obs_t):
            return self._learner.improve(batch)


def can_be_captured(optimizer: torch.optim.Optimizer) -> bool:
    """Whether its step reads no number: PyTorch's optimizers that say so, and ours."""
    says_so = all("capturable" in group for group in optimizer.param_groups)
    return says_so or isinstance(optimizer, DeepMindRMSprop)


def keep_on_device(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Let learning rate and counts of steps be numbers in the device's memory, which a captured step reads."""
    for group in optimizer.param_groups:
        if not isinstance(group["lr"], Tensor):
            group["lr"] = torch.tensor(group["lr"], dtype=torch.float32, device=device)
        if "capturable" in group:
            group["capturable"] = device.type == "cuda"
    for state in optimizer.state.values():
        if isinstance(state.get("step"), Tensor):
            state["step"] = state["step"].to(device)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of all weights, wherever it lies."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
