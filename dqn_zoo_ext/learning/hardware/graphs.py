"""Work of a GPU as one graph: a single launch instead of a hundred.

A graph repeats the same operations on the same memory. What differs from one time to the next is therefore written into
memory before it.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

import torch

from dqn_zoo_ext.errors import first_line

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_TIMES_BEFORE = 3
"""Done as ever, beside the main stream: kernels are chosen and an optimizer's state is made in the first ones."""


class Graph(Protocol[T_co]):
    """Work that was captured, and nothing of it done yet."""

    def replay(self) -> T_co:
        """Do the work; what comes of it lies where the last replay left what came of that."""
        ...


class Capture(Protocol):
    """Makes a graph of work that draws from these generators, beside PyTorch's own."""

    def __call__(self, work: Callable[[], T], generators: Sequence[torch.Generator] = ()) -> Graph[T]:
        """RuntimeError if the work cannot be captured."""
        ...


class CudaGraph(Generic[T]):
    """A graph of CUDA. generators: those of another device are left alone."""

    def __init__(self, work: Callable[[], T], generators: Sequence[torch.Generator] = ()) -> None:
        self._graph = torch.cuda.CUDAGraph()
        for generator in generators:
            if generator.device.type == "cuda":
                self._graph.register_generator_state(generator)
        # what other threads do meanwhile (a checkpoint is written, rows of the replay with it) is no part of it
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._result = work()

    def replay(self) -> T:
        """See ``Graph``."""
        self._graph.replay()
        return self._result


class OneByOne(Generic[T]):
    """Stands in for a graph where the work could not be captured: operation by operation, as without it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self.replay = work


class AsGraph(Generic[T]):
    """Work that is done as ever the first few times, then as a graph. Both give the same numbers, to the bit.

    capture: makes the graph; tests without a GPU have one that does the work anew. If it fails (a loss of somebody
    else's that reads a number, say), a warning says so and the work goes on as it began. what: the work in the warning,
    in the plural.
    """

    def __init__(
        self,
        work: Callable[[], T],
        device: torch.device,
        capture: Capture,
        what: str,
        generators: Sequence[torch.Generator] = (),
    ) -> None:
        self._work = work
        self._device = device
        self._capture = capture
        self._generators = generators
        self._what = what
        self._times = 0
        self._graph: Graph[T] | None = None

    def __call__(self) -> T:
        """Do the work once more."""
        with _on(self._device):
            if self._times < _TIMES_BEFORE:
                self._times += 1
                return self._beside_the_main_stream()
            if self._graph is None:
                self._graph = self._captured()
            return self._graph.replay()

    def _captured(self) -> Graph[T]:
        try:
            return self._capture(self._work, self._generators)
        except RuntimeError as error:
            reason = first_line(error)
            warnings.warn(f"{self._what} are not captured as one graph, and slower: {reason}", stacklevel=2)
            return OneByOne(self._work)

    def _beside_the_main_stream(self) -> T:
        if self._device.type != "cuda":
            return self._work()
        with Beside(self._device).doing():
            return self._work()


class Beside:
    """A stream of a GPU beside the present one, for what need not be waited for. On a CPU all goes one by one.

    Memory that is freed here is given out again here only, and what is begun here waits for the present stream: so
    nobody writes into what the other still reads, if the present stream joins before it frees what was read here.
    """

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """The block's work is begun here, after what the present stream was told before; see ``join``."""
        if self._stream is None:
            yield
            return
        self._stream.wait_stream(torch.cuda.current_stream(self._stream.device))
        with torch.cuda.stream(self._stream):
            yield

    def join(self) -> None:
        """What the present stream is told from now on comes after all that was begun here."""
        if self._stream is not None:
            torch.cuda.current_stream(self._stream.device).wait_stream(self._stream)

    @contextlib.contextmanager
    def doing(self) -> Iterator[None]:
        """``begun``, and joined when the block ends."""
        with self.begun():
            yield
        self.join()


def _on(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """With `device` as the present one, without changing what is so already: that takes time in each update."""
    if device.type != "cuda" or device.index in (None, torch.cuda.current_device()):
        return contextlib.nullcontext()
    return torch.cuda.device(device)
