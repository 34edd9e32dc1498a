"""Optuna's studies: made or gone on with, and read."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import optuna
from optuna.distributions import check_distribution_compatibility
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from dqn_zoo_ext.config.load import first_difference
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.experiment.search.options import StudyOptions
from dqn_zoo_ext.experiment.search.pruners import pruner_of
from dqn_zoo_ext.experiment.search.samplers import sampler_of
from dqn_zoo_ext.experiment.search.space import Space
from dqn_zoo_ext.experiment.search.storage import LOST, cannot_open, file_of, open_storage
from dqn_zoo_ext.report.study_attributes import RUNGS

MEASURED = "measured"
"""A study's user attribute: what its values are values of."""

FIXED = "fixed"
"""Beneath `MEASURED`: the hyperparameters that are not searched for, of each game by dotted key."""

Direction = Literal["maximize", "minimize"]

_OBJECTIVES = "objectives"
_IN_MEMORY = "search"
"""The name of a study that is kept nowhere: Hyperband's brackets follow from the name, and so from no chance."""


def open_study(
    options: StudyOptions,
    space: Space,
    measured: Mapping[str, Any],
    *,
    rungs: tuple[int, ...],
    seed: int,
    directions: Sequence[Direction] = ("maximize",),
    several_workers: bool = False,
    new: bool = False,
    where: Mapping[str, Mapping[str, str]] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> optuna.Study:
    """The study to search with: the one of that name if it is there already.

    measured: what its values are values of, as plain data. rungs: where its trials report. directions: of each of the
    options' objectives. several_workers: see ``sampler_of``. new: it must not be there already; DuplicatedStudyError if
    it is. where: each fixed hyperparameter stands, for messages. say: is told what cannot be compared, of a study that
    an older version made. UserError if the storage cannot be opened, if sampler or pruner cannot be had, or if the
    study measured something else, at other rungs, or had another kind of space.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=ExperimentalWarning)  # the versions of Optuna that we allow are tested
    n_objectives = len(options.objectives)
    sampler = sampler_of(options, space, seed, n_objectives, several_workers)
    pruner = pruner_of(options, rungs, n_objectives)
    storage = open_storage(options.storage)
    try:
        study = optuna.create_study(
            storage=storage,
            sampler=sampler,
            pruner=pruner,
            study_name=options.name or (_IN_MEMORY if options.storage is None else None),
            directions=list(directions),
            load_if_exists=not new,
        )
    except DuplicatedStudyError:
        raise
    except Exception as error:  # whatever the storage's library raises
        raise cannot_open(options.storage, error) from None
    try:
        _demand_the_same(study, space, {**measured, _OBJECTIVES: list(options.objectives)}, rungs, directions)
        _demand_the_same_fixed(study, measured.get(FIXED, {}), where or {}, say)
    except LOST as error:
        raise cannot_open(options.storage, error) from None
    return study


def trial_values(storage: str, name: str, number: int) -> dict[str, Any]:
    """What a trial of a stored study chose, for the overrides of ``config.load``. UserError if it is not there."""
    trials = stored_study(storage, name).get_trials(deepcopy=False)
    if not 0 <= number < len(trials):
        there = f"it has 0 to {len(trials) - 1}" if trials else "it has none"
        raise UserError(f"--trial-id: study '{name}' has no trial {number}; {there}")
    return dict(trials[number].params)


def stored_study(storage: str, name: str | None = None) -> optuna.Study:
    """A study that is there already, to be read; without a name, the only one. UserError if it is not there."""
    file = file_of(storage)
    if file is not None and not file.is_file():
        raise UserError(f"--storage: no file {str(file)!r}")
    opened = open_storage(storage)
    try:
        names = optuna.get_all_study_names(opened)
    except Exception as error:
        raise cannot_open(storage, error) from None
    return optuna.load_study(study_name=_chosen(name, names), storage=opened)


def best_of(study: optuna.Study) -> FrozenTrial | None:
    """The complete trial with the best value of the first objective, if any is complete."""
    complete = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    sign = -1.0 if study.directions[0] == StudyDirection.MINIMIZE else 1.0
    return max(complete, key=lambda trial: sign * trial.values[0], default=None)


def _chosen(name: str | None, names: Sequence[str]) -> str:
    if name is None and len(names) == 1:
        return names[0]
    if name is None:
        raise UserError(f"--study-name: say which study; the storage has {', '.join(names) or 'none'}")
    if name not in names:
        raise UserError(f"--study-name: unknown study '{name}'{nearest(name, names) or '; the storage is empty'}")
    return name


def _demand_the_same(
    study: optuna.Study,
    space: Space,
    measured: Mapping[str, Any],
    rungs: tuple[int, ...],
    directions: Sequence[Direction],
) -> None:
    trials = study.get_trials(deepcopy=False)
    before = study.user_attrs.get(MEASURED)
    if before is None:
        if trials:
            raise UserError(
                f"--study-name: study '{study.study_name}' was made by another program; choose another name"
            )
        study.set_user_attr(MEASURED, dict(measured))
        study.set_user_attr(RUNGS, list(rungs))
        study.set_metric_names(measured[_OBJECTIVES])
        return
    found = {**before, "directions": [direction.name.lower() for direction in study.directions]}
    for key, value in {**measured, "directions": list(directions)}.items():
        if key != FIXED and found.get(key) != value:
            raise UserError(
                f"--study-name: the values of study '{study.study_name}' are for {key} {_said(found.get(key))}, not "
                f"{_said(value)}, and do not compare; choose another name"
            )
    if study.user_attrs.get(RUNGS) != list(rungs):
        raise UserError(
            f"--study-name: the trials of study '{study.study_name}' report at {_said(study.user_attrs.get(RUNGS))} "
            f"agent steps, not at {_said(list(rungs))}; choose another name, or the pruner and --n-evaluations it had"
        )
    for key, distribution in space.items():
        for old in {trial.distributions[key] for trial in trials if key in trial.distributions}:
            try:
                check_distribution_compatibility(old, distribution)
            except ValueError as error:
                raise UserError(
                    f"--study-name: study '{study.study_name}' searched {key} otherwise ({old}); choose another name"
                ) from error


def _demand_the_same_fixed(
    study: optuna.Study,
    fixed: Mapping[str, Mapping[str, Any]],
    where: Mapping[str, Mapping[str, str]],
    say: Callable[[str], None],
) -> None:
    """UserError, naming the first that differs, unless what is not searched for is as it was."""
    before = study.user_attrs[MEASURED].get(FIXED)
    here = json.loads(json.dumps(fixed))  # as it is stored
    if before is None:
        study.set_user_attr(MEASURED, {**study.user_attrs[MEASURED], FIXED: here})
        if fixed:
            say(
                f"study '{study.study_name}' is of an older version, which did not note the hyperparameters that are "
                "not searched for: they are taken to have been as they are now"
            )
        return
    for env in here:
        there = before.get(env, {})
        key = first_difference(there, here[env])
        if key is not None:
            was, now = (str(of[key]) if key in of else "not set or searched for" for of in (there, here[env]))
            place = where.get(env, {}).get(key)
            raise UserError(
                f"--study-name: the values of study '{study.study_name}' are for {key} {was} on {env}, not {now}"
                f"{f' ({place})' if place else ''}, and do not compare; choose another name"
            )


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
