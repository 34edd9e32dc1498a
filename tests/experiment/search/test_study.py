"""A study is made once, gone on with by its name, and refused to whoever measures something else."""

import re
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.search.options import StudyOptions
from dqn_zoo_ext.experiment.search.study import best_of, open_study

SPACE = {"x": FloatDistribution(0.0, 1.0)}
MEASURED = {"algo": "dqn", "env": "CartPole-v1", "eval_protocol": "gymnasium"}


def opened(
    storage: str | None,
    measured: dict[str, Any] | None = None,
    rungs: tuple[int, ...] = (50, 100),
    directions: Any = ("maximize",),
    **options: Any,
) -> optuna.Study:
    how = StudyOptions(**{"storage": storage, "name": "mine", "pruner": "none", **options})
    return open_study(how, SPACE, measured or MEASURED, rungs=rungs, seed=1, directions=directions)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"measured": {**MEASURED, "algo": "c51"}}, "study 'mine' are for algo dqn, not c51, and do not compare"),
        ({"measured": {**MEASURED, "env": "Acrobot-v1"}}, "are for env CartPole-v1, not Acrobot-v1"),
        ({"measured": {**MEASURED, "eval_protocol": "dopamine"}}, "are for eval_protocol gymnasium, not dopamine"),
        ({"objectives": ("return",)}, "are for objectives score, not return"),
        (
            {"objectives": ("score", "frames"), "directions": ("maximize", "minimize")},
            "are for objectives score, not score, frames",
        ),
        ({"directions": ("minimize",)}, "are for directions maximize, not minimize"),
        (
            {"rungs": (25, 100)},
            "the trials of study 'mine' report at 50, 100 agent steps, not at 25, 100; choose another name, or the "
            "pruner and --n-evaluations it had",
        ),
    ],
)
def test_a_study_of_something_else_is_refused(changed: dict[str, Any], expected: str, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    for _ in range(2):  # the same again is gone on with
        study = opened(storage)
        study.tell(study.ask(SPACE), 1.0)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=re.escape(expected)) as error:
        opened(storage, **changed)
    assert "\n" not in str(error.value)
    assert len(opened(storage).trials) == 2


def test_objectives_have_their_names_in_optuna_too() -> None:
    study = opened(None, directions=("maximize", "minimize"), objectives=("score", "frames"))
    assert study.metric_names == ["score", "frames"]
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]


def test_hyperband_in_memory_has_the_same_brackets_each_time() -> None:
    def given_up() -> list[int]:
        study = opened(None, rungs=(4, 16, 64), pruner="hyperband", name=None)
        for number in range(30):
            trial = study.ask(SPACE)  # type: ignore[arg-type]
            trial.report(float(number * 7 % 30), 4)
            study.tell(trial, 0.0, TrialState.COMPLETE) if not trial.should_prune() else study.tell(
                trial, state=TrialState.PRUNED
            )
        return [trial.number for trial in study.get_trials(states=[TrialState.PRUNED])]

    assert given_up() == given_up() != []


def test_the_best_trial() -> None:
    for direction, best in (("maximize", 2), ("minimize", 1)):
        study = opened(None, directions=(direction,))
        assert best_of(study) is None
        for value in (0.0, -3.0, 4.0, 4.0):
            study.tell(study.ask(), value)
        study.tell(study.ask(), state=TrialState.FAIL)
        found = best_of(study)
        assert found is not None
        assert found.number == best
