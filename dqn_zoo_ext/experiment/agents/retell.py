"""Runs told on a page: what each of them was, what came of it, and how its agent plays."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.config.of_run import load_of_run
from dqn_zoo_ext.envs.ids import resolve_folder
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.aggregates import Estimate, aggregate, score_matrix
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.evaluation.published_scores import PublishedScore, curves_of, scores_of
from dqn_zoo_ext.evaluation.scores import human_normalised_of, in_context
from dqn_zoo_ext.experiment.agents.agent import Agent, Which
from dqn_zoo_ext.experiment.agents.filming import film_game
from dqn_zoo_ext.experiment.agents.hindsight import warnings_of
from dqn_zoo_ext.experiment.build import played_stickiness, protocol_of
from dqn_zoo_ext.report.chart import Chart, Level, notes_of
from dqn_zoo_ext.report.curves import Curve
from dqn_zoo_ext.report.learning_curves import What, alike_but_for_the_seed, as_curve, curve_of_seeds, cut, same_game
from dqn_zoo_ext.report.page import Page, Row, RunSection
from dqn_zoo_ext.report.plots import curves_plot
from dqn_zoo_ext.storage.results import EvaluationRecord, RunResults, read_results
from dqn_zoo_ext.storage.run_folder import RunFolder, each_once
from dqn_zoo_ext.storage.run_history import RunHistory, read_history
from dqn_zoo_ext.version import VERSION
from dqn_zoo_ext.words import counted, duration

_FIRST_PUBLISHED_FRAMES = 1e6  # no published curve has an earlier point
_TRAINING = "training games"
_NEAREST = 6  # published scores on the page, those nearest to ours


@dataclass(frozen=True)
class HowToTell:
    """Options of a page. protocol: of the filmed games, None for each run's own. max_agent_steps: filmed; 0: none."""

    protocol: Protocol | None
    seed: int
    device: str
    max_agent_steps: int


def retell(runs: Sequence[Path], how: HowToTell) -> Page:
    """The page of runs of one game, whose folders these are. Those that cannot be read are named on it, as is whatever
    else is missing.

    UserError if they are of several games, or none can be read.
    """
    histories, notes = _read(runs)
    env = same_game(histories)
    chart, missing = _chart(env, histories)
    notes += missing
    try:
        aggregates = _aggregates(histories)
    except UserError as error:  # rliable is an extra
        aggregates = []
        notes.append(str(error))
    return Page(
        title=f"{', '.join(dict.fromkeys(history.algo for history in histories))} on {env}",
        curves=curves_plot(chart) if chart.curves else None,
        notes=[*chart.notes, *notes],
        runs=[_section(history, how) for history in histories],
        aggregates=aggregates,
        made_by=f"Made by python -m dqn_zoo_ext.report, version {VERSION}. The page loads nothing from a network.",
    )


def _read(runs: Sequence[Path]) -> tuple[list[RunHistory], list[str]]:
    """The runs that can be read, and a note on each that cannot. UserError if none can."""
    histories, notes = [], []
    for path in each_once(runs):
        try:
            histories.append(read_history(path))
        except UserError as error:
            notes.append(f"Left out: {error}")
    if not histories:
        raise UserError(notes[0].removeprefix("Left out: "))
    return histories, notes


def _chart(env: str, histories: Sequence[RunHistory]) -> tuple[Chart, list[str]]:
    """The chart, and a note on each curve that there is not."""
    missing: list[str] = []
    evaluated = _curves([each for each in histories if each.evaluations is not None], "evaluations", missing)
    trained = _curves([each for each in histories if each.games is not None], _TRAINING, missing)
    curves = [
        *(replace(curve, label=f"{curve.label}, evaluations") for curve in evaluated),
        *(replace(curve, label=f"{curve.label}, {_TRAINING}") for curve in trained),
    ]
    game, frames_per_agent_step = histories[0].game or "", histories[0].frames_per_agent_step
    published = scores_of(game)
    levels = [Level(name, published[name].score) for name in ("random", "human") if name in published]
    end = max((float(curve.x[-1]) for curve in curves), default=0.0)
    long_enough = end * frames_per_agent_step >= _FIRST_PUBLISHED_FRAMES
    others = curves_of(game, {each.algo for each in histories}) if long_enough else ()
    behind = [cut(as_curve(each, "agent_steps", frames_per_agent_step), end) for each in others]
    return Chart(env, "agent_steps", curves, behind, levels, _notes(evaluated, trained)), missing


def _curves(histories: Sequence[RunHistory], of: str, missing: list[str]) -> list[Curve]:
    """The curves of `of`, evaluations or training games; into `missing` goes a note on each that there is not."""
    found, what = [], What(of_training=of == _TRAINING)
    for name, runs in alike_but_for_the_seed(histories).items():
        try:
            found.append(curve_of_seeds(runs, what, "agent_steps", name))
        except UserError as error:
            missing.append(f"No curve of {name}, {of}: {error}")
    return found


def _notes(evaluated: Sequence[Curve], trained: Sequence[Curve]) -> list[str]:
    found = []
    for curves, what in ((evaluated, "evaluations"), (trained, _TRAINING)):
        found += [note.replace("Points:", f"Points of the {what}:", 1) for note in notes_of(curves)]
    return list(dict.fromkeys(found))


def _aggregates(histories: Sequence[RunHistory]) -> Sequence[tuple[str, ...]]:
    """The last evaluations of runs that differ in the seed, head first; nothing if there are no such runs."""
    evaluated = [each for each in histories if each.evaluations is not None]
    groups = alike_but_for_the_seed(evaluated)
    if all(len(runs) == 1 for runs in groups.values()):
        return []
    table = [("algorithm", "runs", "after agent steps", "mean of the last evaluations", "interquartile mean")]
    for name, runs in groups.items():
        last = [float(each.evaluations.scores[-1].mean()) for each in runs if each.evaluations is not None]
        found = aggregate(score_matrix({"": last}))
        steps = [int(each.evaluations.agent_steps[-1]) for each in runs if each.evaluations is not None]
        table.append((name, str(len(runs)), _range(steps), _estimated(found.mean), _estimated(found.iqm)))
    return table


def _estimated(number: Estimate) -> str:
    interval = "" if number.low is None else f" [{number.low:,.1f}, {number.high:,.1f}]"
    return f"{number.value:,.1f}{interval}"


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _section(history: RunHistory, how: HowToTell) -> RunSection:
    run = RunFolder.at(history.folder)
    untold: list[str] = []
    results = None
    with _noted_in(untold):
        results = read_results(run.results) if run.results.is_file() else None
    spent = {} if results is None else results.seconds_spent
    total = sum(spent.values())
    configuration, no_film = _configuration(run)
    known = RunSection(
        title=f"{run.algo}, run {run.path.name}",
        subtitle=str(run.path),
        facts=_facts(history, results),
        scores=_scores(history, results, configuration, untold),
        shares=[(name, seconds / total) for name, seconds in spent.items() if seconds > 0],
        command="" if results is None else results.command,
        untold=untold,
    )
    if configuration is None:
        return replace(known, no_film=no_film)
    found: list[str] = []
    with _noted_in(untold):
        found = warnings_of(run, configuration)

    def brief(words: str) -> str:  # the section says where the run lies
        return words.replace(f"{run.config_folder}/", "")

    sources = configuration.sources
    known = replace(
        known,
        settings=[(key, str(value), brief(str(sources[key]))) for key, value in configuration.flat().items()],
        warnings=[brief(line) for line in found],
    )
    if how.max_agent_steps == 0:
        return known
    try:
        agent = Agent.of_run(run, Which(load_best=run.best_model.is_file()))
        protocol = how.protocol or protocol_of(configuration)
        return replace(known, film=film_game(agent, protocol, how.seed, how.device, how.max_agent_steps))
    except UserError as error:  # a run that has not come to an agent, or lost it
        return replace(known, no_film=str(error))


@contextmanager
def _noted_in(lines: list[str]) -> Iterator[None]:
    """What cannot be read is a line there, and keeps nothing else from the page."""
    try:
        yield
    except UserError as error:
        lines.append(str(error))


def _configuration(run: RunFolder) -> tuple[Configuration | None, str]:
    """The run's, or why there is none: it is RL-Zoo's, of an algorithm that is none of ours."""
    try:
        return load_of_run(run.algo, resolve_folder(run.env), run.config, run.args), ""
    except UserError as error:
        return None, str(error)


def _facts(history: RunHistory, results: RunResults | None) -> list[tuple[str, str]]:
    if results is None:  # RL-Zoo's run
        return [] if history.games is None else [("training games", f"{len(history.games.scores):,}")]
    machine = results.machine
    return [
        ("agent steps", f"{results.agent_steps:,}"),
        ("emulator frames", f"{results.frames:,}"),
        ("updates", f"{results.updates:,}"),
        ("of training", duration(results.seconds)),
        ("agent steps per second", f"{results.agent_steps_per_second:,.0f}"),
        ("seed", str(results.seed)),
        (counted(machine.cores, "core"), machine.gpu or machine.cpu),
    ]


def _scores(
    history: RunHistory, results: RunResults | None, configuration: Configuration | None, untold: list[str]
) -> list[Row]:
    if results is None:
        return []
    rows = []
    if results.best is not None:
        evaluations = len(results.evaluations)
        chosen = (
            "the only evaluation"
            if evaluations == 1
            else f"the best of {evaluations} evaluations, so luckier than a fresh one"
        )
        rows.append(_measured(history.game, "the best network", results.best, chosen))
    if results.final is not None:
        rows.append(_measured(history.game, "the last network", results.final, "after the training"))
    record = results.final or results.best
    if record is None or history.game is None:
        return rows
    with _noted_in(untold):
        rows += _published(history.game, record, configuration)
    return rows


def _measured(game: str | None, name: str, record: EvaluationRecord, note: str) -> Row:
    games = f"{counted(len(record.episodes), 'game')} by {record.protocol}"
    said = f"{games}, after {record.agent_steps:,} agent steps: {note}"
    return Row(name, f"{record.mean:,.1f} ± {record.std:,.1f}", _normalised(game, record.mean), said, ours=True)


def _published(game: str | None, record: EvaluationRecord, configuration: Configuration | None) -> list[Row]:
    """Random play and people, and those agents nearest in score that were measured by the same rules."""
    protocol, sticky = protocols.get(record.protocol), record.repeat_action_probability
    if sticky is None and configuration is not None:  # an older record
        sticky = played_stickiness(configuration, protocol)
    context = in_context(game, record.mean, protocol, sticky)
    if context is None:
        return []
    near = sorted(context.comparable, key=lambda each: abs(each.score - record.mean))[:_NEAREST]
    known = scores_of(context.game)
    levels = [(name, known[name]) for name in ("random", "human")]
    agents = [(each.source.label, each) for each in context.comparable if each in near]
    return [_cited(context.game, name, each) for name, each in [*levels, *agents]]


def _cited(game: str, name: str, each: PublishedScore) -> Row:
    frames = f"{each.source.frames_M:g}M frames, " if each.source.frames_M else ""
    note = f"{frames}{each.source.reported} [{each.source.source}]"
    return Row(name, f"{each.score:,.10g}", _normalised(game, each.score), note)


def _normalised(game: str | None, score: float) -> str:
    normalised = None if game is None else human_normalised_of(game, score)
    return "" if normalised is None else f"{normalised:.0%}"
