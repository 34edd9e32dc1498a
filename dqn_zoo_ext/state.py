"""What is saved so that a run can go on exactly: plain data, and who can give and take it."""

from typing import Any, Protocol, runtime_checkable

State = dict[str, Any]
"""Nested dicts with text as keys. Leaves: None, bool, int, float, str, lists of these, torch tensors, numpy arrays."""


@runtime_checkable
class Resumable(Protocol):
    """Something whose future depends on nothing but its state, the calls made to it and how it was constructed."""

    def state(self) -> State:
        """All that ``load_state`` needs. Arrays may share memory with their owner: they are to be stored at once."""

    def load_state(self, state: State) -> None:
        """Go on as the one whose `state` it was, constructed in the same way. ValueError if that cannot be."""
