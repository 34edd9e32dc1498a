"""The rows of a ring: where they lie, what they take, and how they are saved and brought back."""

import warnings
from typing import Annotated, Any, Literal

import numpy as np
import torch
from gymnasium import spaces
from pydantic import Field
from stable_baselines3.common.buffers import BaseBuffer, ReplayBuffer
from torch import Tensor

from dqn_zoo_ext.envs.screens.rules import StackStart

_STAYING = ("frames", "actions_taken", "rewards_received", "ends", "ages")  # as they were added, until overwritten
_KEPT = (*_STAYING, "cuts")
_BYTES_BESIDE_A_FRAME = 4 + 4 + 1 + 1 + 1  # action, reward, end, cut, age
_SHARE_OF_FREE = 0.8  # of a GPU's memory: networks and feature maps need some too

Storage = Literal["auto", "device", "main_memory"]


class Rows(ReplayBuffer):
    """Arrays with one cell for each environment and vector step, in rows that are overwritten in turn.

    ``FrameRing`` says what is in a cell, and what the arguments mean.
    """

    rows_at_once = 1
    """Rows that one vector step adds."""

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: torch.device | str = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = False,  # noqa: ARG002  # part of Stable-Baselines3's contract; the ring always is
        n_steps: Annotated[int, Field(ge=1)] = 1,
        gamma: Annotated[float, Field(ge=0, le=1)] = 0.99,
        storage: Storage = "auto",
        planes: int = 1,
        stack_start: StackStart = "zeros",
    ) -> None:
        # ReplayBuffer's own constructor would allocate what this class exists to avoid
        BaseBuffer.__init__(self, buffer_size, observation_space, action_space, device, n_envs=n_envs)
        if not isinstance(observation_space, spaces.Box) or not isinstance(action_space, spaces.Discrete):
            raise ValueError(
                f"FrameRing needs Box observations and Discrete actions, not {observation_space}, {action_space}"
            )
        self.stack, self.frame_shape = _stack_and_frame(observation_space, planes)
        self.planes = planes
        self.stack_start = stack_start
        self.n_steps = n_steps
        self.gamma = float(gamma)  # a whole number would make whole discounts
        self.handle_timeout_termination = True  # Stable-Baselines3 asks when it loads a buffer
        self.rows = _rows_of(buffer_size, n_envs, self.stack, n_steps)
        self.buffer_size = self.rows  # Stable-Baselines3 counts a buffer's rows under this name
        self.storage = _where_rows_lie(
            storage, self.device, self.bytes_needed(buffer_size, observation_space, n_envs, n_steps, planes=planes)
        )
        cells = self.rows * n_envs
        frame_type = torch.from_numpy(np.empty(0, observation_space.dtype)).dtype
        # one frame more than cells: the last one is zero and may stand in for the missing frames of young stacks; the
        # others are left unwritten, so that memory is taken as the ring fills
        self.frames = torch.empty((cells + 1, int(np.prod(self.frame_shape))), dtype=frame_type, device=self.storage)
        self.frames[-1] = 0
        self.actions_taken = torch.zeros(cells, dtype=torch.int32, device=self.storage)
        self.rewards_received = torch.zeros(cells, dtype=torch.float32, device=self.storage)
        self.ends = torch.zeros(cells, dtype=torch.bool, device=self.storage)
        self.cuts = torch.zeros(cells, dtype=torch.bool, device=self.storage)
        self.ages = torch.zeros(cells, dtype=torch.uint8, device=self.storage)
        self.rows_added = 0
        self._shown: Tensor | None = None
        """The newest frames that were sent for acting, until their row is added."""
        self._age = np.zeros(n_envs, dtype=np.uint8)
        self._cut_cells = np.zeros(0, dtype=np.int64)  # counted from the first row ever added, ascending
        # a generator of its own, so that nothing else a program draws changes what is replayed; the run's seed reaches
        # it through numpy's global state, which Stable-Baselines3 seeds before it makes the buffer
        self.generator = torch.Generator().manual_seed(int(np.random.randint(2**31)))  # noqa: NPY002

    @classmethod
    def bytes_needed(
        cls,
        buffer_size: int,
        observation_space: spaces.Box,
        n_envs: int = 1,
        n_steps: int = 1,
        planes: int = 1,
        **keywords: Any,  # noqa: ARG003  # those that a subclass adds
    ) -> int:
        """Bytes of all arrays of such a ring, once it is full. Arguments as of the constructor."""
        _, frame_shape = _stack_and_frame(observation_space, planes)
        cells = cls.cells_needed(buffer_size, observation_space, n_envs, n_steps, planes)
        frame = int(np.prod(frame_shape)) * np.dtype(observation_space.dtype).itemsize
        return (cells + 1) * frame + cells * _BYTES_BESIDE_A_FRAME

    @staticmethod
    def cells_needed(
        buffer_size: int, observation_space: spaces.Box, n_envs: int, n_steps: int, planes: int = 1
    ) -> int:
        """Cells of such a ring. Arguments as of the constructor."""
        stack, _ = _stack_and_frame(observation_space, planes)
        return _rows_of(buffer_size, n_envs, stack, n_steps) * n_envs

    def state(self) -> dict[str, Tensor]:
        """Everything that is kept, as plain tensors: what ``load_state`` takes. They share the ring's main memory."""
        written = min(self.rows_added, self.rows) * self.n_envs
        return {**{name: getattr(self, name)[:written].cpu() for name in _KEPT}, **self.rest()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Become the ring that `state` was taken from.

        ValueError if its rows, environments, stack or frames differ, or if it contradicts itself; this ring then stays
        as it was. KeyError if a part is missing.
        """
        rows_added, generator = self._check_rest(state)
        written = min(rows_added, self.rows) * self.n_envs
        self._check_rows({name: state[name] for name in _KEPT}, written)
        for name in _KEPT:
            getattr(self, name)[:written].copy_(state[name])
        self._take_rest(state, rows_added, generator)

    def pieces(self, first: int, last: int) -> dict[str, list[Tensor]]:
        """Rows `first` to `last` (exclusive), counted from the first ever added, in one or two pieces of each array.

        They share the ring's main memory, if it lies there. Without ``cuts``, which ``cut`` may still change: they are
        among ``rest``.
        """
        begin, end = first % self.rows, (last - 1) % self.rows + 1
        rows = [(begin, end)] if begin < end else [(begin, self.rows), (0, end)]
        cells = [slice(row * self.n_envs, until * self.n_envs) for row, until in rows]
        return {name: [getattr(self, name)[part].cpu() for part in cells] for name in _STAYING}

    def load_rows(self, first: int, arrays: dict[str, Tensor]) -> None:
        """Put rows back from `first` on: the ``pieces``, joined. KeyError or ValueError if they do not fit."""
        written = len(arrays["frames"])
        self._check_rows({name: arrays[name] for name in _STAYING}, written)
        places = self._place(torch.arange(first * self.n_envs, first * self.n_envs + written)).to(self.storage)
        for name in _STAYING:
            getattr(self, name)[places] = arrays[name].to(self.storage)
        self.cuts[places] = False  # until ``load_rest`` says which are

    def rest(self) -> dict[str, Tensor]:
        """All that is not in ``pieces``: small, and what ``load_rest`` takes once the rows are back."""
        return {
            "size": self._size(),
            "rows_added": torch.tensor(self.rows_added),
            "next_age": torch.from_numpy(self._age),
            "cut_cells": torch.from_numpy(self._cut_cells),
            "generator": self.generator.get_state(),
        }

    def load_rest(self, rest: dict[str, Tensor]) -> None:
        """Take over what is not in rows. ValueError and KeyError as in ``load_state``."""
        rows_added, generator = self._check_rest(rest)
        self.cuts[self._place(rest["cut_cells"]).to(self.storage)] = True
        self._take_rest(rest, rows_added, generator)

    def _take_rest(self, rest: dict[str, Tensor], rows_added: int, generator: torch.Generator) -> None:
        self.rows_added = rows_added
        self._shown = None
        self._age = rest["next_age"].numpy().copy()
        self._cut_cells = rest["cut_cells"].numpy().copy()
        self.generator = generator
        self.pos = self.rows_added % self.rows
        self.full = self.rows_added >= self.rows

    def _size(self) -> Tensor:
        return torch.tensor([self.rows, self.n_envs, self.stack])

    def _check_rest(self, state: dict[str, Tensor]) -> tuple[int, torch.Generator]:
        """Rows ever added and the generator, of a state that fits and does not contradict itself."""
        if not torch.equal(state["size"], self._size()):
            there, here = state["size"].tolist(), self._size().tolist()
            raise ValueError(f"rows, environments and stack are {there} there and {here} here")
        rows_added = int(state["rows_added"])
        cuts, first = state["cut_cells"], max(0, rows_added - self.rows) * self.n_envs
        check_like(state, "next_age", torch.uint8, (self.n_envs,))
        check_like(state, "cut_cells", torch.int64, (len(cuts),))
        in_order = bool((cuts.diff() > 0).all()) and bool(((cuts >= first) & (cuts < rows_added * self.n_envs)).all())
        if rows_added < 0 or not in_order or bool((state["next_age"] >= self.stack).any()):
            raise ValueError("'rows_added', 'cut_cells' or 'next_age' name what cannot be")
        generator = torch.Generator()
        try:
            generator.set_state(state["generator"])
        except (RuntimeError, TypeError) as error:
            raise ValueError("'generator' is not the state of a random generator") from error
        return rows_added, generator

    def _check_rows(self, arrays: dict[str, Tensor], cells: int) -> None:
        for name in arrays:
            mine: Tensor = getattr(self, name)
            check_like(arrays, name, mine.dtype, (cells, *mine.shape[1:]))

    def _place(self, cells: Tensor) -> Tensor:
        """Where in the ring a cell lies that is counted from the first row ever added."""
        return cells % (self.rows * self.n_envs)


def _where_rows_lie(storage: Storage, device: torch.device, needed: int) -> torch.device:
    main_memory = torch.device("cpu")
    if storage == "main_memory" or device.type == "cpu" or (storage == "auto" and device.type != "cuda"):
        return main_memory
    if storage == "auto":
        free, _ = torch.cuda.mem_get_info(device)
        if needed > _SHARE_OF_FREE * free:
            warnings.warn(
                f"the replay takes {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB of the GPU's memory are free: "
                "it lies in main memory, and updates wait for it",
                stacklevel=3,
            )
            return main_memory
    return device


def _stack_and_frame(observation_space: spaces.Box, planes: int) -> tuple[int, tuple[int, ...]]:
    """How many frames an observation stacks, and the shape of what is kept of it. ValueError for parts of frames."""
    shape = observation_space.shape
    if len(shape) != 3 or observation_space.dtype != np.uint8:
        return 1, shape
    stack, rest = divmod(shape[0], planes)
    if rest or stack < 1:
        raise ValueError(f"observations of {shape[0]} planes are no stack of frames of {planes}")
    if stack == 1:
        return 1, shape
    return stack, shape[1:] if planes == 1 else (planes, *shape[1:])


def _rows_of(buffer_size: int, n_envs: int, stack: int, n_steps: int) -> int:
    """Rows for so many transitions, and at least one whole stack and window."""
    return max(-(-buffer_size // n_envs), stack + n_steps + 1)


def check_like(arrays: dict[str, Tensor], name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """ValueError if the array of this name is of another type or shape, KeyError if there is none."""
    there = arrays[name]
    if there.dtype != dtype or tuple(there.shape) != shape:
        raise ValueError(f"'{name}' is {tuple(there.shape)} {there.dtype}, not {shape} {dtype}")
