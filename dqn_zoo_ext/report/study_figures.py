"""Optuna's figures of a study as plain data for plotly.js, in the house's looks."""

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import optuna
from optuna import visualization
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from dqn_zoo_ext.report.plots import Plot, layout_of
from dqn_zoo_ext.report.study_attributes import RUNGS, objectives_of

_FEWEST_FOR_IMPORTANCES = 4
_MOST_IN_LEGEND = 10


@dataclass(frozen=True)
class StudyFigure:
    """A figure and what it shows. plot: None if there is nothing to see yet."""

    title: str
    caption: str
    plot: Plot | None


def study_figures(study: optuna.Study) -> list[StudyFigure]:
    """History, importances and parallel coordinates of each objective, the Pareto front of several, and the rungs."""
    names = objectives_of(study)
    figures = []
    if len(names) > 1:
        figures.append(_pareto_front(study, names))
    for index, name in enumerate(names):
        figures += _of_objective(study, index, name, "" if len(names) == 1 else f": {name}")
    if len(names) == 1:  # Optuna takes no reports of several objectives
        figures.append(_rungs(study, names[0]))
    return figures


def _of_objective(study: optuna.Study, index: int, name: str, of: str) -> list[StudyFigure]:
    target = partial(_value, index) if len(study.directions) > 1 else None
    about: dict[str, Any] = {"target": target, "target_name": name}
    line = "" if of else "; the line is the best value so far"
    return [
        StudyFigure(
            f"History{of}",
            f"Each complete trial{line}.",
            _drawn(lambda: visualization.plot_optimization_history(study, **about)),
        ),
        StudyFigure(
            f"Which hyperparameters mattered{of}",
            "How much of the difference between good and other trials each explains (PED-ANOVA).",
            _drawn(lambda: _importances(study, index, name)),
        ),
        StudyFigure(
            f"Values that went together{of}",
            "A line for each complete trial. Drag along an axis to choose trials.",
            _drawn(lambda: visualization.plot_parallel_coordinate(study, **about)),
        ),
    ]


def _importances(study: optuna.Study, index: int, name: str) -> Any:
    """Of a low target, as PED-ANOVA has it where it is told the target."""
    if len(study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])) < _FEWEST_FOR_IMPORTANCES:
        raise ValueError("too few trials")
    sign = -1.0 if study.directions[index] == StudyDirection.MAXIMIZE else 1.0
    target = None if len(study.directions) == 1 else lambda trial: sign * _value(index, trial)
    return visualization.plot_param_importances(study, target=target, target_name=name)


def _pareto_front(study: optuna.Study, names: Sequence[str]) -> StudyFigure:
    def draw() -> Any:
        return visualization.plot_pareto_front(study, target_names=list(names))

    caption = "The best trials are those that no other one beats in one objective without losing in another."
    return StudyFigure("Pareto front", caption, _drawn(draw))


def _rungs(study: optuna.Study, name: str) -> StudyFigure:
    plot = _drawn(lambda: visualization.plot_intermediate_values(study))
    steps = {step for trial in study.get_trials(deepcopy=False) for step in trial.intermediate_values}
    rungs = study.user_attrs.get(RUNGS) or []
    if plot is not None:
        at_rungs = steps <= set(rungs or steps)
        plot["layout"]["xaxis"]["title"] = {"text": "agent steps" if at_rungs else "instance"}
        if at_rungs and len(rungs) > 2 and rungs[2] > 2 * rungs[1]:  # far apart at the end, close at the beginning
            plot["layout"]["xaxis"]["type"] = "log"
        plot["layout"]["yaxis"]["title"] = {"text": name}
    caption = "What each trial reported at its rungs; a line that ends early was given up."
    return StudyFigure("Rungs", caption, plot)


def _value(index: int, trial: FrozenTrial) -> float:
    return float(trial.values[index])


def _drawn(draw: Callable[[], Any]) -> Plot | None:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "PedAnovaImportanceEvaluator computes the importances")  # of a low target
            warnings.filterwarnings("error", "The number of trials is too small")  # and all is said to be equal
            plot: Plot = json.loads(draw().to_json())
    except (ValueError, RuntimeError, UserWarning):
        return None
    if not any(trace.get("x") or trace.get("dimensions") for trace in plot["data"]):
        return None
    return _in_house_style(plot)


def _in_house_style(plot: Plot) -> Plot:
    given = {key: value for key, value in plot["layout"].items() if key not in ("template", "title")}
    house = layout_of("", "")
    layout = {**house, **given, "hovermode": "closest"}
    for axis in ("xaxis", "yaxis"):
        layout[axis] = {**house[axis], "rangemode": "normal", **given.get(axis, {})}
    if any(trace.get("type") in ("parcoords", "scatter3d") for trace in plot["data"]):
        del layout["xaxis"], layout["yaxis"]
        layout["margin"] = {"l": 60, "r": 40, "t": 60, "b": 40}
    if any(trace.get("type") == "bar" for trace in plot["data"]):
        layout["yaxis"]["title"] = {"text": ""}  # it would lie over the names
    layout["showlegend"] = 1 < len(plot["data"]) <= _MOST_IN_LEGEND
    return {"data": plot["data"], "layout": layout}
