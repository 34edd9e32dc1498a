"""Work as a graph, without a GPU: when it is captured, what is said when it cannot be, and work beside other work."""

from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import Mock

import pytest
import torch

from dqn_zoo_ext.learning.hardware.graphs import AsGraph, Beside, Graph, OneByOne

CPU = torch.device("cpu")


class Counted:
    """Adds one to a number in memory, and counts who asked: the work itself, captures and replays."""

    def __init__(self) -> None:
        self.number = torch.zeros(())
        self.worked = self.captured = self.replayed = 0

    def work(self) -> torch.Tensor:
        self.worked += 1
        return self.number.add_(1)

    def capture(self, work: Callable[[], Any], generators: Sequence[torch.Generator] = ()) -> Graph[Any]:
        assert (work, generators) == (self.work, ())
        self.captured += 1
        return self

    def replay(self) -> torch.Tensor:
        self.replayed += 1
        return self.number.add_(1)


def test_the_first_three_times_are_as_ever_and_then_one_graph_is_replayed() -> None:
    counted = Counted()
    work = AsGraph(counted.work, CPU, counted.capture, "updates")
    seen = [(float(work()), counted.worked, counted.captured, counted.replayed) for _ in range(5)]
    assert seen == [(1, 1, 0, 0), (2, 2, 0, 0), (3, 3, 0, 0), (4, 3, 1, 1), (5, 3, 1, 2)]


def test_generators_reach_who_captures() -> None:
    given: list[Sequence[torch.Generator]] = []

    def capture(work: Callable[[], Any], generators: Sequence[torch.Generator] = ()) -> Graph[Any]:
        given.append(generators)
        return OneByOne(work)

    generator = torch.Generator()
    work = AsGraph(lambda: None, CPU, capture, "updates", [generator])
    for _ in range(5):
        work()
    assert given == [[generator]]


def test_what_cannot_be_captured_is_said_once_and_goes_on() -> None:
    counted = Counted()
    error = RuntimeError("operation not permitted when stream is capturing\nand more lines of CUDA's")
    work = AsGraph(counted.work, CPU, Mock(side_effect=error), "updates")
    for _ in range(3):
        work()
    with pytest.warns(UserWarning, match="slower") as warned:
        assert [float(work()), float(work())] == [4, 5]
    assert [str(each.message) for each in warned] == [
        "updates are not captured as one graph, and slower: operation not permitted when stream is capturing"
    ]
    assert counted.worked == 5


@pytest.mark.parametrize("fails_at", [1, 4])
def test_an_error_of_the_work_itself_is_not_hidden(fails_at: int) -> None:
    counted = Counted()
    counted.replay = Mock(side_effect=ZeroDivisionError)  # type: ignore[method-assign]
    works = counted.work if fails_at == 4 else Mock(side_effect=ZeroDivisionError)
    work = AsGraph[Any](works, CPU, counted.capture, "updates")
    for _ in range(fails_at - 1):
        work()
    with pytest.raises(ZeroDivisionError):
        work()


def test_without_a_gpu_work_beside_other_work_is_done_in_its_turn() -> None:
    beside, done = Beside(CPU), list[str]()
    done.append("before")
    with beside.begun():
        done.append("beside")
    done.append("between")
    beside.join()
    with beside.doing():
        done.append("joined")
    assert done == ["before", "beside", "between", "joined"]
