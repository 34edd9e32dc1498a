"""Experience replay. ``FrameRing`` keeps every frame once: a million Atari transitions in 7.1 GB instead of 56.4."""

from typing import Annotated, Any

import numpy as np
import torch
from gymnasium import spaces
from pydantic import Field
from stable_baselines3.common.buffers import BaseBuffer, ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor

from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.registry import register_replay_buffer, replay_buffers

replay_buffers.add("sb3", ReplayBuffer)

_STAYING = ("frames", "actions_taken", "rewards_received", "ends", "ages")  # as they were added, until overwritten
_KEPT = (*_STAYING, "cuts")
_BYTES_BESIDE_A_FRAME = 4 + 4 + 1 + 1 + 1  # action, reward, end, cut, age
_ROWS_CHECKED = 32  # how many of the first rows are compared with the stacks they came from


@register_replay_buffer("frame_ring")
class FrameRing(ReplayBuffer):
    """A ring of single observations, one row per vector step; stacks and n-step windows are put together when drawn.

    A cell is one environment's share of a row: the newest frame of the observation, the action taken there, the reward
    that followed and three facts about it.

    - ``end``: the episode truly ended (game over, or a life lost where that counts): nothing follows in value.
    - ``cut``: the next row does not follow (a time limit, or the environments were reset from outside). Its successor
      was never stored, so no window starts here; a longer window stops before it and bootstraps from its state.
    - ``age``: rows since the stack was last cleared, up to the stack's length; older frames of a stack are zero, as
      ``VecFrameStack`` and the emulators have them after a reset.

    Observations of shape (stack, height, width) and type uint8 are stacks with the newest frame last; any others are
    kept whole. Draws are uniform over all cells whose stack and window lie inside the ring.

    buffer_size: capacity in transitions over all environments. n_steps: length of the TD window. gamma: discount of one
    step. The frames stay in main memory; batches go to `device`.
    """

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
    ) -> None:
        # ReplayBuffer's own constructor would allocate what this class exists to avoid
        BaseBuffer.__init__(self, buffer_size, observation_space, action_space, device, n_envs=n_envs)
        if not isinstance(observation_space, spaces.Box) or not isinstance(action_space, spaces.Discrete):
            raise ValueError(
                f"FrameRing needs Box observations and Discrete actions, not {observation_space}, {action_space}"
            )
        self.stack, self.frame_shape = _stack_and_frame(observation_space)
        self.n_steps = n_steps
        self.gamma = gamma
        self.handle_timeout_termination = True  # Stable-Baselines3 asks when it loads a buffer
        self.rows = _rows_of(buffer_size, n_envs, self.stack, n_steps)
        self.buffer_size = self.rows  # Stable-Baselines3 counts a buffer's rows under this name
        cells = self.rows * n_envs
        frame_type = torch.from_numpy(np.empty(0, observation_space.dtype)).dtype
        # one frame more than cells: the last one is zero and stands in for the missing frames of young stacks; the
        # others are left unwritten, so that memory is taken as the ring fills
        self.frames = torch.empty((cells + 1, int(np.prod(self.frame_shape))), dtype=frame_type)
        self.frames[-1] = 0
        self.actions_taken = torch.zeros(cells, dtype=torch.int32)
        self.rewards_received = torch.zeros(cells, dtype=torch.float32)
        self.ends = torch.zeros(cells, dtype=torch.bool)
        self.cuts = torch.zeros(cells, dtype=torch.bool)
        self.ages = torch.zeros(cells, dtype=torch.uint8)
        self.rows_added = 0
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
        **keywords: Any,  # noqa: ARG003  # those that a subclass adds
    ) -> int:
        """Bytes of all arrays of such a ring, once it is full. Arguments as of the constructor."""
        _, frame_shape = _stack_and_frame(observation_space)
        cells = cls.cells_needed(buffer_size, observation_space, n_envs, n_steps)
        frame = int(np.prod(frame_shape)) * np.dtype(observation_space.dtype).itemsize
        return (cells + 1) * frame + cells * _BYTES_BESIDE_A_FRAME

    @staticmethod
    def cells_needed(buffer_size: int, observation_space: spaces.Box, n_envs: int, n_steps: int) -> int:
        """Cells of such a ring. Arguments as of the constructor."""
        stack, _ = _stack_and_frame(observation_space)
        return _rows_of(buffer_size, n_envs, stack, n_steps) * n_envs

    def add(
        self,
        obs: np.ndarray,
        next_obs: np.ndarray,  # noqa: ARG002  # the next row brings it
        action: np.ndarray,
        reward: np.ndarray,
        done: np.ndarray,
        infos: list[dict[str, Any]],
    ) -> None:
        """Add one row: what each environment showed, what was done there and what came of it.

        obs: (n_envs, *observation shape); action, reward, done: (n_envs,). A done with ``TimeLimit.truncated`` in its
        info is a cut, any other an end. ValueError if the observations are not stacks of consecutive frames.
        """
        self._forget_overwritten_cuts()
        cells = slice(self.pos * self.n_envs, (self.pos + 1) * self.n_envs)
        newest = obs[:, -1] if self.stack > 1 else obs
        self.frames[cells] = torch.from_numpy(np.ascontiguousarray(newest)).reshape(self.n_envs, -1)
        self.actions_taken[cells] = torch.from_numpy(np.asarray(action, dtype=np.int32).reshape(self.n_envs))
        self.rewards_received[cells] = torch.from_numpy(np.asarray(reward, dtype=np.float32))
        self.ages[cells] = torch.from_numpy(self._age)
        truncated = np.zeros(self.n_envs, dtype=bool)
        for env in np.flatnonzero(done):
            truncated[env] = infos[env].get("TimeLimit.truncated", False)
        self.ends[cells] = torch.from_numpy(np.asarray(done, dtype=bool) & ~truncated)
        self.cuts[cells] = torch.from_numpy(truncated)
        if self.stack > 1 and self.rows_added < _ROWS_CHECKED:
            self._check_stacks(obs)
        self._note_cuts(self.rows_added, np.flatnonzero(truncated))
        self._age = np.where(done, 0, np.minimum(self._age + 1, self.stack - 1)).astype(np.uint8)
        self.rows_added += 1
        self.pos = self.rows_added % self.rows
        self.full = self.rows_added >= self.rows

    def cut(self) -> None:
        """Say that the next row will not follow the newest one: the environments are being reset from outside."""
        if self.rows_added == 0:
            return
        row = self.rows_added - 1
        cells = slice(row % self.rows * self.n_envs, (row % self.rows + 1) * self.n_envs)
        unfinished = ~(self.ends[cells] | self.cuts[cells])
        self.cuts[cells] |= unfinished
        self._note_cuts(row, np.flatnonzero(unfinished.numpy()))
        self._age[:] = 0

    def anneal(self, agent_steps: int, total_agent_steps: int) -> None:
        """Take note of how far the run is, before its next draws. Nothing to do where draws are uniform."""

    def learned_from(self, batch: Batch, priority: Tensor) -> None:
        """Take note of what an update found in a batch. Nothing to do where draws are uniform.

        priority: (B,) how surprising each sample was, at least 0.
        """

    @property
    def generators(self) -> list[torch.Generator]:
        """All that draws take random numbers from."""
        return [self.generator]

    @property
    def can_sample(self) -> bool:
        """Whether there is a whole window to draw yet."""
        first, last = self._drawable_range()
        return last - first > len(self._cuts_between(first, last))

    def state(self) -> dict[str, Tensor]:
        """Everything that is kept, as plain tensors: what ``load_state`` takes. They share the ring's memory."""
        written = min(self.rows_added, self.rows) * self.n_envs
        return {**{name: getattr(self, name)[:written] for name in _KEPT}, **self.rest()}

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

        They share the ring's memory. Without ``cuts``, which ``cut`` may still change: they are among ``rest``.
        """
        begin, end = first % self.rows, (last - 1) % self.rows + 1
        rows = [(begin, end)] if begin < end else [(begin, self.rows), (0, end)]
        cells = [slice(row * self.n_envs, until * self.n_envs) for row, until in rows]
        return {name: [getattr(self, name)[part] for part in cells] for name in _STAYING}

    def load_rows(self, first: int, arrays: dict[str, Tensor]) -> None:
        """Put rows back from `first` on: the ``pieces``, joined. KeyError or ValueError if they do not fit."""
        written = len(arrays["frames"])
        self._check_rows({name: arrays[name] for name in _STAYING}, written)
        places = self._place(torch.arange(first * self.n_envs, first * self.n_envs + written))
        for name in _STAYING:
            getattr(self, name)[places] = arrays[name]
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
        self.cuts[self._place(rest["cut_cells"])] = True
        self._take_rest(rest, rows_added, generator)

    def _take_rest(self, rest: dict[str, Tensor], rows_added: int, generator: torch.Generator) -> None:
        self.rows_added = rows_added
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

    def sample_batch(self, batch_size: int) -> Batch:
        """Draw `batch_size` windows uniformly, with replacement. ValueError while there is nothing to draw."""
        return self.gather(self._draw_cells(batch_size))

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> ReplayBufferSamples:
        """The same draw in Stable-Baselines3's form, for its own algorithms. ValueError with a VecNormalize."""
        if env is not None:
            raise ValueError("FrameRing keeps observations as they were shown and cannot normalise them when drawn")
        batch = self.sample_batch(batch_size)
        return ReplayBufferSamples(
            observations=batch.obs_tm1,
            actions=batch.a_tm1.unsqueeze(1),
            next_observations=batch.obs_t,
            dones=(batch.discount_t == 0).float().unsqueeze(1),
            rewards=batch.r_t.unsqueeze(1),
            discounts=batch.discount_t.unsqueeze(1),
        )

    def gather(self, cells: Tensor) -> Batch:
        """The windows that start at `cells`: (B,) int64, counted from the first row ever added."""
        reward = torch.zeros(len(cells))
        discount = torch.ones(len(cells))
        open_ = torch.ones(len(cells), dtype=torch.bool)
        length = torch.zeros(len(cells), dtype=torch.int64)
        for step in range(self.n_steps):
            here = self._place(cells + step * self.n_envs)
            if step > 0:
                open_ = open_ & ~self.cuts[here]
            reward += torch.where(open_, discount * self.rewards_received[here], 0.0)
            discount = torch.where(open_, discount * self.gamma, discount)
            length += open_
            ended = open_ & self.ends[here]
            discount = discount.masked_fill(ended, 0.0)
            open_ = open_ & ~ended
        start = self._place(cells)
        return Batch(
            obs_tm1=self._observations(cells).to(self.device),
            a_tm1=self.actions_taken[start].long().to(self.device),
            r_t=reward.to(self.device),
            discount_t=discount.to(self.device),
            obs_t=self._observations(cells + length * self.n_envs).to(self.device),
            weights=torch.ones(len(cells), device=self.device),
            cells=cells.to(self.device),
        )

    def _draw_cells(self, batch_size: int) -> Tensor:
        """Uniform over all cells between the oldest whole stack and the newest whole window, the cut ones left out."""
        self._need_something_to_draw()
        first, last = self._drawable_range()
        cuts = self._cuts_between(first, last)
        drawn = torch.randint(first, last - len(cuts), (batch_size,), generator=self.generator)
        return _step_over(torch.from_numpy(cuts), drawn)

    def _need_something_to_draw(self) -> None:
        if not self.can_sample:
            raise ValueError(
                f"nothing to replay yet: {self.rows_added} rows for windows of {self.n_steps} agent steps; "
                "let learning start later"
            )

    def _cuts_between(self, first: int, last: int) -> np.ndarray:
        return self._cut_cells[np.searchsorted(self._cut_cells, first) : np.searchsorted(self._cut_cells, last)]

    def _drawable_range(self, rows_added: int | None = None) -> tuple[int, int]:
        """First and last (exclusive) cell whose stack and window lie inside the ring, cut cells still among them.

        rows_added: as if so many had been.
        """
        rows_added = self.rows_added if rows_added is None else rows_added
        oldest_row = max(0, rows_added - self.rows)
        first_row = oldest_row + (self.stack - 1 if oldest_row > 0 else 0)
        return first_row * self.n_envs, (rows_added - self.n_steps) * self.n_envs

    def _observations(self, cells: Tensor) -> Tensor:
        """(B, *observation shape): the stacks whose newest frames lie in `cells`, missing frames zero."""
        back = torch.arange(self.stack - 1, -1, -1)
        places = self._place(cells.unsqueeze(1) - back * self.n_envs)
        missing = back > self.ages[self._place(cells)].unsqueeze(1)
        places = places.masked_fill(missing, len(self.frames) - 1)
        return self.frames.index_select(0, places.flatten()).view(len(cells), *self.obs_shape)

    def _place(self, cells: Tensor) -> Tensor:
        """Where in the ring a cell lies that is counted from the first row ever added."""
        return cells % (self.rows * self.n_envs)

    def _note_cuts(self, row: int, envs: np.ndarray) -> None:
        if len(envs):
            self._cut_cells = np.union1d(self._cut_cells, row * self.n_envs + envs)

    def _forget_overwritten_cuts(self) -> None:
        oldest_cell = (self.rows_added + 1 - self.rows) * self.n_envs
        if len(self._cut_cells) and self._cut_cells[0] < oldest_cell:
            self._cut_cells = self._cut_cells[np.searchsorted(self._cut_cells, oldest_cell) :]

    def _check_stacks(self, obs: np.ndarray) -> None:
        newest = torch.arange(self.n_envs) + self.rows_added * self.n_envs
        if not np.array_equal(self._observations(newest).numpy(), obs):
            raise ValueError(
                "FrameRing needs observations that stack consecutive frames, newest last and zero before an episode's "
                f"first; these of shape {obs.shape[1:]} are not such stacks (replay_buffer_class: sb3 keeps any)"
            )


def _stack_and_frame(observation_space: spaces.Box) -> tuple[int, tuple[int, ...]]:
    """How many frames an observation stacks, and the shape of what is kept of it."""
    shape = observation_space.shape
    stack = shape[0] if len(shape) == 3 and observation_space.dtype == np.uint8 else 1
    return stack, shape[1:] if stack > 1 else shape


def _rows_of(buffer_size: int, n_envs: int, stack: int, n_steps: int) -> int:
    """Rows for so many transitions, and at least one whole stack and window."""
    return max(-(-buffer_size // n_envs), stack + n_steps + 1)


def _step_over(cuts: Tensor, ranks: Tensor) -> Tensor:
    """Ranks among the cells that are not cut, as cells: nothing is drawn and rejected.

    With cut cells c_0 < c_1 < ..., the cell of rank u lies as many places after u as there are i with c_i - i <= u.
    """
    return ranks + torch.searchsorted(cuts - torch.arange(len(cuts)), ranks, right=True)


def check_like(arrays: dict[str, Tensor], name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """ValueError if the array of this name is of another type or shape, KeyError if there is none."""
    there = arrays[name]
    if there.dtype != dtype or tuple(there.shape) != shape:
        raise ValueError(f"'{name}' is {tuple(there.shape)} {there.dtype}, not {shape} {dtype}")
