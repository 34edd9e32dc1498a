"""Curves worked out by hand from small histories."""

from pathlib import Path

import numpy as np
import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.report.curves import Curve, along, evaluation_curve, over_seeds, trailing_mean, training_curve
from dqn_zoo_ext.storage.run_history import Evaluations, RunHistory, TrainingGames


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def history(games: TrainingGames | None = None, evaluations: Evaluations | None = None) -> RunHistory:
    return RunHistory(
        Path("dqn/PongNoFrameskip-v4_1"), "dqn", "PongNoFrameskip-v4", "pong", 4, "greedy", "", games, evaluations
    )


GAMES = TrainingGames(floats(10, 20, 60, 30), floats(100, 200, 400, 500), floats(1800, 3600, 7200, 9000))
EVALUATIONS = Evaluations(floats(150, 300), np.array([[1.0, 3.0], [6.0, 8.0]]))
PLAYED = history(GAMES, EVALUATIONS)


def curve(x: list[float], score: list[float]) -> Curve:
    return Curve("dqn", floats(*x), floats(*score), "points")


def slow_trailing_mean(values: list[float], last: int) -> list[float]:
    return [float(np.mean(values[max(0, i + 1 - last) : i + 1])) for i in range(len(values))]


def test_trailing_mean_by_hand() -> None:
    assert trailing_mean([10, 20, 60, 30], 2).tolist() == [10, 15, 40, 45]
    assert trailing_mean([10, 20, 60], 99).tolist() == [10, 15, 30]


@pytest.mark.parametrize("last", [1, 7, 600])
def test_trailing_mean_against_its_slow_twin(last: int) -> None:
    values = np.random.default_rng(1).normal(100, 50, 1500).tolist()
    assert trailing_mean(values, last) == pytest.approx(slow_trailing_mean(values, last), rel=1e-9)


def test_training_games() -> None:
    drawn = training_curve(PLAYED, "games", last_games=2)
    assert drawn.x.tolist() == [1, 2, 3, 4]
    assert drawn.score.tolist() == [10, 15, 40, 45]
    assert drawn.measured == "mean of the last 2 training games, of all so far while they are fewer"
    assert training_curve(PLAYED, "frames").x.tolist() == [400, 800, 1600, 2000]
    assert training_curve(PLAYED, "hours").x.tolist() == [0.5, 1, 2, 2.5]


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    n = 90_000
    steps = np.arange(1.0, n + 1)
    drawn = training_curve(history(TrainingGames(np.zeros(n), steps, steps)), "games", 600)
    assert 500 < len(drawn.x) <= 600
    assert (drawn.x[0], drawn.x[-1]) == (1, n)


def test_evaluations_on_each_axis() -> None:
    drawn = evaluation_curve(PLAYED)
    assert drawn.score.tolist() == [2, 7]
    assert drawn.measured == "evaluations of 2 games by greedy"
    assert drawn.x.tolist() == [150, 300]
    assert evaluation_curve(PLAYED, "frames").x.tolist() == [600, 1200]
    # 150 agent steps: halfway between the ends of games 1 and 2; 300: halfway between games 2 and 3
    assert evaluation_curve(PLAYED, "games").x.tolist() == [1.5, 2.5]
    assert evaluation_curve(PLAYED, "hours").x.tolist() == [0.75, 1.5]


def test_what_a_run_cannot_tell() -> None:
    with pytest.raises(UserError, match="has no evaluations; its training games may"):
        evaluation_curve(history(GAMES))
    with pytest.raises(UserError, match=r"has no finished game in a monitor\.csv"):
        training_curve(history(None, EVALUATIONS))
    with pytest.raises(
        UserError, match=r"no finished game in a monitor\.csv, so where .* hours of training is unknown"
    ):
        evaluation_curve(history(None, EVALUATIONS), "hours")
    with pytest.raises(UserError, match="unknown axis 'frame'; did you mean 'frames'"):
        along(PLAYED, floats(1), "frame")  # type: ignore[arg-type]


def test_seeds_with_the_same_points() -> None:
    seeds = [curve([1, 2], [10, 40]), curve([1, 2], [20, 10]), curve([1, 2], [60, 10])]
    mean = over_seeds(seeds)
    assert mean.label == "dqn (3 seeds)"
    assert (mean.x.tolist(), mean.score.tolist()) == ([1, 2], [30, 20])
    assert mean.low is not None
    assert mean.high is not None
    assert (mean.low.tolist(), mean.high.tolist()) == ([10, 10], [60, 40])
    assert mean.band == "lowest to highest seed"


def test_the_standard_error_by_hand() -> None:
    mean = over_seeds([curve([1], [10]), curve([1], [20]), curve([1], [60])], "standard-error")
    # deviations -20, -10, 30: sum of squares 1400, / (3 - 1) = 700, / 3 = 233.3, root 15.275
    assert mean.low == pytest.approx([30 - 15.27525], abs=1e-5)
    assert mean.high == pytest.approx([30 + 15.27525], abs=1e-5)


def test_seeds_are_averaged_as_far_as_all_go() -> None:
    mean = over_seeds([curve([0, 10, 20], [0, 10, 20]), curve([5, 15], [0, 0])])
    assert mean.x.tolist() == [5, 10, 15]
    assert mean.score.tolist() == [2.5, 5, 7.5]
    with pytest.raises(UserError, match="no stretch of training in common"):
        over_seeds([curve([1, 2], [0, 0]), curve([3, 4], [0, 0])])


def test_one_seed_has_no_band() -> None:
    only = curve([1, 2], [3, 4])
    assert over_seeds([only]) is only
    with pytest.raises(UserError, match="unknown band 'minmax'; did you mean 'min-max'"):
        over_seeds([only, only], "minmax")  # type: ignore[arg-type]
