"""Updates on draws from a ring, as one graph of the GPU: a single launch instead of a hundred.

A graph repeats the same operations on the same memory. What differs from one update to the next is therefore written
into memory before it: which windows were drawn, and the learning rate. Where the device itself draws by priorities, the
draw and the filing of what was found are a part of the graph, and so is the generator that it draws from.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from dqn_zoo_ext.errors import first_line
from dqn_zoo_ext.learning.optim import DeepMindRMSprop
from dqn_zoo_ext.learning.policies import QNetwork
from dqn_zoo_ext.learning.replay import Draw, FrameRing
from dqn_zoo_ext.learning.updates.learner import Improvement, Learner

_UPDATES_BEFORE = 3
"""Made as ever, beside the main stream: kernels are chosen and the optimizer's state is made in the first ones."""

Work = Callable[[], Improvement]


class Graph(Protocol):
    """Work that was captured, and nothing of it done yet."""

    def replay(self) -> Improvement:
        """Do the work; what comes of it lies where the last replay left what came of that."""
        ...


Capture = Callable[[Work, Sequence[torch.Generator]], Graph]
"""Makes a graph of work that draws from these generators, beside PyTorch's own."""


class CudaGraph:
    """A graph of CUDA. generators: those of another device are left alone."""

    def __init__(self, work: Work, generators: Sequence[torch.Generator] = ()) -> None:
        self._graph = torch.cuda.CUDAGraph()
        for generator in generators:
            if generator.device.type == "cuda":
                self._graph.register_generator_state(generator)
        # what other threads do meanwhile (a checkpoint is written, rows of the replay with it) is no part of it
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._improvement = work()

    def replay(self) -> Improvement:
        """See ``Graph``."""
        self._graph.replay()
        return self._improvement


class OneByOne:
    """Stands in for a graph where the work could not be captured: operation by operation, as without it."""

    def __init__(self, work: Work) -> None:
        self.replay = work


class CapturedUpdates:
    """Updates, of which the first few are made as ever, then as a graph. Both give the same numbers, to the bit.

    capture: makes the graph; tests without a GPU have one that does the work anew. If it fails (a loss of somebody
    else's that reads a number, say), it is said in a warning, and updates go on as they began. ValueError unless the
    ring's rows lie on the learning device, or if the learner would read numbers within an update.

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
        capture: Capture = CudaGraph,
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
        self._capture = capture
        self._drawn: Draw | None = None
        """Where each draw is written; made as the first one is."""
        self._updates = 0
        self._graph: Graph | None = None

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
        with _on(self._ring.device):
            improvement = self._improved()
        if draw is None:  # what was drawn stays in its memory until the next update
            assert self._drawn is not None
            draw = self._drawn.copied()
        else:
            self._ring.learned_from(draw.cells, improvement.loss.priority)
        # the numbers are read later, and the windows made again then: the ring may have gone on by a few rows
        self._learner.note(improvement._replace(numbers=improvement.numbers.clone()), lambda: self._ring.batch_of(draw))
        self._updates += 1

    def _write(self, draw: Draw) -> Draw:
        """Where the work finds it."""
        if self._drawn is None:
            self._drawn = draw.copied()
            return self._drawn
        for static, new in zip(self._drawn, draw, strict=True):
            if static is not None and new is not None:
                static.copy_(new, non_blocking=True)
        return self._drawn

    def _improved(self) -> Improvement:
        if self._updates < _UPDATES_BEFORE:
            return self._beside_the_main_stream()
        if self._graph is None:
            self._graph = self._captured()
        return self._graph.replay()

    def _captured(self) -> Graph:
        try:
            return self._capture(self._work, self._ring.generators)
        except RuntimeError as error:
            reason = first_line(error)
            warnings.warn(f"updates are not captured as one graph, and slower: {reason}", stacklevel=2)
            return OneByOne(self._work)

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

    def _beside_the_main_stream(self) -> Improvement:
        if self._ring.device.type != "cuda":
            return self._work()
        main, beside = torch.cuda.current_stream(), torch.cuda.Stream()
        beside.wait_stream(main)
        with torch.cuda.stream(beside):
            improvement = self._work()
        main.wait_stream(beside)
        return improvement


def _on(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """With `device` as the present one, without changing what is so already: that takes time in each update."""
    if device.type != "cuda" or device.index in (None, torch.cuda.current_device()):
        return contextlib.nullcontext()
    return torch.cuda.device(device)


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
