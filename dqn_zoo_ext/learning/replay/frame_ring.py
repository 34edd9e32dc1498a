"""Experience replay. ``FrameRing`` keeps every frame once: a million Atari transitions in 7.1 GB instead of 56.4."""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from pydantic import Field
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor

from dqn_zoo_ext.learning import kernels
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.replay.rows import Rows
from dqn_zoo_ext.learning.replay.staging import Staging
from dqn_zoo_ext.registry import register_replay_buffer, replay_buffers

replay_buffers.add("sb3", ReplayBuffer)

_BEFORE_THE_FIRST = {"zeros": "zero", "repeat": "the first one repeated"}
_ROWS_CHECKED = 32  # how many of the first rows are compared with the stacks they came from


class Draw(NamedTuple):
    """B windows that were chosen. cells: (B,) int64, where they start. weights: (B,) importance; None: all alike."""

    cells: Tensor
    weights: Tensor | None

    def copied(self) -> "Draw":
        """The same, in memory of its own."""
        return Draw(self.cells.clone(), None if self.weights is None else self.weights.clone())


class Shown(NamedTuple):
    """What the environments show now, on the device: their next cells, which are not stored yet.

    frames: (n_envs, ...), the newest ones. ages: (n_envs,) uint8. first_cell: (1,) int64, of the first environment.
    """

    frames: Tensor
    ages: Tensor
    first_cell: Tensor


@register_replay_buffer("frame_ring")
class FrameRing(Rows):
    """A ring of single observations, one row per vector step; stacks and n-step windows are put together when drawn.

    A cell is one environment's share of a row: the newest frame of the observation, the action taken there, the reward
    that followed and three facts about it.

    - ``end``: the episode truly ended (game over, or a life lost where that counts): nothing follows in value.
    - ``cut``: the next row does not follow (a time limit, or the environments were reset from outside). Its successor
      was never stored, so no window starts here; a longer window stops before it and bootstraps from its state.
    - ``age``: rows since the stack was last cleared, up to the stack's length; older frames of a stack are zero, as
      ``VecFrameStack`` and the emulators have them after a reset, or the episode's first frame again.

    Observations of shape (planes * stack, height, width) and type uint8 are stacks with the newest frame last; any
    others are kept whole. Draws are uniform over all cells whose stack and window lie inside the ring, unless
    `end_copies` is above 1: then each end has so many times the chance of any other, as if stored so often::

        P(end) = end_copies / (N + (end_copies - 1) E)    P(other) = 1 / (N + (end_copies - 1) E)

    for N cells that can be drawn, E of them ends.

    buffer_size: capacity in transitions over all environments. n_steps: length of the TD window. gamma: discount of one
    step. device: of the batches. storage: where the rows lie, ``device`` or ``main_memory``; ``auto`` is on a GPU if
    four fifths of what is free there are enough for them, and else in main memory, with a warning. planes, stack_start:
    the environments' ``Stacking``.
    """

    def __init__(self, *arguments: Any, end_copies: Annotated[int, Field(ge=1)] = 1, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._staging = Staging(self.storage)
        self.end_copies = end_copies
        self._end_cells = np.zeros(0, dtype=np.int64)
        """Ends that are there still, counted from the first row ever added, ascending; kept if `end_copies` asks."""

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
        self._forget_overwritten()
        cells = slice(self.pos * self.n_envs, (self.pos + 1) * self.n_envs)
        shown = self._staging.brought(self._newest(obs))[0] if self._shown is None else self._shown
        self.frames[cells], self._shown = shown.view(self.n_envs, -1), None
        truncated = np.zeros(self.n_envs, dtype=bool)
        for env in np.flatnonzero(done):
            truncated[env] = infos[env].get("TimeLimit.truncated", False)
        ended = np.asarray(done, dtype=bool) & ~truncated
        facts = self._staging.brought(
            np.asarray(action, dtype=np.int32).reshape(self.n_envs),
            np.asarray(reward, dtype=np.float32),
            ended,
            truncated,
            self._age,
        )
        for kept, fact in zip(
            (self.actions_taken, self.rewards_received, self.ends, self.cuts, self.ages), facts, strict=True
        ):
            kept[cells] = fact
        if self.stack > 1 and self.rows_added < _ROWS_CHECKED:
            self._check_stacks(obs)
        self._note_cuts(self.rows_added, np.flatnonzero(truncated))
        if self.end_copies > 1 and ended.any():
            self._end_cells = np.append(self._end_cells, self.rows_added * self.n_envs + np.flatnonzero(ended))
        self._age = np.where(done, 0, np.minimum(self._age + 1, self.stack - 1)).astype(np.uint8)
        self.rows_added += 1
        self.pos = self.rows_added % self.rows
        self.full = self.rows_added >= self.rows

    def cut(self) -> None:
        """Say that the next row will not follow the newest one: the environments are being reset from outside."""
        self._shown = None
        if self.rows_added == 0:
            return
        row = self.rows_added - 1
        cells = slice(row % self.rows * self.n_envs, (row % self.rows + 1) * self.n_envs)
        unfinished = ~(self.ends[cells] | self.cuts[cells])
        self.cuts[cells] |= unfinished
        self._note_cuts(row, np.flatnonzero(unfinished.cpu().numpy()))
        self._age[:] = 0

    def anneal(self, agent_steps: int, total_agent_steps: int) -> None:
        """Take note of how far the run is, before its next draws. Nothing to do where draws are uniform."""

    def learned_from(self, cells: Tensor, priority: Tensor) -> None:
        """Take note of what an update found in the windows of a draw. Nothing to do where draws are uniform.

        cells: (B,) of the draw. priority: (B,) how surprising each sample was, at least 0.
        """

    @property
    def generators(self) -> list[torch.Generator]:
        """All that draws take random numbers from."""
        return [self.generator]

    @property
    def draws_by_priority(self) -> bool:
        """Whether a draw may depend on what the update before it has found: on what ``learned_from`` was told."""
        return type(self).learned_from is not FrameRing.learned_from

    @property
    def draws_on_device(self) -> bool:
        """Whether ``draw`` and ``learned_from`` are the same work of the device each time: a captured update's part."""
        return False

    @property
    def is_on_device(self) -> bool:
        """Whether the rows lie beside the network, and not in main memory."""
        return self.storage.type != "cpu"

    def shown(self, obs: np.ndarray) -> Shown:
        """What `obs` shows, of which only the newest frames are sent to the device.

        The ``add`` that follows brings the row of `obs`, and sends none again.
        """
        first_cell = np.array([self.rows_added * self.n_envs])
        shown = Shown(*self._staging.brought(self._newest(obs), self._age, first_cell))
        self._shown = shown.frames
        return shown

    def stacks_of(self, shown: Shown) -> Tensor:
        """(n_envs, *observation shape): the frames that are shown, with those before them, which lie in the rows."""
        frames = shown.frames.view(self.n_envs, 1, -1)
        if self.stack == 1:
            return frames.view(self.n_envs, *self.obs_shape)
        cells = torch.arange(self.n_envs, device=self.storage) + shown.first_cell
        back = torch.arange(self.stack - 1, 0, -1, device=self.storage)
        places = self._places_of_stack(cells, back, shown.ages)
        older = self.frames.index_select(0, places.flatten()).view(self.n_envs, self.stack - 1, -1)
        if self.stack_start == "repeat":  # an episode's first frame is not in a row yet
            older = torch.where((shown.ages == 0).view(-1, 1, 1), frames, older)
        return torch.cat([older, frames], dim=1).view(self.n_envs, *self.obs_shape)

    @property
    def can_sample(self) -> bool:
        """Whether there is a whole window to draw yet."""
        first, last = self._drawable_range()
        return last - first > len(self._cuts_between(first, last))

    def sample_batch(self, batch_size: int) -> Batch:
        """Draw `batch_size` windows, with replacement. ValueError while there is nothing to draw."""
        return self.batch_of(self.draw(batch_size))

    def draw(self, batch_size: int) -> Draw:
        """Choose `batch_size` windows uniformly. ValueError while there is nothing to draw."""
        return next(self.draws(batch_size, 1))

    def draws(self, batch_size: int, count: int) -> Iterator[Draw]:
        """`count` draws, the same as if each were made by itself; no row is to be added before the last of them."""
        (cells,) = self._staging.brought(self._draw_cells(count * batch_size).numpy())
        for each in cells.view(count, batch_size).unbind():
            yield Draw(each, None)

    def batch_of(self, draw: Draw) -> Batch:
        """The chosen windows. With a draw that lies where the rows do, this waits for nothing and reads no number."""
        batch = self.gather(draw.cells)
        return batch if draw.weights is None else batch._replace(weights=draw.weights.to(self.device))

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
        cells = cells.to(self.storage, non_blocking=True)
        if kernels.run_on(self.storage):
            return self._gathered_at_once(cells)
        start = self._place(cells)
        reward, open_ = self.rewards_received[start], ~self.ends[start]
        discount = open_ * self.gamma
        length = torch.ones(len(cells), dtype=torch.int64, device=self.storage)
        for step in range(1, self.n_steps):
            here = self._place(cells + step * self.n_envs)
            open_ = open_ & ~self.cuts[here]
            reward += torch.where(open_, discount * self.rewards_received[here], 0.0)
            discount = torch.where(open_, discount * self.gamma, discount)
            length += open_
            ended = open_ & self.ends[here]
            discount = discount.masked_fill(ended, 0.0)
            open_ = open_ & ~ended
        both = torch.cat([cells, cells + length * self.n_envs])
        obs_tm1, obs_t = self._observations(both).to(self.device).tensor_split(2)
        return Batch(
            obs_tm1=obs_tm1,
            a_tm1=self.actions_taken[start].long().to(self.device),
            r_t=reward.to(self.device),
            discount_t=discount.to(self.device),
            obs_t=obs_t,
            weights=torch.ones(len(cells), device=self.device),
            cells=cells.to(self.device),
        )

    def _gathered_at_once(self, cells: Tensor) -> Batch:
        from dqn_zoo_ext.learning.kernels.gathering import Cells, gathered  # Triton is not everywhere

        repeats_first = self.stack_start == "repeat"
        arrays = (self.frames, self.actions_taken, self.rewards_received, self.ends, self.cuts, self.ages)
        ring = Cells(*arrays, self.n_envs, self.n_steps, self.gamma, self.stack, repeats_first)
        with torch.cuda.device_of(cells):  # Triton launches on the present one
            windows = gathered(ring, cells)
        shape = (len(cells), *self.obs_shape)
        return Batch(
            obs_tm1=windows.obs_tm1.view(shape),
            a_tm1=windows.a_tm1,
            r_t=windows.r_t,
            discount_t=windows.discount_t,
            obs_t=windows.obs_t.view(shape),
            weights=windows.weights,
            cells=cells,
        )

    def _draw_cells(self, batch_size: int) -> Tensor:
        """Over all cells between the oldest whole stack and the newest whole window, the cut ones left out.

        Ranks beyond the last of them stand for the further copies of ends, one after the other.
        """
        self.need_something_to_draw()
        first, last = self._drawable_range()
        cuts = self._cuts_between(first, last)
        beyond = last - len(cuts)
        copied = _between(self._end_cells, first, last)
        further = (self.end_copies - 1) * len(copied)
        drawn = torch.randint(first, beyond + further, (batch_size,), generator=self.generator)
        cells = _step_over(torch.from_numpy(cuts), drawn)
        if further == 0:
            return cells
        of_copy = torch.from_numpy(copied)[(drawn - beyond).clamp(min=0) % len(copied)]
        return torch.where(drawn < beyond, cells, of_copy)

    def need_something_to_draw(self) -> None:
        """ValueError while there is nothing to draw."""
        if not self.can_sample:
            raise ValueError(
                f"nothing to replay yet: {self.rows_added} rows for windows of {self.n_steps} agent steps; "
                "let learning start later"
            )

    def _cuts_between(self, first: int, last: int) -> np.ndarray:
        return _between(self._cut_cells, first, last)

    def _drawable_range(self, rows_added: int | None = None) -> tuple[int, int]:
        """First and last (exclusive) cell whose stack and window lie inside the ring, cut cells still among them.

        rows_added: as if so many had been.
        """
        rows_added = self.rows_added if rows_added is None else rows_added
        oldest_row = max(0, rows_added - self.rows)
        first_row = oldest_row + (self.stack - 1 if oldest_row > 0 else 0)
        return first_row * self.n_envs, (rows_added - self.n_steps) * self.n_envs

    def _observations(self, cells: Tensor) -> Tensor:
        """(B, *observation shape): the stacks whose newest frames lie in `cells`; missing frames as told."""
        back = torch.arange(self.stack - 1, -1, -1, device=cells.device)
        places = self._places_of_stack(cells, back, self.ages[self._place(cells)])
        return self.frames.index_select(0, places.flatten()).view(len(cells), *self.obs_shape)

    def _places_of_stack(self, cells: Tensor, back: Tensor, ages: Tensor) -> Tensor:
        """(B, len(back)): where the frames `back` rows before `cells`, (B,), lie, or what stands in for them."""
        if self.stack_start == "repeat":
            return self._place(cells.unsqueeze(1) - torch.minimum(back, ages.unsqueeze(1).long()) * self.n_envs)
        places = self._place(cells.unsqueeze(1) - back * self.n_envs)
        return places.masked_fill(back > ages.unsqueeze(1), len(self.frames) - 1)

    def _newest(self, obs: np.ndarray) -> np.ndarray:
        """(n_envs, ...): of stacks the newest frame, of any other observation all."""
        return obs[:, -self.planes :] if self.stack > 1 else obs

    def _note_cuts(self, row: int, envs: np.ndarray) -> None:
        if len(envs):
            self._cut_cells = np.union1d(self._cut_cells, row * self.n_envs + envs)

    def _forget_overwritten(self) -> None:
        oldest_cell = (self.rows_added + 1 - self.rows) * self.n_envs
        if len(self._cut_cells) and self._cut_cells[0] < oldest_cell:
            self._cut_cells = self._cut_cells[np.searchsorted(self._cut_cells, oldest_cell) :]
        if len(self._end_cells) and self._end_cells[0] < oldest_cell:
            self._end_cells = self._end_cells[np.searchsorted(self._end_cells, oldest_cell) :]

    def _take_rest(self, rest: dict[str, Tensor], rows_added: int, generator: torch.Generator) -> None:
        super()._take_rest(rest, rows_added, generator)
        if self.end_copies > 1:  # they stand in the rows, which are there; so another `end_copies` may take them over
            cells = torch.arange(max(0, rows_added - self.rows) * self.n_envs, rows_added * self.n_envs)
            self._end_cells = cells[self.ends[self._place(cells).to(self.storage)].cpu()].numpy()

    def _check_stacks(self, obs: np.ndarray) -> None:
        newest = torch.arange(self.n_envs, device=self.storage) + self.rows_added * self.n_envs
        if not np.array_equal(self._observations(newest).cpu().numpy(), obs):
            raise ValueError(
                "FrameRing needs observations that stack consecutive frames, newest last and "
                f"{_BEFORE_THE_FIRST[self.stack_start]} before an episode's first; these of shape {obs.shape[1:]} are "
                "not such stacks (replay_buffer_class: sb3 keeps any)"
            )


def _between(cells: np.ndarray, first: int, last: int) -> np.ndarray:
    """Those of ascending `cells` from `first` on, before `last`."""
    return cells[np.searchsorted(cells, first) : np.searchsorted(cells, last)]


def _step_over(cuts: Tensor, ranks: Tensor) -> Tensor:
    """Ranks among the cells that are not cut, as cells: nothing is drawn and rejected.

    With cut cells c_0 < c_1 < ..., the cell of rank u lies as many places after u as there are i with c_i - i <= u.
    """
    # NumPy's: PyTorch's shares even this out among threads, and waits for them while emulators keep all cores busy
    before = np.searchsorted(cuts.numpy() - np.arange(len(cuts)), ranks.numpy(), side="right")
    return ranks + torch.from_numpy(before)
