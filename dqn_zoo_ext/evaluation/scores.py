"""A score in context: how far it is from random play to a person's, and what others have reached by the same rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.evaluation.published_scores import PublishedScore, curves_of, scores_of, sources

_LEVELS = ("random", "human", "random_nature", "human_nature", "jaskowski_random", "jaskowski_constant")
"""Columns that are no agents'."""


def human_normalised(score: float, random: float, human: float) -> float:
    """0 at random play, 1 at the person's score: (score - random) / (human - random).

    Source: Mnih et al. 2015, Extended Data Table 2, there in percent.
    """
    if human == random:
        raise ValueError(f"human and random score are both {random:g}: there is nothing to measure between them")
    return (score - random) / (human - random)


def human_normalised_of(game: str, score: float) -> float | None:
    """The same with the scores that the papers since Dueling DQN use for `game`; None for a game without them."""
    published = scores_of(game)
    if "random" not in published or "human" not in published:
        return None
    return human_normalised(score, published["random"].score, published["human"].score)


@dataclass(frozen=True)
class Context:
    """A mean score of an Atari game beside published ones.

    normalised: 0 at `random`, 1 at `human`, the published scores that papers since Dueling DQN use (sources.yml has
    their rules). comparable: agents measured by the same starts, sticky actions and cap on a game, ascending by
    score. others: those that were measured otherwise.
    """

    game: str
    score: float
    normalised: float
    random: float
    human: float
    comparable: tuple[PublishedScore, ...]
    others: tuple[PublishedScore, ...]

    def head(self) -> str:
        """For people: the normalised score."""
        return (
            f"human-normalised: {self.normalised:.1%} "
            f"(0 % is random play, {self.random:g}; 100 % a person, {self.human:g})"
        )

    def lines(self, most: int | None = None) -> list[str]:
        """The head, then a line for each comparable agent, or the `most` nearest ones (one at least)."""
        if not self.comparable:
            return [self.head(), "no published score was measured by these rules (starts, sticky actions, cap)"]
        near = sorted(self.comparable, key=lambda each: abs(each.score - self.score))[:most]
        shown = [each for each in self.comparable if each in near]
        width = max(len(each.source.label) for each in shown)
        which = "" if len(shown) == len(self.comparable) else f" (the {len(shown)} nearest of {len(self.comparable)})"
        return [
            self.head(),
            f"published, by the same starts, sticky actions and cap on a game{which}:",
            *(self._line(each, width) for each in shown),
        ]

    def _line(self, each: PublishedScore, width: int) -> str:
        normalised = human_normalised(each.score, self.random, self.human)
        said = each.source
        frames = "" if said.frames_M is None else f"{said.frames_M:g}M frames, "
        number = f"{each.score:>9,.10g} {normalised:>7.0%}"
        return f"  {said.label:<{width}} {number}  {frames}{said.reported} [{said.source}]"


def in_context(game: str | None, score: float, protocol: Protocol, sticky: float | None) -> Context | None:
    """`score` beside what is published of `game`; None for a game of which nothing is.

    sticky: as in ``Source.same_rules_as``, which experiment.build.played_stickiness knows of a configuration.
    """
    published = {} if game is None else scores_of(game)
    if game is None or "random" not in published or "human" not in published:
        return None
    agents = sorted(_agents(game, published), key=lambda each: each.score)
    random, human = published["random"].score, published["human"].score
    return Context(
        game=game,
        score=score,
        normalised=human_normalised(score, random, human),
        random=random,
        human=human,
        comparable=_by_rules(agents, protocol, sticky, same=True),
        others=_by_rules(agents, protocol, sticky, same=False),
    )


def _agents(game: str, published: Mapping[str, PublishedScore]) -> list[PublishedScore]:
    """The scores of agents, and the ends of those curves that no score stands for."""
    scores = [each for name, each in published.items() if name not in _LEVELS]
    labels = {each.source.label for each in scores}
    every = curves_of(game, names=sources("curves"))
    ends = [(curve.source, curve.points[-1]) for curve in every if curve.source.label not in labels]
    return scores + [
        PublishedScore(point.mean, replace(source, frames_M=round(point.frames / 1e6))) for source, point in ends
    ]


def _by_rules(
    agents: Sequence[PublishedScore], protocol: Protocol, sticky: float | None, same: bool
) -> tuple[PublishedScore, ...]:
    return tuple(each for each in agents if each.source.same_rules_as(protocol, sticky) == same)
