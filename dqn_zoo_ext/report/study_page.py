"""The page of a study: one HTML file with its figures, its trials and the best one's values."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from dqn_zoo_ext.report.html import rendered
from dqn_zoo_ext.report.study_attributes import REASON, RUNGS, objectives_of
from dqn_zoo_ext.report.study_figures import StudyFigure, study_figures
from dqn_zoo_ext.storage.database_url import without_password

_DIGITS = 6


@dataclass(frozen=True)
class StudyPage:
    """All that stands on it. facts: short pairs. best: values and parameters, a column for each best trial.

    best, trials: tables, head first; best is empty for none. dashboard: the command line that opens the study in
    optuna-dashboard; empty for none.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    figures: Sequence[StudyFigure]
    best: Sequence[Sequence[str]]
    trials: Sequence[Sequence[str]]
    dashboard: str


def study_as_html(study: optuna.Study, storage: str | None) -> str:
    """The page, with plotly.js and all numbers in it. Whatever comes from the study is escaped.

    storage: where the study is kept, for the line that starts optuna-dashboard; a password in it is left out.
    """
    trials = study.get_trials(deepcopy=False)
    states = [trial.state.name.lower() for trial in trials]
    counted = [(state, str(states.count(state))) for state in dict.fromkeys(states)]
    page = StudyPage(
        title=f"Study {study.study_name}",
        facts=[("trials", str(len(trials))), *counted],
        figures=study_figures(study),
        best=_side_by_side(study, _best(study)),
        trials=list(_table(study, trials)),
        dashboard=dashboard_line(storage),
    )
    return rendered("study.html", page=page)


def dashboard_line(storage: str | None) -> str:
    """What to type to watch a study that is kept somewhere; ``***`` stands for a password."""
    return "" if storage is None else f"optuna-dashboard {shlex.quote(without_password(storage))}"


def values_said(study: optuna.Study, trial: FrozenTrial) -> str:
    """A trial's values with their names, as ``score 12.5``; empty if it has none."""
    return ", ".join(
        f"{name} {value:.{_DIGITS}g}" for name, value in zip(objectives_of(study), trial.values or (), strict=False)
    )


def _best(study: optuna.Study) -> Sequence[FrozenTrial]:
    """One, or those on the Pareto front of several objectives."""
    if len(study.directions) > 1:
        return study.best_trials
    complete = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    sign = -1.0 if study.direction == StudyDirection.MINIMIZE else 1.0
    return sorted(complete, key=lambda trial: -sign * trial.values[0])[:1]


def _side_by_side(study: optuna.Study, trials: Sequence[FrozenTrial]) -> list[Sequence[str]]:
    if not trials:
        return []
    keys = dict.fromkeys(key for trial in trials for key in trial.params)
    names = objectives_of(study)
    return [
        ["", *(f"trial {trial.number}" for trial in trials)],
        *([name, *(_said(trial.values[index]) for trial in trials)] for index, name in enumerate(names)),
        *([key, *(_said(trial.params.get(key, "")) for trial in trials)] for key in keys),
    ]


def _table(study: optuna.Study, trials: Sequence[FrozenTrial]) -> Iterator[Sequence[str]]:
    keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
    names = objectives_of(study)
    yield ["trial", "state", *names, "rung reached", *keys, "reason"]
    rungs = study.user_attrs.get(RUNGS) or []
    for trial in trials:
        values = trial.values or [None] * len(names)
        chosen = [_said(trial.params[key]) if key in trial.params else "" for key in keys]
        shown = ["" if value is None else f"{value:.{_DIGITS}g}" for value in values]
        reason = str(trial.user_attrs.get(REASON, ""))
        yield [str(trial.number), trial.state.name.lower(), *shown, _reached(trial, rungs), *chosen, reason]


def _reached(trial: FrozenTrial, rungs: Sequence[int]) -> str:
    step = trial.last_step
    if step is None:
        return ""
    if step not in rungs:
        return f"{step:,}"
    return f"{rungs.index(step) + 1} of {len(rungs)} ({step:,})"


def _said(value: object) -> str:
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)
