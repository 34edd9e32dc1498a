"""Every schedule against values worked out by hand, at its ends, in its middle and beyond."""

import math
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.schedules import (
    AsProgress,
    Constant,
    Delayed,
    Exponential,
    Linear,
    Piecewise,
    Schedule,
    ScheduleData,
    as_schedule,
    schedule_of,
    schedule_within,
)

TOTAL = 1000


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (Constant(0.05), {0: 0.05, 999: 0.05}),
        (Linear(1.0, 0.1, agent_steps=100), {0: 1.0, 50: 0.55, 100: 0.1, 101: 0.1, 5000: 0.1}),
        (Linear(1.0, 0.0, fraction=0.5), {0: 1.0, 125: 0.75, 500: 0.0, 1000: 0.0}),
        (Linear(2e-4, 0.0, fraction=1.0), {0: 2e-4, 750: 5e-5, 1000: 0.0}),
        (Exponential(1.0, 0.01, rate=0.003), {0: 1.0, 1000: 0.01 + 0.99 * math.exp(-3), 10**6: 0.01}),
        (Piecewise([(0, 1.0), (10, 0.5), (30, 0.1)]), {0: 1.0, 5: 0.75, 10: 0.5, 20: 0.3, 30: 0.1, 99: 0.1}),
        (Piecewise([(10, 1.0), (20, 0.0)]), {0: 1.0, 10: 1.0, 15: 0.5, 25: 0.0}),
        (Piecewise([(0, 1.0), (0.5, 0.2)], unit="fraction"), {0: 1.0, 250: 0.6, 500: 0.2, 1000: 0.2}),
        (Delayed(Linear(1.0, 0.0, agent_steps=100), 50), {0: 1.0, 50: 1.0, 100: 0.5, 150: 0.0}),
        (as_schedule(lambda progress_remaining: progress_remaining**2), {0: 1.0, 500: 0.25, 1000: 0.0}),
        (as_schedule(0.3), {0: 0.3, 7: 0.3}),
    ],
)
def test_values_by_hand(schedule: Schedule, values: dict[int, float]) -> None:
    for agent_steps, expected in values.items():
        assert schedule.at(agent_steps, TOTAL) == pytest.approx(expected, abs=1e-12), agent_steps


def test_as_progress_is_the_schedule_seen_from_stable_baselines3() -> None:
    seen = AsProgress(Linear(1.0, 0.1, agent_steps=100), total_agent_steps=TOTAL)
    assert seen(1.0) == 1.0
    assert seen(0.95) == pytest.approx(0.55)
    assert seen(0.0) == pytest.approx(0.1)


@pytest.mark.parametrize("arguments", [{}, {"agent_steps": 10, "fraction": 0.1}])
def test_a_linear_schedule_has_one_length(arguments: dict[str, float]) -> None:
    with pytest.raises(UserError, match="either 'agent_steps' or 'fraction'"):
        Linear(1.0, 0.1, **arguments)  # type: ignore[arg-type]


def test_schedules_as_plain_data() -> None:
    assert schedule_of(0.5) == Constant(0.5)
    assert schedule_of({"schedule": "linear", "start": 0.4, "end": 1, "fraction": 1}) == Linear(0.4, 1, fraction=1)
    given = {"schedule": "linear", "start": 1.0, "end": 0.1, "agent_steps": 1e6}
    assert schedule_of(given) == Linear(1.0, 0.1, agent_steps=1_000_000)
    assert "schedule" in given  # it stays as it was


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"start": 1.0}, "needs 'schedule'"),
        ({"schedule": "linaer"}, "unknown schedule 'linaer'; did you mean 'linear'"),
        ({"schedule": "constant"}, "schedule 'constant' needs 'value'"),
        ({"schedule": "constant", "valeu": 1}, "unknown keyword 'valeu' of schedule 'constant'; did you mean 'value'"),
        ({"schedule": "linear", "start": 1, "end": 0}, "needs either 'agent_steps' or 'fraction'"),
    ],
)
def test_plain_data_that_is_no_schedule(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        schedule_of(data)


@pytest.mark.parametrize(
    "data",
    [
        1.5,
        {"schedule": "constant", "value": -0.1},
        {"schedule": "linear", "start": 0.4, "end": 1.5, "fraction": 1},
        {"schedule": "exponential", "start": 2, "end": 1, "rate": 0.1},
        {"schedule": "piecewise", "points": [[0, 1.0], [5, 1.25]]},
    ],
)
def test_a_schedule_out_of_its_range(data: Any) -> None:
    within = TypeAdapter(Annotated[ScheduleData, schedule_within(0.0, 1.0)])
    with pytest.raises(ValidationError, match=r"must be in \[0, 1\], not"):
        within.validate_python(data)
    assert within.validate_python(0.25) == 0.25


@pytest.mark.parametrize("points", [[], [(1, 0.5), (1, 0.4)], [(2, 1.0), (1, 0.0)]])
def test_piecewise_positions_rise(points: list[tuple[float, float]]) -> None:
    with pytest.raises(UserError, match="rising positions"):
        Piecewise(points)
