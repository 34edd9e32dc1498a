"""A search for hyperparameters at work: an Optuna study whose trials are trainings, each in a process of its own."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.jobs.job import Launcher, reason_of
from dqn_zoo_ext.experiment.search.liveness import CONTINUES, Pulse, queue_again
from dqn_zoo_ext.experiment.search.options import SearchOptions
from dqn_zoo_ext.experiment.search.problem import Problem
from dqn_zoo_ext.experiment.search.pruners import reports_instances
from dqn_zoo_ext.experiment.search.samplers import is_exhausted
from dqn_zoo_ext.experiment.search.space import Space
from dqn_zoo_ext.experiment.search.storage import LOST
from dqn_zoo_ext.experiment.search.trial_runs import Failed, Pruned, Stopped, TrialRuns
from dqn_zoo_ext.experiment.signals import StopRequest
from dqn_zoo_ext.report.study_attributes import CONFIGURATION, INTERRUPTED, REASON
from dqn_zoo_ext.storage.study_folder import claim_trial, remove_checkpoints, trial_folder

_FOLDER = "folder"
"""A trial's user attribute: the name of its log folder, which goes on with it under its next number."""
_COUNTED = (TrialState.COMPLETE, TrialState.RUNNING, TrialState.PRUNED, TrialState.WAITING)
_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_BETWEEN_QUESTIONS = 1.0  # to the database


@dataclass
class Sweep:
    """Trials of `study`, `how.n_jobs` at a time, until there are enough or `stop` is asked.

    trials: the folder of the trials' log folders. on_change: called after each trial with its end, in one thread at a
    time; what a user can mend of its troubles waits until it is called again.
    """

    study: optuna.Study
    space: Space
    problem: Problem
    rungs: tuple[int, ...]
    how: SearchOptions
    launch: Launcher
    trials: Path
    on_change: Callable[[FrozenTrial, float], None]

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._begun = 0
        self._stopping = False
        self._pulse = Pulse(self.study, self.how.heartbeat, self._remove_checkpoints)

    def run(self, stop: StopRequest) -> None:
        """Until there are enough trials, or a signal has come.

        What stops one worker, such as a database that is lost, stops them all, each with a checkpoint.
        """
        with self._pulse.beating(), ThreadPoolExecutor(self.how.n_jobs) as pool:
            workers = [pool.submit(self._work) for _ in range(self.how.n_jobs)]
            try:
                under_way = set(workers)
                while under_way:
                    done, under_way = wait(under_way, timeout=_SECONDS_BETWEEN_LOOKS)
                    for worker in done:
                        worker.result()
                    if stop.asked() and not self._stopping:
                        self._stop()
            except BaseException:
                self._stop()
                raise

    def _stop(self) -> None:
        self._stopping = True
        self.launch.stop()

    def _work(self) -> None:
        while not self._stopping:
            trial = self._begin()
            if trial is not None:
                self._carry_out(trial)
            elif self._nothing_is_left():
                return
            else:  # the trials of other processes, which may yet die
                time.sleep(_SECONDS_BETWEEN_QUESTIONS)

    def _begin(self) -> Trial | None:
        with self._lock:  # between the count and the new trial, no other thread may begin one
            self._pulse.revive()
            waiting = self.study.get_trials(deepcopy=False, states=[TrialState.WAITING])
            if not waiting and not self._more_are_wanted():
                return None
            trial = self.study.ask(dict(self.space))
            if self._is_one_too_many(trial):
                trial.set_user_attr(REASON, INTERRUPTED)
                self.study.tell(trial, state=TrialState.FAIL)
                return None
            self._begun += CONTINUES not in trial.user_attrs
            return trial

    def _more_are_wanted(self) -> bool:
        most = self.how.max_total_trials
        if is_exhausted(self.study):
            return False
        if most is None:
            return self._begun < self.how.n_trials
        return len(self.study.get_trials(deepcopy=False, states=_COUNTED)) < most

    def _is_one_too_many(self, trial: Trial) -> bool:
        """Whether other processes have begun the last ones in the same moment."""
        most = self.how.max_total_trials
        if most is None or CONTINUES in trial.user_attrs:
            return False
        counted = self.study.get_trials(deepcopy=False, states=_COUNTED)
        return sum(each.number < trial.number for each in counted) >= most

    def _nothing_is_left(self) -> bool:
        if self.how.max_total_trials is None:
            return True
        return not self.study.get_trials(deepcopy=False, states=[TrialState.RUNNING, TrialState.WAITING])

    def _carry_out(self, trial: Trial) -> None:
        started, values, state, reason = time.monotonic(), None, TrialState.FAIL, ""
        with self._pulse.of(trial):
            try:
                values = self._train(trial, self._folder_of(trial))
                state = TrialState.COMPLETE
            except Pruned:
                state = TrialState.PRUNED
            except Stopped:
                self._put_back(trial)
                return
            except UpdateFinishedTrialError:  # another process thought this one dead, and goes on with its runs
                return
            except LOST:  # no fault of the trial
                raise
            except Exception as error:
                reason = str(error) if isinstance(error, Failed) else reason_of(error)
            with self._lock:
                told = self._tell(trial, values, state, reason, time.monotonic() - started)
        if told:
            self._remove_checkpoints(trial)

    def _folder_of(self, trial: Trial) -> Path:
        """Its log folder: that of the trial which it goes on with, or a new one."""
        return self._folder_there(trial) or claim_trial(
            self.trials, trial.number, lambda name: trial.set_user_attr(_FOLDER, name)
        )

    def _folder_there(self, trial: Trial | FrozenTrial) -> Path | None:
        attributes = trial.user_attrs
        if _FOLDER in attributes:
            return self.trials / str(attributes[_FOLDER])
        return self.trials / trial_folder(attributes[CONTINUES]) if CONTINUES in attributes else None

    def _remove_checkpoints(self, trial: Trial | FrozenTrial) -> None:
        """Of a trial that has ended for good."""
        folder = self._folder_there(trial)
        if folder is not None:
            remove_checkpoints(folder)

    def _train(self, trial: Trial, folder: Path) -> list[float]:
        jobs = self.problem.jobs(trial.params, folder)
        of_games = {job.configuration.env.gym_id: job.configuration.as_plain_data() for job in jobs}
        trial.set_user_attr(CONFIGURATION, of_games)
        runs = TrialRuns(jobs, self.launch, self.problem.score, lambda score, step: self._report(trial, score, step))
        if reports_instances(self.how.study.pruner):
            outcomes = runs.train_one_by_one()
        else:
            reached = max(self.study.get_trials(deepcopy=False)[trial.number].intermediate_values, default=0)
            outcomes = runs.train([rung for rung in self.rungs[:-1] if rung > reached])
        values = self.problem.values(jobs, outcomes)
        if len(values) == 1 and not reports_instances(self.how.study.pruner):
            trial.report(values[0], self.rungs[-1])
        return values

    def _report(self, trial: Trial, score: float, step: int) -> bool:
        if len(self.problem.objectives) > 1:
            return True
        trial.report(score, step)
        return not trial.should_prune()

    def _put_back(self, trial: Trial) -> None:
        """Stopped by a signal: whoever goes on with the study goes on with the trial first."""
        with suppress(UpdateFinishedTrialError):  # another process thought this one dead
            trial.set_user_attr(REASON, INTERRUPTED)
            queue_again(self.study, self.study.get_trials(deepcopy=False)[trial.number])

    def _tell(
        self, trial: Trial, values: Sequence[float] | None, state: TrialState, reason: str, seconds: float
    ) -> bool:
        """False if another process thought this one dead, and goes on with the trial's runs."""
        try:
            if reason:
                trial.set_user_attr(REASON, reason)
            told = self.study.tell(trial, values, state)
        except (ValueError, UpdateFinishedTrialError):
            return False
        with suppress(UserError):
            self.on_change(told, seconds)
        return True
