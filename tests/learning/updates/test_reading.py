"""Numbers that are looked at when the next ones are due, as a GPU brings them: none is lost, and all stay in order."""

import math

import pytest
import torch
from test_learner import TWO, batch, learner, net

from dqn_zoo_ext.learning.losses import Loss
from dqn_zoo_ext.learning.updates import learner as learner_module
from dqn_zoo_ext.learning.updates.finite import NotFinite
from dqn_zoo_ext.learning.updates.learner import Improvement
from dqn_zoo_ext.learning.updates.reading import Reading


class Later(Reading):
    """As if it came from a GPU: nobody is to ask before the next ones are on their way."""

    made = 0
    asked_for: list[int]

    def __init__(self, numbers: torch.Tensor) -> None:
        super().__init__(numbers)
        self.at_once = False
        Later.made += 1
        self._number = Later.made

    def tolist(self) -> list[list[float]]:
        Later.asked_for.append(self._number)
        return super().tolist()


@pytest.fixture(autouse=True)
def _later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner_module, "Reading", Later)
    Later.made, Later.asked_for = 0, []


def test_numbers_of_the_cpu_are_read_at_once() -> None:
    reading = Reading(torch.tensor([[1.0, 2.0]]))
    assert reading.at_once
    assert reading.tolist() == [[1.0, 2.0]]


def test_numbers_are_looked_at_when_the_next_are_on_their_way() -> None:
    learning = learner(net(1.0), rate=0.0, updates_per_reading=3)
    asked_for = []
    for _ in range(10):
        learning.update(TWO)
        asked_for.append(list(Later.asked_for))
    assert asked_for == [[]] * 5 + [[1]] * 3 + [[1, 2]] * 2
    assert learning.read_means() == pytest.approx({"loss": 1.5, "td_error": 1.5})
    assert Later.asked_for == [1, 2, 3, 4]
    assert learning.read_means() == {}


def test_means_are_the_same_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    batches = [batch(torch.randn(4, 2).tolist(), weights=[1.0, 0.3, 0.7, 0.1]) for _ in range(11)]
    means = []
    for reading in (Later, Reading):
        monkeypatch.setattr(learner_module, "Reading", reading)
        learning = learner(net(0.3, -0.2), rate=0.01, updates_per_reading=3)
        for each in batches:
            learning.update(each)
        means.append(learning.read_means())
    assert means[0] == means[1]


@pytest.mark.parametrize("wrong", range(1, 7))
@pytest.mark.parametrize("updates", [6, 7])
def test_what_is_on_its_way_is_looked_at_by_a_check(wrong: int, updates: int) -> None:
    learning = learner(net(1.0), rate=0.0, updates_per_reading=4)
    for update in range(1, updates + 1):
        numbers = torch.tensor([math.nan if update == wrong else 1.0, 1.0])  # mean loss, mean priority, no gradients
        learning.note(Improvement(Loss(TWO.weights, TWO.weights), numbers), lambda: TWO)
    with pytest.raises(NotFinite, match=f"loss is not finite in update {wrong};"):
        learning.check()


def test_a_state_that_is_taken_over_forgets_what_is_on_its_way() -> None:
    learning = learner(net(1.0), rate=0.0, updates_per_reading=2)
    state = learning.state()
    for _ in range(3):
        learning.update(TWO)
    learning.load_state(state)
    assert learning.read_means() == {}
