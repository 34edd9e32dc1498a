"""Aggregates by hand, against rliable's own functions, and on the example that rliable's tests document."""

import sys

import numpy as np
import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.aggregates import (
    aggregate,
    performance_profile,
    probability_of_improvement,
    score_matrix,
)
from dqn_zoo_ext.evaluation.published_scores import games, scores_of
from dqn_zoo_ext.evaluation.scores import human_normalised_of

# google-research/rliable, tests/rliable/metrics_test.py: two matrices (runs, games) and what they come to
X = np.array([[1, 2], [2, 2], [1, 1], [2, 1]], dtype=np.float64)
Y = np.array([[1, 1], [2, 2], [3, 3]], dtype=np.float64)


def test_the_example_that_rliable_documents() -> None:
    of_x, of_y = aggregate(X, repetitions=50), aggregate(Y, repetitions=50)
    assert (of_x.median.value, of_x.mean.value, of_x.iqm.value) == (1.5, 1.5, 1.5)
    assert (of_y.median.value, of_y.mean.value, of_y.iqm.value) == (2, 2, 2)
    assert probability_of_improvement(X, Y, repetitions=50).value == pytest.approx(1 / 3)


def test_by_hand() -> None:
    found = aggregate(np.array([[0.0, 0.2, 0.4, 3.0], [0.2, 0.4, 0.6, 5.0]]), repetitions=50)
    assert (found.runs, found.games) == (2, 4)
    assert found.median.value == pytest.approx(0.4)  # games' means 0.1, 0.3, 0.5, 4
    assert found.mean.value == pytest.approx(4.9 / 4)
    assert found.iqm.value == pytest.approx((0.2 + 0.4 + 0.4 + 0.6) / 4)  # without 0, 0.2 and 3, 5
    assert found.optimality_gap.value == pytest.approx((1 + 0.8 + 0.6 + 0.8 + 0.6 + 0.4) / 8)


def test_probability_of_improvement_by_counting_pairs() -> None:
    """Ties count as half: on game 1 the pairs (3, 1) (3, 2) (2, 1) (2, 2) give 3.5 of 4, on game 2 none of 4."""
    ours, theirs = np.array([[3.0, 0.0], [2.0, 0.0]]), np.array([[1.0, 5.0], [2.0, 6.0]])
    assert probability_of_improvement(ours, theirs, repetitions=50).value == pytest.approx((3.5 + 0) / 8)


def test_intervals_are_those_of_a_slow_stratified_bootstrap() -> None:
    """Runs drawn with replacement within each game, by a loop of our own: the same interval to sampling error."""
    scores = np.random.default_rng(1).normal(1.0, 0.4, (5, 6))
    found = aggregate(scores, repetitions=2000).mean
    random = np.random.default_rng(2)
    means = [np.mean([random.choice(game, 5).mean() for game in scores.T]) for _ in range(4000)]
    assert [found.low, found.high] == pytest.approx(np.percentile(means, [2.5, 97.5]).tolist(), abs=0.012)


def test_a_performance_profile_counts_the_runs_above() -> None:
    found = performance_profile(X, [0.5, 1.0, 1.5, 2.0], repetitions=50)
    assert found.share.tolist() == [1, 0.5, 0.5, 0]
    assert (found.low <= found.share).all()
    assert (found.share <= found.high).all()


def test_the_same_seed_and_nobodys_generator_touched() -> None:
    np.random.seed(7)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    scores = np.random.default_rng(1).normal(1.0, 0.4, (4, 3))
    first, again, other = (aggregate(scores, seed, repetitions=200) for seed in (0, 0, 1))
    assert first == again
    assert first.iqm.low != other.iqm.low
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002


def test_one_run_has_no_interval() -> None:
    found = aggregate(X[:1])
    assert (found.median.value, found.median.low, found.median.high) == (1.5, None, None)
    assert str(found.median) == "1.500"
    assert probability_of_improvement(X[:1], Y).low is None


def test_two_runs_have_no_interval_either_and_three_have_one() -> None:
    two, three = np.array([[1.0], [2.0]]), np.array([[3.0], [4.0], [1.5]])
    better = probability_of_improvement(three, two, repetitions=50)
    assert better.told == f"{5 / 6:.3f}, too few seeds for an interval"
    assert (better.low, better.high) == (None, None)
    assert aggregate(two).mean.low is None
    with_interval = probability_of_improvement(three, three + 0.1, repetitions=50)
    assert with_interval.low is not None
    assert with_interval.told == str(with_interval)


def test_published_medians_of_a_matrix_of_all_games() -> None:
    """Bellemare et al. 2017, Figure 6: C51 has a median of 178 % over 57 games."""
    scores = {game: [human_normalised_of(game, scores_of(game)["c51"].score) or 0.0] for game in games()}
    assert aggregate(score_matrix(scores)).median.value == pytest.approx(1.78, abs=0.005)


def test_a_matrix_needs_as_many_runs_of_each_game() -> None:
    assert score_matrix({"pong": [1, 2], "boxing": [3, 4]}).tolist() == [[3, 1], [4, 2]]
    with pytest.raises(UserError, match="same number of runs; given boxing 1, pong 2"):
        score_matrix({"pong": [1, 2], "boxing": [3]})
    with pytest.raises(UserError, match="no scores to aggregate"):
        score_matrix({})


def test_what_cannot_be_aggregated() -> None:
    with pytest.raises(UserError, match=r"matrix \(runs, games\)"):
        aggregate(np.array([1.0, 2.0]))
    with pytest.raises(UserError, match=r"matrix \(runs, games\)"):
        aggregate(np.array([[1.0, np.nan]]))
    with pytest.raises(UserError, match="given 2 and 1 games"):
        probability_of_improvement(X, Y[:, :1])


def test_without_rliable_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rliable", None)
    with pytest.raises(UserError, match=r"aggregates need rliable: pip install 'dqn_zoo_ext\[scores\]'"):
        aggregate(X)
