"""Replay buffers seen as rows that are added and never change until they are overwritten: to be saved bit by bit."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from stable_baselines3.common.buffers import DictReplayBuffer, NStepReplayBuffer, ReplayBuffer
from torch import Tensor

from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.learning.replay.repeating import RepeatingBuffer
from dqn_zoo_ext.state import State

Pieces = dict[str, list[Tensor]]


class StoredRows(Protocol):
    """A ring of `rows` rows; row r lies at place r % rows until row r + rows takes it.

    rows_at_once: the most rows that one vector step adds.
    """

    rows: int

    @property
    def rows_at_once(self) -> int:
        """See above."""

    @property
    def rows_added(self) -> int:
        """Rows ever added; those from rows_added - rows on are there."""

    def pieces(self, first: int, last: int) -> Pieces:
        """Rows first to last (exclusive) by array, each in one or two pieces that share the buffer's memory."""

    def load_rows(self, first: int, arrays: dict[str, Tensor]) -> None:
        """Put rows back from row `first` on. KeyError or ValueError if they do not fit."""

    def rest(self) -> State:
        """All that is not in rows: small."""

    def load_rest(self, rest: State) -> None:
        """Take over all that is not in rows; the rows must be there. ValueError if it does not fit."""


def rows_of(model: DeepQ) -> StoredRows | None:
    """The model's replay as rows; None for a class that is not known here, whose arrays might not be all of it."""
    buffer = model.replay_buffer
    if isinstance(buffer, FrameRing):
        return buffer
    if type(buffer) in (ReplayBuffer, DictReplayBuffer, NStepReplayBuffer, RepeatingBuffer):
        assert buffer is not None
        return None if buffer.optimize_memory_usage else Sb3Rows(buffer, model)
    return None


class Sb3Rows:
    """The rows of a replay buffer of Stable-Baselines3's own, which does not count them: the model does.

    One that repeats transitions adds several rows in a vector step, and counts them itself.
    """

    def __init__(self, buffer: ReplayBuffer, model: DeepQ) -> None:
        self._buffer = buffer
        self._model = model
        self.rows = buffer.buffer_size

    @property
    def rows_added(self) -> int:
        """See StoredRows."""
        return self._buffer.rows_added if isinstance(self._buffer, RepeatingBuffer) else self._model.rows_stored

    @property
    def rows_at_once(self) -> int:
        """See StoredRows."""
        return self._buffer.rows_at_once if isinstance(self._buffer, RepeatingBuffer) else 1

    def pieces(self, first: int, last: int) -> Pieces:
        """See StoredRows."""
        begin, end = first % self.rows, (last - 1) % self.rows + 1
        parts = [slice(begin, end)] if begin < end else [slice(begin, self.rows), slice(0, end)]
        pieces = {name: [torch.from_numpy(array[part]) for part in parts] for name, array in self._arrays()}
        if isinstance(self._buffer, NStepReplayBuffer):
            # it marks its newest row as timed out while it draws, and that may be now, in another thread; a row that
            # was added so is done as well
            both = zip(pieces["timeouts"], pieces["dones"], strict=True)
            pieces["timeouts"] = [timeouts * dones for timeouts, dones in both]
        return pieces

    def load_rows(self, first: int, arrays: dict[str, Tensor]) -> None:
        """See StoredRows."""
        for name, array in self._arrays():
            given = arrays[name].numpy()
            if given.dtype != array.dtype or given.shape[1:] != array.shape[1:]:
                raise ValueError(f"'{name}' holds {given.dtype} {given.shape[1:]}, not {array.dtype} {array.shape[1:]}")
            array[np.arange(first, first + len(given)) % self.rows] = given

    def rest(self) -> State:
        """See StoredRows."""
        return {"rows": self.rows, "rows_added": self.rows_added}

    def load_rest(self, rest: State) -> None:
        """See StoredRows."""
        if rest["rows"] != self.rows:
            raise ValueError(f"the replay buffer has {rest['rows']} rows there and {self.rows} here")
        if isinstance(self._buffer, RepeatingBuffer):
            self._buffer.rows_added = rest["rows_added"]
        else:
            self._model.rows_stored = rest["rows_added"]
        self._buffer.pos = self.rows_added % self.rows
        self._buffer.full = self.rows_added >= self.rows

    def _arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        attributes: dict[str, Any] = vars(self._buffer)
        for name, value in attributes.items():
            for key, array in value.items() if isinstance(value, dict) else [("", value)]:
                if isinstance(array, np.ndarray) and array.shape[:1] == (self.rows,):
                    yield f"{name}.{key}".rstrip("."), array
