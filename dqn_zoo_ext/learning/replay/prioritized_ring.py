"""Prioritized experience replay (Schaul et al. 2016) on the ring of single frames."""

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import torch
from gymnasium import spaces
from pydantic import AfterValidator, Field
from torch import Tensor

from dqn_zoo_ext.learning.replay.frame_ring import Draw, FrameRing
from dqn_zoo_ext.learning.replay.priorities import known_law, law_of
from dqn_zoo_ext.learning.replay.priorities.law import LawNumbers, importance_weights
from dqn_zoo_ext.learning.replay.priorities.masses import Masses
from dqn_zoo_ext.learning.replay.rows import check_like
from dqn_zoo_ext.learning.replay.staging import Staging
from dqn_zoo_ext.learning.schedules import ScheduleData, schedule_of, schedule_within
from dqn_zoo_ext.registry import register_replay_buffer

Share = Annotated[float, Field(ge=0, le=1)]
_LINEAR_TO_ONE: dict[str, Any] = {"schedule": "linear", "start": 0.4, "end": 1.0, "fraction": 1.0}


@register_replay_buffer("prioritized_ring")
class PrioritizedRing(FrameRing):
    """A ring that draws by priorities: P(i) = (1 - uniform_share) m_i / sum_j m_j + uniform_share / N.

    m_i is the mass that `law` makes of the priority of transition i, and N the number of transitions that can be drawn:
    those that FrameRing draws, and no others, have a mass. A priority is what the loss of the last update on a
    transition says (a TD error's size); a new transition has the largest one seen so far, and 1 before there is any.
    One that is not finite counts as 0: the learner stops for it, and has to be reached. Draws are stratified.

    law: ``proportional``, m = (priority + priority_floor)^alpha, or ``rank``, m = rank^-alpha, with ranks renewed every
    `updates_per_sorting` updates; the floor is of the first law only, the sorting of the second. alpha: 0 is uniform.

    beta: exponent of the importance weights (N P(i))^-beta, a number or a schedule, in [0, 1]; linearly from 0.4 to 1
    over the run unless it is given. Weights are divided by the largest one of their batch. The paper says "1 / max_i
    w_i" and leaves open whether over the batch or the replay; DQN Zoo takes the batch.

    uniform_share: share of the draws that are uniform, so that nothing is forgotten for good; DQN Zoo's 0.001.

    Priorities lie on `device` (in main memory for Apple's, which knows no float64), and draws, weights and changes make
    nobody wait there. Only where the rows lie in main memory the cells that were drawn must go there, and make the
    program wait for the device once in a batch.
    """

    def __init__(
        self,
        *arguments: Any,
        alpha: Share = 0.6,
        beta: Annotated[ScheduleData, schedule_within(0.0, 1.0)] = _LINEAR_TO_ONE,
        law: Annotated[str, AfterValidator(known_law)] = "proportional",
        uniform_share: Share = 0.001,
        priority_floor: Annotated[float, Field(gt=0)] = 1e-6,
        updates_per_sorting: Annotated[int, Field(ge=1)] = 1000,
        **keywords: Any,
    ) -> None:
        self.check_keywords(**keywords)
        super().__init__(*arguments, **keywords)
        self.home = torch.device("cpu") if self.device.type == "mps" else self.device
        self._staging_for_home = Staging(self.home)
        self.uniform_share = uniform_share
        self.law = law_of(law)(
            LawNumbers(alpha, priority_floor, updates_per_sorting), self.rows * self.n_envs, self.home
        )
        self.largest_priority = torch.ones((), device=self.home)
        self._beta_schedule = schedule_of(beta)
        # on the device, for draws that are part of a captured update; the memory of all three is never another
        self._first_there, self._last_there = torch.zeros((2,), dtype=torch.int64, device=self.home).unbind()
        self._beta_there = torch.zeros((), dtype=torch.float64, device=self.home)
        self._set_beta(self._beta_schedule.at(0, 1))
        self._draws = self.generator
        if self.home.type != "cpu":  # a device draws from a generator of its own
            self._draws = torch.Generator(self.home).manual_seed(self.generator.initial_seed())

    @staticmethod
    def check_keywords(**keywords: Any) -> None:
        """ValueError for what the uniform ring can do and this one cannot."""
        if "end_copies" in keywords:
            raise ValueError("end_copies is for frame_ring: prioritized_ring draws by priority, a law of its own")

    @classmethod
    def bytes_needed(  # noqa: D102
        cls,
        buffer_size: int,
        observation_space: spaces.Box,
        n_envs: int = 1,
        n_steps: int = 1,
        planes: int = 1,
        law: str = "proportional",
        **keywords: Any,
    ) -> int:
        cells = cls.cells_needed(buffer_size, observation_space, n_envs, n_steps, planes)
        beside = Masses.bytes_needed(cells) + cells * law_of(law).bytes_per_cell
        return super().bytes_needed(buffer_size, observation_space, n_envs, n_steps, planes, **keywords) + beside

    @property
    def generators(self) -> list[torch.Generator]:  # noqa: D102
        return [self.generator] if self._draws is self.generator else [self.generator, self._draws]

    def add(  # noqa: D102
        self,
        obs: np.ndarray,
        next_obs: np.ndarray,
        action: np.ndarray,
        reward: np.ndarray,
        done: np.ndarray,
        infos: list[dict[str, Any]],
    ) -> None:
        first_before, last_before = self._drawable_range()
        super().add(obs, next_obs, action, reward, done, infos)
        first, last = self._tell_range()
        leaving = np.arange(first_before, min(first, last_before))
        entering = np.arange(max(first, last_before), last)
        drawable = ~np.isin(entering, self._cuts_between(first, last))
        self._file(np.concatenate([leaving, entering]), np.concatenate([np.zeros(len(leaving), dtype=bool), drawable]))

    def _file(self, cells: np.ndarray, drawable: np.ndarray) -> None:
        """Cells that have become drawable, with the largest priority, and such as are no longer."""
        if len(cells):
            cells_there, there = self._staging_for_home.brought(cells, drawable)
            self.law.file(self._place(cells_there), self.largest_priority.expand(len(cells)), there)

    def anneal(self, agent_steps: int, total_agent_steps: int) -> None:  # noqa: D102
        self._set_beta(self._beta_schedule.at(agent_steps, total_agent_steps))

    def _set_beta(self, beta: float) -> None:
        self.beta = beta
        self._beta_there.fill_(beta)

    def _tell_range(self) -> tuple[int, int]:
        """The drawable range, of which the device is told."""
        first, last = self._drawable_range()
        self._first_there.fill_(first)
        self._last_there.fill_(last)
        return first, last

    def learned_from(self, cells: Tensor, priority: Tensor) -> None:
        """File the priorities, (B,), of a draw; cells that cannot be drawn any more are passed over."""
        cells = cells.to(self.home)
        priority = torch.nan_to_num(priority.detach().to(self.home, torch.float32).abs(), nan=0.0, posinf=0.0)
        self.largest_priority.copy_(torch.maximum(self.largest_priority, priority.max()))
        places = self._place(cells)
        there = (cells >= self._first_there) & (cells < self._last_there) & (self.law.masses.of(places) > 0)
        self.law.file(torch.where(there, places, self.law.masses.sink), priority, there)
        self.law.after_update(self._cells_written(self.rows_added))

    @property
    def draws_on_device(self) -> bool:  # noqa: D102
        return self.home == self.storage and self.law.same_work_each_time

    def draws(self, batch_size: int, count: int) -> Iterator[Draw]:
        """`count` draws, each made when it is asked for: by the priorities that the updates before it have found."""
        for _ in range(count):
            yield self.draw(batch_size)

    def draw(self, batch_size: int) -> Draw:
        """Choose `batch_size` windows by priority, with their weights. ValueError while there is nothing to draw."""
        cells = self._draw_cells(batch_size)
        places = self._place(cells)
        probabilities = self.law.masses.probabilities(places, self.uniform_share)
        weights = importance_weights(probabilities, self.law.masses.cells_with_mass, self._beta_there)
        return Draw(cells, weights.to(torch.float32))

    def _draw_cells(self, batch_size: int) -> Tensor:
        self.need_something_to_draw()
        uniform = torch.rand(batch_size, dtype=torch.float64, device=self.home, generator=self._draws)
        places = self.law.masses.draw(uniform, self.uniform_share)
        return self._first_there + self._place(places - self._first_there)

    def rest(self) -> dict[str, Tensor]:  # noqa: D102
        of_device = {} if self._draws is self.generator else {"device_generator": self._draws.get_state()}
        return {
            **super().rest(),
            **self.law.state(self._cells_written(self.rows_added)),
            "largest_priority": self.largest_priority,
            "beta": torch.tensor(self.beta, dtype=torch.float64),
            **of_device,
        }

    def _check_rest(self, state: dict[str, Tensor]) -> tuple[int, torch.Generator]:
        rows_added, generator = super()._check_rest(state)
        check_like(state, "largest_priority", torch.float32, ())
        check_like(state, "beta", torch.float64, ())
        if not (0 < float(state["largest_priority"]) < float("inf") and 0 <= float(state["beta"]) <= 1):
            raise ValueError("'largest_priority' or 'beta' is out of range")
        drawable = torch.zeros(self._cells_written(rows_added), dtype=torch.bool)
        first, last = self._drawable_range(rows_added)
        drawable[self._place(torch.arange(first, max(first, last)))] = True
        cuts = state["cut_cells"]
        drawable[self._place(cuts[(cuts >= first) & (cuts < last)])] = False
        self.law.check_state(state, drawable)
        return rows_added, generator

    def _take_rest(self, rest: dict[str, Tensor], rows_added: int, generator: torch.Generator) -> None:
        on_cpu = self._draws is self.generator
        super()._take_rest(rest, rows_added, generator)
        if on_cpu:
            self._draws = self.generator
        elif "device_generator" in rest:  # else the run goes on from another kind of device, with this one's own
            self._draws.set_state(rest["device_generator"].cpu())
        self.law.load_state(rest)
        self.largest_priority.copy_(rest["largest_priority"])
        self._set_beta(float(rest["beta"]))
        self._tell_range()

    def _cells_written(self, rows_added: int) -> int:
        return min(rows_added, self.rows) * self.n_envs
