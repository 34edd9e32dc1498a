"""Scores of several variants over games and seeds, as far as they can be put together: who is better, and by how much.

Scores are given by variant, game and seed. A number over games is taken of those seeds that a variant has finished on
each of the games: rliable's bootstrap draws runs within a game, and needs as many of each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from dqn_zoo_ext.evaluation.aggregates import (
    Aggregates,
    Estimate,
    Numbers,
    aggregate,
    probability_of_improvement,
    score_matrix,
)

OfSeeds = Mapping[int, float]
Scores = Mapping[str, Mapping[str, OfSeeds]]


@dataclass(frozen=True)
class Improvement:
    """How probable it is that a run of `variant` is better than one of `over`, on one of the `games` taken at random.

    runs, runs_over: of each game. Only the order of scores within a game counts, so raw scores do.
    """

    variant: str
    over: str
    games: tuple[str, ...]
    runs: int
    runs_over: int
    probability: Estimate


def improvements(scores: Scores) -> list[Improvement]:
    """Of each pair of variants, those that come later over those before them; only pairs with a game in common.

    Of the other order it is 1 minus this one. UserError if rliable is not installed.
    """
    found = []
    for over, variant in combinations(scores, 2):
        games = tuple(game for game in scores[variant] if scores[variant][game] and scores[over].get(game))
        ours, theirs = (complete_matrix(scores[each], games) for each in (variant, over))
        if ours is not None and theirs is not None:
            probability = probability_of_improvement(ours, theirs)
            found.append(Improvement(variant, over, games, len(ours), len(theirs), probability))
    return found


def aggregates(normalised: Scores) -> dict[str, Aggregates]:
    """Of each variant that has them, over the games that all those variants have. Scores are human-normalised.

    UserError if rliable is not installed.
    """
    having = [variant for variant, of_games in normalised.items() if any(of_games.values())]
    games = games_of_all(normalised)
    matrices = {variant: complete_matrix(normalised[variant], games) for variant in having}
    return {variant: aggregate(matrix) for variant, matrix in matrices.items() if matrix is not None}


def games_of_all(scores: Scores) -> tuple[str, ...]:
    """The games of which each variant that has any score has one."""
    having = [of_games for of_games in scores.values() if any(of_games.values())]
    every = dict.fromkeys(game for of_games in having for game in of_games)
    return tuple(game for game in every if all(of_games.get(game) for of_games in having))


def complete_matrix(of_games: Mapping[str, OfSeeds], games: Sequence[str]) -> Numbers | None:
    """(runs, games) of the seeds that are there for each of the games, ascending; None if there is none."""
    seeds = set.intersection(*(set(of_games[game]) for game in games)) if games else set()
    if not seeds:
        return None
    return score_matrix({game: [of_games[game][seed] for seed in sorted(seeds)] for game in games})
