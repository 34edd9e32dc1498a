"""Studies to look at, without any training: what trials report follows from what they chose."""

import math
from collections.abc import Mapping

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from dqn_zoo_ext.experiment.search.options import StudyOptions
from dqn_zoo_ext.experiment.search.study import Direction, open_study
from dqn_zoo_ext.report.study_attributes import CONFIGURATION, REASON

SPACE: Mapping[str, BaseDistribution] = {
    "learning_rate": FloatDistribution(1e-5, 1e-2, log=True),
    "exploration.end": FloatDistribution(0.01, 0.2),
    "batch_size": CategoricalDistribution([16, 32, "[64, 64]"]),
}
DIRECTIONS: tuple[Direction, ...] = ("maximize", "minimize", "minimize")
RUNGS = (1_000, 4_000, 16_000, 64_000)


def small_study(
    n_trials: int, storage: str | None = None, name: str = "cart", objectives: tuple[str, ...] = ("score",)
) -> optuna.Study:
    """One whose trials are complete, given up, and, each tenth, failed."""
    options = StudyOptions(
        storage=storage,
        name=name,
        sampler="random",
        pruner="halving" if len(objectives) == 1 else "none",
        objectives=objectives,
    )
    study = open_study(options, SPACE, {}, rungs=RUNGS, seed=3, directions=DIRECTIONS[: len(objectives)])
    for _ in range(n_trials):
        trial = study.ask(dict(SPACE))
        trial.set_user_attr(CONFIGURATION, {"CartPole-v1": {"complete": True, **trial.params}})
        if trial.number % 10 == 9:
            trial.set_user_attr(REASON, "NotFinite: the loss is not finite")
            study.tell(trial, state=TrialState.FAIL)
        else:
            _carry_out(study, trial, len(objectives))
    return study


def _carry_out(study: optuna.Study, trial: optuna.Trial, n_objectives: int) -> None:
    score = 500 - 80 * abs(math.log10(trial.params["learning_rate"]) + 3) - 300 * trial.params["exploration.end"]
    if n_objectives > 1:
        study.tell(trial, [score, *[100 * trial.params["exploration.end"] + trial.number] * (n_objectives - 1)])
        return
    for index, rung in enumerate(RUNGS, start=1):
        trial.report(score * index / len(RUNGS), rung)
        if index < len(RUNGS) and trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return
    study.tell(trial, score)
