"""A search for hyperparameters from its beginning to its report."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from dqn_zoo_ext.callbacks.progress import quiet_without_reader
from dqn_zoo_ext.config.brought import makes_checkpoints
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.jobs.job import Launcher
from dqn_zoo_ext.experiment.rehearse import doctors_lines, rehearse
from dqn_zoo_ext.experiment.search.confirm import Confirmation, confirm, fresh_seeds
from dqn_zoo_ext.experiment.search.options import SearchOptions
from dqn_zoo_ext.experiment.search.problem import Problem
from dqn_zoo_ext.experiment.search.pruners import rungs_of
from dqn_zoo_ext.experiment.search.space import Space, never_copied, search_space
from dqn_zoo_ext.experiment.search.storage import plain_storage_errors
from dqn_zoo_ext.experiment.search.study import best_of, open_study
from dqn_zoo_ext.experiment.search.sweep import Sweep
from dqn_zoo_ext.experiment.search.trial_runs import Failed, Stopped
from dqn_zoo_ext.experiment.signals import StopRequest, stop_requests
from dqn_zoo_ext.report.study_attributes import REASON
from dqn_zoo_ext.report.trials import TrialsReport
from dqn_zoo_ext.storage.run_lock import locked
from dqn_zoo_ext.storage.study_folder import StudyFolder, remove_checkpoints, trial_folder

_CONFIRMED = "confirmed"
"""A study's user attribute: which trial was trained with fresh seeds, and what came of it."""
_SECONDS_TO_WAIT = 24 * 3600.0  # for another process that confirms the winner


@dataclass(frozen=True)
class Searched:
    """A search that has ended. best: None if no trial is complete. stopped: by a signal, before there were enough."""

    study: optuna.Study
    best: FrozenTrial | None
    report: TrialsReport
    confirmation: Confirmation | None
    stopped: bool


def search(
    problem: Problem,
    how: SearchOptions,
    claim: Callable[[], StudyFolder],
    launch: Launcher,
    console: Console,
    heading: str,
) -> Searched:
    """Look through the space of the problem for its best values, and go on with what is there already.

    claim: makes the study's folder or finds it, once nothing is in the way of a trial. heading: said then. The report
    is written anew after each trial. The best trial is trained again with fresh seeds before it is called the winner.
    UserError for what the user can mend, before the first trial; later, if the study's storage is lost.
    """
    configurations = problem.configurations({})
    spaces = [search_space(load, problem.overrides) for load in problem.loads]  # the same; each game allows its ends
    rungs = _rungs(problem, how)
    looked_at = [(each.env.gym_id, rehearse(each, problem.options)) for each in configurations]
    older: list[str] = []
    folder, study = _opened(problem, how, claim, spaces[0], rungs, older.append)
    names = tuple(configuration.env.folder_name for configuration in configurations)
    telling = _Telling(study, problem, how, TrialsReport(folder.path, names), console)
    warned = [*doctors_lines(looked_at), *never_copied(spaces[0], configurations)]
    for line in [heading, f"study '{folder.name}', {folder.path}", *older, *problem.remarks(), *warned]:
        telling.say(line)
    storage = how.study.storage or folder.database
    with plain_storage_errors(storage, folder.name), stop_requests() as stop:
        telling.write()
        trials = folder.trials if how.log_path is None else how.log_path / folder.name
        Sweep(study, spaces[0], problem, rungs, how, launch, trials, telling.told).run(stop)
        confirmation = _confirmed(study, problem, how, folder, launch, stop, telling.say)
        telling.write(confirmation)
        if how.plots:
            telling.report.write_page(study, storage)
        return Searched(study, best_of(study), telling.report, confirmation, stop.asked())


def _opened(
    problem: Problem,
    how: SearchOptions,
    claim: Callable[[], StudyFolder],
    space: Space,
    rungs: tuple[int, ...],
    say: Callable[[str], None],
) -> tuple[StudyFolder, optuna.Study]:
    """The study that is named, or else a new one whose name is free both beside other studies and in the storage."""
    with ExitStack() as taken:  # names that the storage has a study of: claimed until a free one is found
        while True:
            folder = claim()
            try:
                study = open_study(
                    replace(how.study, storage=how.study.storage or folder.database, name=folder.name),
                    space,
                    problem.measured(space),
                    rungs=rungs,
                    seed=problem.options.seed,
                    directions=problem.directions,
                    several_workers=how.n_jobs > 1,
                    new=how.study.name is None,
                    where=problem.where(),
                    say=say,
                )
            except DuplicatedStudyError:
                taken.callback(folder.discard)
            except UserError:
                folder.discard()
                raise
            else:
                return folder, study


def _rungs(problem: Problem, how: SearchOptions) -> tuple[int, ...]:
    n_timesteps = problem.configurations({})[0].hyperparameters.n_timesteps
    rungs = rungs_of(how.study.pruner, n_timesteps, how.study.n_rungs, how.study.reduction_factor)
    several_runs = len(problem.seeds) * len(problem.envs) > 1
    if several_runs and not makes_checkpoints(problem.algo):  # they cannot wait for each other
        return rungs[-1:]
    return rungs


def _confirmed(
    study: optuna.Study,
    problem: Problem,
    how: SearchOptions,
    folder: StudyFolder,
    launch: Launcher,
    stop: StopRequest,
    say: Callable[[str], None],
) -> Confirmation | None:
    """The best trial's confirmation, once no trial is under way; one process sees to it."""
    at_work = study.get_trials(deepcopy=False, states=[TrialState.RUNNING, TrialState.WAITING])
    best = best_of(study)
    if best is None or at_work or stop.asked() or how.confirm_seeds < 1 or len(problem.objectives) > 1:
        return None
    folder.confirmation.mkdir(exist_ok=True)
    with locked(folder.confirmation, _SECONDS_TO_WAIT, say):
        done = study.user_attrs.get(_CONFIRMED)
        seeds = fresh_seeds(problem, how.confirm_seeds)
        place = folder.confirmation / trial_folder(best.number)
        if done is not None and done["trial"] == best.number and done["seeds"] == list(seeds):
            remove_checkpoints(place)  # unless that is done: a process may have been killed before
            return Confirmation(seeds, tuple(done["best"]), tuple(done["untuned"]))
        try:
            found = confirm(problem, best.params, seeds, place, launch, how.n_jobs, say, stop)
        except Stopped:
            return None
        except Failed as error:
            say(f"the best trial cannot be confirmed: {error}")
            return None
        study.set_user_attr(
            _CONFIRMED,
            {"trial": best.number, "seeds": list(seeds), "best": list(found.best), "untuned": list(found.untuned)},
        )
        remove_checkpoints(place)
        return found


class _Telling:
    """What is said and written after each trial."""

    def __init__(
        self, study: optuna.Study, problem: Problem, how: SearchOptions, report: TrialsReport, console: Console
    ) -> None:
        self.report = report
        self._study = study
        self._problem = problem
        self._how = how
        self._console = console
        self._seconds: list[float] = []

    def told(self, trial: FrozenTrial, seconds: float) -> None:
        """A trial has ended, after so many seconds of this process."""
        self._seconds.append(seconds)
        self.say(f"trial {trial.number}: {_outcome(trial)}, {self._so_far()}, {seconds:,.0f} s{self._time_left()}")
        self.write()

    def write(self, confirmation: Confirmation | None = None) -> None:
        """Table and winner, as they are now."""
        self.report.write_table(self._study)
        best = best_of(self._study)
        if best is not None:
            told = ["Not trained again with fresh seeds."] if confirmation is None else confirmation.lines()
            remarks = [*self._problem.remarks(), *told]
            self.report.write_winner(self._study, best, self._problem.algo, remarks)

    def say(self, line: str) -> None:
        """A line on the terminal."""
        with quiet_without_reader(self._console):
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _so_far(self) -> str:
        best = best_of(self._study)
        if len(self._problem.objectives) > 1:
            return f"{len(self._study.best_trials)} on the Pareto front"
        return "none complete yet" if best is None else f"best so far {_values(best)} in trial {best.number}"

    def _time_left(self) -> str:
        wanted = self._how.max_total_trials or self._how.n_trials
        ended = sum(trial.state.is_finished() and REASON not in trial.user_attrs for trial in self._study.trials)
        left = wanted - (ended if self._how.max_total_trials else len(self._seconds))
        if left < 1:
            return ""
        seconds = sum(self._seconds) / len(self._seconds) * left / self._how.n_jobs
        return f", about {timedelta(seconds=round(seconds))} left"


def _outcome(trial: FrozenTrial) -> str:
    if trial.state == TrialState.FAIL:
        return f"failed: {trial.user_attrs.get(REASON, 'unknown')}"
    if trial.state == TrialState.PRUNED:
        reached = max(trial.intermediate_values, default=0)
        return f"given up at {reached:,} with {trial.intermediate_values.get(reached, float('nan')):.1f}"
    return _values(trial)


def _values(trial: FrozenTrial) -> str:
    return ", ".join(f"{value:,.4g}" for value in trial.values or [])
