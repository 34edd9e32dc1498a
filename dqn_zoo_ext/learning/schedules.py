"""Schedules: a number as a function of how many agent steps a run has taken. For epsilon, learning rate and the like.

Every schedule answers ``at(agent_steps, total_agent_steps)``; `total_agent_steps` is the length of the whole run, which
only schedules given as a fraction of it look at. Constructor keywords are what a YAML file may say.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import Place, check_arguments, shown
from dqn_zoo_ext.registry import register_schedule, schedules

ScheduleData = float | dict[str, Any]
"""A schedule as a keyword may say it: a number, or ``{schedule: linear, start: 0.4, end: 1.0, fraction: 1.0}``."""

Fraction = Annotated[float, Field(gt=0, le=1)]
AgentSteps = Annotated[int, Field(ge=1)]


class Schedule(ABC):
    """A number that changes over a run."""

    @abstractmethod
    def at(self, agent_steps: int, total_agent_steps: int) -> float:
        """The number after `agent_steps` of a run of `total_agent_steps`."""

    def named_values(self) -> Sequence[float]:
        """The numbers between which the schedule stays, as far as its keywords name them."""
        return ()


@register_schedule("constant")
@dataclass(frozen=True)
class Constant(Schedule):
    """The same number throughout."""

    value: float

    def at(self, agent_steps: int, total_agent_steps: int) -> float:  # noqa: D102, ARG002
        return self.value

    def named_values(self) -> Sequence[float]:  # noqa: D102
        return (self.value,)


@register_schedule("linear")
@dataclass(frozen=True)
class Linear(Schedule):
    """A straight line from `start` to `end`, then `end`.

    The line is `agent_steps` long, or `fraction` of the whole run. Exactly one of the two is given.
    Source: Mnih et al. 2015, Extended Data Table 1 (1.0 to 0.1 over 1,000,000).
    """

    start: float
    end: float
    agent_steps: AgentSteps | None = None
    fraction: Fraction | None = None

    def __post_init__(self) -> None:
        if (self.agent_steps is None) == (self.fraction is None):
            raise UserError("a linear schedule needs either 'agent_steps' or 'fraction', and not both")

    def at(self, agent_steps: int, total_agent_steps: int) -> float:  # noqa: D102
        length = self.agent_steps if self.agent_steps is not None else (self.fraction or 1.0) * total_agent_steps
        progress = min(max(agent_steps / length, 0.0), 1.0) if length > 0 else 1.0
        return (1.0 - progress) * self.start + progress * self.end

    def named_values(self) -> Sequence[float]:  # noqa: D102
        return (self.start, self.end)


@register_schedule("exponential")
@dataclass(frozen=True)
class Exponential(Schedule):
    """From `start` towards `end`, the distance shrinking by the factor exp(-rate) with each agent step."""

    start: float
    end: float
    rate: Annotated[float, Field(gt=0)]

    def at(self, agent_steps: int, total_agent_steps: int) -> float:  # noqa: D102, ARG002
        return self.end + (self.start - self.end) * math.exp(-self.rate * max(agent_steps, 0))

    def named_values(self) -> Sequence[float]:  # noqa: D102
        return (self.start, self.end)


@register_schedule("piecewise")
@dataclass(frozen=True)
class Piecewise(Schedule):
    """Straight lines between `points` [position, value], the first value before them and the last one after them.

    Positions rise strictly; they are agent steps, or fractions of the whole run, as `unit` says.
    """

    points: Sequence[tuple[float, float]]
    unit: Literal["agent_steps", "fraction"] = "agent_steps"

    def __post_init__(self) -> None:
        positions = [position for position, _ in self.points]
        if not positions or any(later <= earlier for earlier, later in pairwise(positions)):
            raise UserError(f"a piecewise schedule needs points with rising positions, got positions {positions}")

    def at(self, agent_steps: int, total_agent_steps: int) -> float:  # noqa: D102
        here = agent_steps if self.unit == "agent_steps" else agent_steps / max(total_agent_steps, 1)
        positions, values = zip(*self.points, strict=True)
        return float(np.interp(here, positions, values))

    def named_values(self) -> Sequence[float]:  # noqa: D102
        return [value for _, value in self.points]


@dataclass(frozen=True)
class OfProgress(Schedule):
    """A Stable-Baselines3 schedule, a function of the progress remaining (from 1 down to 0), as one of ours."""

    function: Callable[[float], float]

    def at(self, agent_steps: int, total_agent_steps: int) -> float:  # noqa: D102
        return float(self.function(1.0 - agent_steps / max(total_agent_steps, 1)))


@dataclass(frozen=True)
class Delayed(Schedule):
    """Another schedule, begun after `agent_steps`: before that it has its first value."""

    schedule: Schedule
    agent_steps: int

    def at(self, agent_steps: int, total_agent_steps: int) -> float:  # noqa: D102
        return self.schedule.at(max(agent_steps - self.agent_steps, 0), total_agent_steps)


@dataclass
class AsProgress:
    """One of our schedules as Stable-Baselines3 calls them: a function of the progress remaining, from 1 down to 0."""

    schedule: Schedule
    total_agent_steps: int = 1

    def __call__(self, progress_remaining: float) -> float:
        """The value when `progress_remaining` of the run is left."""
        return self.schedule.at(round((1.0 - progress_remaining) * self.total_agent_steps), self.total_agent_steps)


def as_schedule(given: "float | Callable[[float], float] | Schedule") -> Schedule:
    """Whatever Stable-Baselines3 takes as a learning rate (a number, a function of the progress remaining), or ours."""
    if isinstance(given, Schedule):
        return given
    return OfProgress(given) if callable(given) else Constant(float(given))


def schedule_of(data: ScheduleData) -> Schedule:
    """The schedule that a keyword says. UserError for an unknown one, or for keywords that it does not take."""
    if not isinstance(data, dict):
        return Constant(float(data))
    arguments = dict(data)
    name = arguments.pop("schedule", None)
    if not isinstance(name, str):
        raise UserError("needs 'schedule', the name of one, e.g. linear")
    if name not in schedules:
        raise UserError(f"unknown schedule {shown(name)}{nearest(name, schedules.names())}")
    accepts = schedules.get(name)
    schedule: Schedule = accepts(**check_arguments(f"schedule '{name}'", accepts, arguments, Place("")))
    return schedule


def schedule_within(least: float, most: float) -> AfterValidator:
    """For a keyword's annotation: its ``ScheduleData`` is a schedule, and the values it names are in this range."""

    def check(data: ScheduleData) -> ScheduleData:
        for value in schedule_of(data).named_values():
            if not least <= value <= most:
                raise UserError(f"must be in [{least:g}, {most:g}], not {value:g}")
        return data

    return AfterValidator(check)
