"""Optuna's studies: where they are kept, how they choose values, and which trials they give up."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.experiment.search.options import StudyOptions
from dqn_zoo_ext.experiment.search.space import Space

MEASURED = "measured"
"""A study's user attribute: what its values are values of."""
_SQLITE = "sqlite:///"


class SeededByTrial(BaseSampler):
    """A sampler whose draws follow from the seed, the trial's number and the trials before.

    They do not follow from what this process has drawn already: a study that is resumed with its seed does not try the
    same values again, and several processes with one seed do not all try the same.
    """

    def __init__(self, make: Callable[..., BaseSampler], seed: int) -> None:
        self._make = make
        self._seed = seed
        self._of_trial: dict[int, BaseSampler] = {}

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Make the trial's own sampler."""
        self._of_trial[trial.number] = self._make(seed=(self._seed + trial.number) % 2**32)
        self._of_trial[trial.number].before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The values that are drawn together."""
        return self._of_trial[trial.number].infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw them."""
        return self._of_trial[trial.number].sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one of the others."""
        return self._of_trial[trial.number].sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Let the trial's sampler go."""
        self._of_trial.pop(trial.number).after_trial(study, trial, state, values)


def open_study(
    options: StudyOptions, space: Space, measured: Mapping[str, Any], n_evaluations: int, seed: int
) -> optuna.Study:
    """The study to search with: the one of that name if it is there already.

    measured: what its values are values of. UserError if the storage cannot be opened, or if the study measured
    something else or had another kind of space.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    file = _file_of(options.storage)
    try:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            storage=None if options.storage is None else _opened(options.storage),
            sampler=SeededByTrial(_sampler(options), seed),
            pruner=_pruner(options, n_evaluations),
            study_name=options.name,
            direction="maximize",
            load_if_exists=True,
        )
    except Exception as error:  # whatever the storage's library raises
        raise _cannot_open(error) from error
    _demand_the_same(study, space, measured)
    return study


def trial_values(storage: str, name: str, number: int) -> dict[str, Any]:
    """What a trial of a stored study chose, for the overrides of ``config.load``. UserError if it is not there."""
    file = _file_of(storage)
    if file is not None and not file.is_file():
        raise UserError(f"--storage: no file {str(file)!r}")
    try:
        opened = _opened(storage)
        names = optuna.get_all_study_names(opened)
        if name not in names:
            raise UserError(f"--study-name: unknown study '{name}'{nearest(name, names) or '; the storage is empty'}")
        trials = optuna.load_study(study_name=name, storage=opened).trials
    except UserError:
        raise
    except Exception as error:
        raise _cannot_open(error) from error
    if not 0 <= number < len(trials):
        there = f"it has 0 to {len(trials) - 1}" if trials else "it has none"
        raise UserError(f"--trial-id: study '{name}' has no trial {number}; {there}")
    return dict(trials[number].params)


def best_of(study: optuna.Study) -> FrozenTrial | None:
    """The complete trial with the highest value, if any is complete."""
    complete = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    return max(complete, key=lambda trial: trial.value or 0.0, default=None)


def _file_of(storage: str | None) -> Path | None:
    if storage is None:
        return None
    if storage.endswith(".log"):
        return Path(storage)
    return Path(storage.removeprefix(_SQLITE).partition("?")[0]) if storage.startswith(_SQLITE) else None


def _opened(storage: str) -> str | JournalStorage:
    return JournalStorage(JournalFileBackend(storage)) if storage.endswith(".log") else storage


def _cannot_open(error: Exception) -> UserError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]  # the URL itself may hold a password
    return UserError(f"--storage: cannot be opened as a URL such as sqlite:///search.db, or a .log file: {reason}")


def _sampler(options: StudyOptions) -> Callable[..., BaseSampler]:
    if options.sampler == "random":
        return RandomSampler
    return partial(TPESampler, n_startup_trials=options.n_startup_trials)


def _pruner(options: StudyOptions, n_evaluations: int) -> BasePruner:
    if options.pruner == "median":
        return MedianPruner(options.n_startup_trials, n_warmup_steps=n_evaluations // 3)
    if options.pruner == "halving":
        return SuccessiveHalvingPruner(min_resource=1, reduction_factor=4, min_early_stopping_rate=0)
    return NopPruner()


def _demand_the_same(study: optuna.Study, space: Space, measured: Mapping[str, Any]) -> None:
    trials = study.get_trials(deepcopy=False)
    before = study.user_attrs.get(MEASURED)
    if before is None:
        if trials:
            raise UserError(
                f"--study-name: study '{study.study_name}' was made by another program; choose another name"
            )
        study.set_user_attr(MEASURED, dict(measured))
        return
    for key, value in measured.items():
        if before.get(key) != value:
            raise UserError(
                f"--study-name: the values of study '{study.study_name}' are for {key} {before.get(key)}, not {value}, "
                "and do not compare; choose another name"
            )
    for key, distribution in space.items():
        for old in {trial.distributions[key] for trial in trials if key in trial.distributions}:
            try:
                check_distribution_compatibility(old, distribution)
            except ValueError as error:
                raise UserError(
                    f"--study-name: study '{study.study_name}' searched {key} otherwise ({old}); choose another name"
                ) from error
