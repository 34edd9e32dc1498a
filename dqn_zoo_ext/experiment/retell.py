"""Runs told on a page: what each of them was, what came of it, and how its agent plays."""

from collections.abc import Sequence
from dataclasses import dataclass

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.evaluation.published_scores import PublishedScore, scores_of
from dqn_zoo_ext.evaluation.scores import human_normalised_of, in_context
from dqn_zoo_ext.experiment.agent import Agent, Which
from dqn_zoo_ext.experiment.build import protocol_of
from dqn_zoo_ext.experiment.doctor import diagnose
from dqn_zoo_ext.experiment.filming import film_game
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.report.chart import Chart, Level, notes_of
from dqn_zoo_ext.report.curves import Curve, evaluation_curve, over_seeds, training_curve
from dqn_zoo_ext.report.page import Page, Row, RunSection
from dqn_zoo_ext.report.plots import curves_plot
from dqn_zoo_ext.storage.results import EvaluationRecord, RunResults, read_results
from dqn_zoo_ext.storage.run_folder import RunFolder
from dqn_zoo_ext.storage.run_history import RunHistory, read_history
from dqn_zoo_ext.version import VERSION

_NEAREST = 6  # published scores on the page, those nearest to ours


@dataclass(frozen=True)
class HowToTell:
    """Options of a page. protocol: of the filmed games, None for each run's own. max_agent_steps: filmed; 0: none."""

    protocol: Protocol | None
    seed: int
    device: str
    max_agent_steps: int


def retell(runs: Sequence[RunFolder], how: HowToTell) -> Page:
    """The page of some runs of one game. UserError if they are of several, or one of them has nothing to tell."""
    histories = [read_history(run.path) for run in runs]
    games = list(dict.fromkeys(history.env for history in histories))
    if len(games) > 1:
        raise UserError(f"scores of different games share no scale, and the runs are of {' and '.join(games)}")
    chart = _chart(histories)
    return Page(
        title=f"{', '.join(dict.fromkeys(history.algo for history in histories))} on {games[0]}",
        curves=curves_plot(chart),
        notes=list(chart.notes),
        runs=[_section(run, history, how) for run, history in zip(runs, histories, strict=True)],
        made_by=f"Made by python -m dqn_zoo_ext.report, version {VERSION}. The page loads nothing from a network.",
    )


def _chart(histories: Sequence[RunHistory]) -> Chart:
    alike: dict[tuple[str, str], list[RunHistory]] = {}
    for history in histories:
        alike.setdefault((history.algo, history.configuration), []).append(history)
    curves: list[Curve] = []
    for seeds in alike.values():
        for of_run in (_evaluations, _training_games):
            found = [curve for curve in map(of_run, seeds) if curve is not None]
            if found:
                curves.append(over_seeds(found))
    published = scores_of(histories[0].game or "")
    levels = [Level(name, published[name].score) for name in ("random", "human") if name in published]
    return Chart(
        title=histories[0].env,
        axis="agent_steps",
        curves=curves,
        levels=levels,
        notes=notes_of(curves),
    )


def _evaluations(history: RunHistory) -> Curve | None:
    return None if history.evaluations is None else evaluation_curve(history, label=f"{history.algo}, evaluations")


def _training_games(history: RunHistory) -> Curve | None:
    if history.games is None:
        return None
    return training_curve(history, "agent_steps", label=f"{history.algo}, training games")


def _section(run: RunFolder, history: RunHistory, how: HowToTell) -> RunSection:
    results = read_results(run.results) if run.results.is_file() else None
    agent = Agent.of_run(run, Which(load_best=run.best_model.is_file()))
    configuration = agent.configuration
    protocol = how.protocol or protocol_of(configuration)
    film = film_game(agent, protocol, how.seed, how.device, how.max_agent_steps) if how.max_agent_steps > 0 else None
    spent = {} if results is None else results.seconds_spent
    total = sum(spent.values())
    diagnosis = diagnose(configuration, RunOptions(log_folder=run.path, seed=how.seed), measure=False)
    return RunSection(
        title=f"{run.algo}, run {run.path.name}",
        subtitle=str(run.path),
        facts=_facts(history, results),
        scores=_scores(history, results, configuration.env.repeat_action_probability),
        film=film,
        shares=[(name, seconds / total) for name, seconds in spent.items()] if total > 0 else [],
        settings=[(key, str(value), str(configuration.sources[key])) for key, value in configuration.flat().items()],
        warnings=[finding.line for finding in diagnosis.findings],
        command="" if results is None else results.command,
    )


def _facts(history: RunHistory, results: RunResults | None) -> list[tuple[str, str]]:
    if results is None:  # RL-Zoo's run
        return [] if history.games is None else [("training games", f"{len(history.games.scores):,}")]
    machine = results.machine
    return [
        ("agent steps", f"{results.agent_steps:,}"),
        ("emulator frames", f"{results.frames:,}"),
        ("updates", f"{results.updates:,}"),
        ("of training", _duration(results.seconds)),
        ("agent steps per second", f"{results.agent_steps_per_second:,.0f}"),
        ("seed", str(results.seed)),
        (f"{machine.cores} cores", machine.gpu or machine.cpu),
    ]


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"


def _scores(history: RunHistory, results: RunResults | None, sticky: float) -> list[Row]:
    if results is None:
        return []
    rows = []
    if results.best is not None:
        chosen = f"the best of {len(results.evaluations)} evaluations, so luckier than a fresh one"
        rows.append(_measured(history.game, "the best network", results.best, chosen))
    if results.final is not None:
        rows.append(_measured(history.game, "the last network", results.final, "after the training"))
    protocol = results.final or results.best
    return rows if protocol is None else [*rows, *_published(history.game, protocol, sticky)]


def _measured(game: str | None, name: str, record: EvaluationRecord, note: str) -> Row:
    games = f"{len(record.episodes)} games by {record.protocol}, after {record.agent_steps:,} agent steps: {note}"
    return Row(name, f"{record.mean:,.1f} ± {record.std:,.1f}", _normalised(game, record.mean), games, ours=True)


def _published(game: str | None, record: EvaluationRecord, sticky: float) -> list[Row]:
    """Random play and people, and those agents nearest in score that were measured by the same rules."""
    context = in_context(game, record.mean, protocols.get(record.protocol), sticky)
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
