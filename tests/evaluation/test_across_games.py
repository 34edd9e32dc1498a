"""Numbers over games and seeds: worked out by hand, and against rliable's own function."""

import numpy as np
import pytest
from rliable import metrics

from dqn_zoo_ext.evaluation.across_games import aggregates, complete_matrix, games_of_all, improvements
from dqn_zoo_ext.evaluation.aggregates import mean_share_of_pairs_won, probability_of_improvement

SCORES = {
    "dqn": {"cart": {1: 3.0, 2: 2.0}, "acro": {1: -500.0, 2: -500.0}},
    "double": {"cart": {1: 1.0, 2: 2.0, 3: 9.0}, "acro": {1: -500.0, 2: -400.0}},
    "none": {},
    "less": {"cart": {7: 2.5}},
}


def test_probability_of_improvement_by_hand() -> None:
    first, second, third = improvements(SCORES)
    # cart: of the pairs only (2, 2) is a tie, the others are lost, 0.5 of 4; acro: -400 beats two, two ties, 3 of 4.
    # Double DQN's third seed is of one game only
    assert (first.variant, first.over, first.games) == ("double", "dqn", ("cart", "acro"))
    assert (first.runs, first.runs_over) == (2, 2)
    assert first.probability.value == pytest.approx((0.5 / 4 + 3 / 4) / 2)
    assert (first.probability.low, first.probability.high) == (None, None)  # two seeds have no interval
    # one game in common: 3 > 2.5 > 2
    assert (second.variant, second.over, second.games) == ("less", "dqn", ("cart",))
    assert (second.probability.value, second.probability.low) == (0.5, None)
    assert (third.variant, third.over, third.runs, third.runs_over) == ("less", "double", 1, 3)
    assert third.probability.value == pytest.approx(2 / 3)


def test_it_is_what_rliable_says() -> None:
    random = np.random.default_rng(3)
    for runs, others, games in ((2, 2, 1), (3, 5, 4), (5, 3, 2)):
        ours = random.integers(0, 6, (runs, games)).astype(np.float64)  # with ties
        theirs = random.integers(0, 6, (others, games)).astype(np.float64)
        expected = metrics.probability_of_improvement(ours, theirs)
        assert mean_share_of_pairs_won(ours, theirs) == pytest.approx(expected)
        both = probability_of_improvement(ours, theirs).value + probability_of_improvement(theirs, ours).value
        assert both == pytest.approx(1)


def test_aggregates_are_over_what_all_have() -> None:
    normalised = {
        "dqn": {"pong": {1: 0.2, 2: 0.4}, "boxing": {1: 1.0, 2: 2.0}},
        "double": {"pong": {1: 1.0}, "boxing": {1: 3.0, 2: 3.0}, "alien": {1: 9.0}},
        "failed": {},
    }
    assert games_of_all(normalised) == ("pong", "boxing")
    found = aggregates(normalised)
    assert list(found) == ["dqn", "double"]
    assert (found["dqn"].runs, found["dqn"].games) == (2, 2)
    assert found["dqn"].mean.value == pytest.approx((0.2 + 0.4 + 1 + 2) / 4)
    assert found["dqn"].median.value == pytest.approx((0.3 + 1.5) / 2)
    assert found["dqn"].optimality_gap.value == pytest.approx((0.8 + 0.6) / 4)
    assert (found["double"].runs, found["double"].mean.value, found["double"].mean.low) == (1, 2.0, None)
    assert aggregates({"dqn": {}, "double": {}}) == {}
    assert aggregates({"dqn": {"pong": {1: 1.0}}, "double": {"boxing": {1: 1.0}}}) == {}


def test_a_matrix_is_of_the_seeds_that_have_every_game() -> None:
    of_games = {"b": {1: 1.0, 2: 2.0, 3: 3.0}, "a": {3: 30.0, 2: 20.0}}
    matrix = complete_matrix(of_games, ["b", "a"])
    assert matrix is not None
    assert matrix.tolist() == [[20, 2], [30, 3]]
    assert complete_matrix({"a": {1: 1.0}, "b": {2: 2.0}}, ["a", "b"]) is None
    assert complete_matrix(of_games, []) is None
