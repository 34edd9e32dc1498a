"""The runs of one trial: each game with each seed, trained rung by rung."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from dqn_zoo_ext.experiment.jobs.job import GoOn, Job, Launcher, Outcome
from dqn_zoo_ext.storage.results import EvaluationRecord


class Pruned(Exception):  # noqa: N818  # not an error
    """The trial was given up at a rung."""


class Stopped(Exception):  # noqa: N818  # not an error
    """The trial was told to stop, and can go on from its checkpoints."""


class Failed(Exception):  # noqa: N818  # it says why
    """A run of the trial failed, for the reason that this says."""


@dataclass(frozen=True)
class TrialRuns:
    """Trains all runs of a trial.

    score: of a job's evaluation, such that higher is better. report: takes the mean score of all runs at a rung, or,
    where the pruner compares instances, the score of one run and its index; says whether the trial is to go on. A run
    that another process is still at work on is waited for, until `launch` is told to stop.
    """

    jobs: Sequence[Job]
    launch: Launcher
    score: Callable[[Job, EvaluationRecord], float]
    report: Callable[[float, int], bool]

    def train(self, rungs: Sequence[int]) -> list[Outcome]:
        """To the end, by way of `rungs`: agent steps ahead of all the runs.

        A run alone goes through in one process. Of several, all come to a rung before any goes further, each pausing on
        disk. Pruned, Stopped or Failed if it does not come to the end.
        """
        if len(self.jobs) == 1:
            (job,) = self.jobs
            return [self._alone(job, rungs)]
        for rung in rungs:
            outcomes = [self._launched(replace(job, rungs=(rung,)), "paused") for job in self.jobs]
            self._judge(fmean(map(self._last_score, self.jobs, outcomes)), rung)
        return [self._launched(job, "finished") for job in self.jobs]

    def train_one_by_one(self) -> list[Outcome]:
        """Each to its end, reported as it comes, for a pruner that compares instances."""
        outcomes = []
        for index, job in enumerate(self.jobs):
            outcomes.append(self._launched(job, "finished"))
            if index + 1 < len(self.jobs):
                self._judge(self._last_score(job, outcomes[-1]), index)
        return outcomes

    def _alone(self, job: Job, rungs: Sequence[int]) -> Outcome:
        ahead = list(rungs)

        def go_on(record: EvaluationRecord) -> bool:
            return self.report(self.score(job, record), ahead.pop(0))

        return self._launched(replace(job, rungs=tuple(rungs)), "finished", go_on)

    def _launched(self, job: Job, wanted: str, go_on: GoOn = lambda _: False) -> Outcome:
        outcome = self.launch(job, go_on)
        while outcome.state == "busy":  # the trial was thought dead, and its run is not: it comes to a rung, and pauses
            outcome = self.launch(job, go_on)
        if outcome.state == "failed":
            raise Failed(outcome.reason)
        if outcome.state == "stopped":
            raise Stopped
        if outcome.state == "paused" and wanted == "finished":
            raise Pruned
        return outcome

    def _judge(self, score: float, step: int) -> None:
        if not self.report(score, step):
            raise Pruned

    def _last_score(self, job: Job, outcome: Outcome) -> float:
        assert outcome.results is not None  # it neither failed nor died
        return self.score(job, outcome.results.evaluations[-1])
