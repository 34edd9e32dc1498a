"""The two tables of a game on docs/results.md: its goals, and our scores beside the published ones."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from results_folder import BEST, LAST, ROOT, TRAINING, Measured, Published

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.published_scores import Source, curves_of, scores_of
from dqn_zoo_ext.words import counted

_MOST_FRAMES = 50.0  # millions: scores after many times our training say nothing of ours
_NOT_STATED = "not stated"
_NETWORKS = {
    BEST: "the network that did best in the training's evaluations, in other games",
    LAST: "the last network",
    TRAINING: "the best of the training's own evaluations: chosen by these games, so too high",
}


def headline(run: Published) -> list[Measured]:
    """The evaluations that say what the run has come to: the best network's, and the last one's if it was measured.

    The best network's is that after the training; without one, that of the training which chose it, if there was any.
    """
    after = {each.network: each for each in run.evaluations if each.network != TRAINING}
    in_training = [each for each in run.evaluations if each.network == TRAINING]
    best = [after[BEST]] if BEST in after else sorted(in_training, key=lambda each: -each.mean)[:1]
    return [*best, *([after[LAST]] if LAST in after else [])]


def goals_table(game: str, runs: Sequence[Published], goals: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A table: each goal, and how each run stands to it."""
    yield "### Goals\n"
    yield "mean, mean - std: of the networks in the next table. training mean: of the run's last 100 training games.\n"
    yield "| goal | reached by | **below it** |"
    yield "| --- | --- | --- |"
    missed = []
    for goal in goals:
        least = least_of(game, goal["at_least"])
        lengths = range(goal.get("from", 0), goal["within"] + 1)
        budget = f"after {lengths[0]:,} to {lengths[-1]:,}" if lengths[0] else f"within {lengths[-1]:,}"
        words = f"{goal['what']}: {goal['number']} of at least {least:,.10g} {budget} agent steps"
        cells: dict[bool, list[str]] = {True: [], False: []}
        for run in runs:
            if run.run["algo"] in goal.get("algos", [run.run["algo"]]) and run.run["agent_steps"] in lengths:
                for what, number, agent_steps in _numbers(run, goal["number"]):
                    cells[number >= least].append(f"{run.name}, {what}: {number:,.1f} after {agent_steps:,}")
        yield f"| {words} | {'<br>'.join(cells[True]) or 'none'} | {'<br>'.join(cells[False]) or 'none'} |"
        if cells[False] and not cells[True]:
            missed.append(f"**No run has reached it: {words}.**")
    yield "\n".join(["", *[f"{each}\n" for each in missed]])


def _numbers(run: Published, what: str) -> Iterator[tuple[str, float, int]]:
    """What a goal is measured by: of what it is, the number, and after how many agent steps."""
    if what == "training mean":
        if run.training_mean is not None:
            yield "training", *run.training_mean
        return
    for each in headline(run):
        number = {"mean": each.mean, "mean - std": each.result}[what]
        yield "in training" if each.network == TRAINING else f"{each.network} network", number, each.agent_steps


def least_of(game: str, said: float | str) -> float:
    """The number that a goal names. UserError if it names a published one that is not there."""
    if not isinstance(said, str):
        return said
    name, _, frames = said.partition("@")
    if not frames and name in scores_of(game):
        return scores_of(game)[name].score
    for curve in curves_of(game, names=[name] if frames else []):
        for point in curve.points:
            if point.frames == float(frames) * 1e6:
                return point.mean
    raise UserError(f"nothing is published of {game} as {said}")


def scores_table(game: str, runs: Sequence[Published], others: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Our scores and the published ones, each with how it was measured."""
    yield "### Beside published numbers\n"
    yield "| | score | frames | epsilon, starts, cap | sticky actions | which number it is | source |"
    yield "| --- | ---: | ---: | --- | --- | --- | --- |"
    for run in runs:
        yield from rows_of_ours(run)
    for each in others:
        score, rules = f"{each['score']:,.1f} ± {each['std']:,.1f}", rules_of(each["rules"])
        yield _row(each["label"], score, f"{each['frames_M']}M", *rules, each["reported"], each["source"])
    algos = {str(run.run["algo"]) for run in runs}
    yield from _rows_of_curves(game, runs)
    for found in scores_of(game).values():
        said = found.source
        if _beside(said, algos):
            frames = f"{said.frames_M:g}M" if said.frames_M else "–"
            rules = rules_of(said.rules, said)
            yield _row(said.label, f"{found.score:,.1f}", frames, *rules, said.reported, said.source)
    yield ""


def rows_of_ours(run: Published, root: Path = ROOT) -> Iterator[str]:
    """A row for each evaluation of the headline, and one for the training's games. root: of the page's links."""
    link = f"[{run.folder.name}](../{run.folder.relative_to(root)})"
    for each in headline(run):
        what = f"{_NETWORKS[each.network]}; {counted(each.games, 'game')}"
        frames = f"{each.agent_steps * run.frames_per_agent_step / 1e6:.1f}M"
        score = f"{each.mean:,.1f} ± {each.std:,.1f}"
        rules = rules_of(each.protocol, sticky=_sticky_of(run, each))
        yield _row(f"**{run.name}, ours**", f"**{score}**", frames, *rules, what, link)
    if run.training_mean is None:
        return
    mean, agent_steps = run.training_mean
    frames = f"{agent_steps * run.frames_per_agent_step / 1e6:.1f}M"
    rules = ("the training's", _sticky(run.stickiness(None)))
    yield _row(f"**{run.name}, ours**", f"**{mean:,.1f}**", frames, *rules, "the last 100 training games", link)


def _rows_of_curves(game: str, runs: Sequence[Published]) -> Iterator[str]:
    """Of each published curve the points that follow the end of one of our runs of its algorithm."""
    for curve in curves_of(game, {str(run.run["algo"]) for run in runs}):
        said = curve.source
        ends = sorted({float(run.run["frames"]) for run in runs if run.run["algo"] == said.algo})
        later = [[point for point in curve.points if point.frames >= end] for end in ends]
        for point in dict.fromkeys(points[0] for points in later if points):
            seeds = "" if point.lowest is None else f" ({point.lowest:,.1f} to {point.highest:,.1f})"
            what = said.reported + (f"; {said.seeds} seeds, the lowest and the highest in brackets" if seeds else "")
            score, rules = f"{point.mean:,.1f}{seeds}", rules_of(said.rules, said)
            yield _row(said.label, score, f"{point.frames / 1e6:g}M", *rules, what, said.source)


def _beside(source: Source, algos: set[str]) -> bool:
    """Whether a final score belongs beside runs of these algorithms: it is theirs, and not of a far longer training."""
    if source.name in ("random", "human"):
        return True
    alike = source.algo in algos | {f"sb3_{algo}" for algo in algos} | {"best-constant-action"}
    return alike and source.frames_M is not None and source.frames_M <= _MOST_FRAMES


def _sticky_of(run: Published, evaluation: Measured) -> float | None:
    """How often actions repeated in an evaluation's games; None if that is not known."""
    said = protocols.get(evaluation.protocol).repeat_action_probability
    said = evaluation.repeat_action_probability if said is None else said
    return run.stickiness(evaluation.protocol) if said is None else said


def rules_of(name: str | None, source: Source | None = None, sticky: float | None = None) -> tuple[str, str]:
    """How games begin and end, and how often actions stick; `sticky` where the protocol leaves that as in training."""
    if name is None:
        return _NOT_STATED, _NOT_STATED
    fixed = protocols.get(name).repeat_action_probability
    sticks = _sticky(sticky if fixed is None else fixed)
    if source is None:
        return f"as `{name}`", sticks
    epsilon = "epsilon not stated" if source.epsilon is None else f"epsilon {source.epsilon:g}"
    return f"{epsilon}; starts and cap of `{name}`", sticks


def _sticky(probability: float | None) -> str:
    if probability is None:
        return "as in training"
    return f"{probability:g}" if probability else "none"


def _row(*cells: str) -> str:
    return f"| {' | '.join(' '.join(cell.split()) for cell in cells)} |"
