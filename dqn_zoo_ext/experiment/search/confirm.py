"""Whether the best trial may be more than luck: trained again with fresh seeds, beside what the search began from."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import numpy as np

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.aggregates import FEWEST_RUNS, mean_share_of_pairs_won, probability_of_improvement
from dqn_zoo_ext.experiment.jobs.job import Job, Launcher, Outcome
from dqn_zoo_ext.experiment.search.problem import Problem
from dqn_zoo_ext.experiment.search.trial_runs import Failed, Stopped
from dqn_zoo_ext.experiment.signals import StopRequest
from dqn_zoo_ext.words import counted

UNTUNED = "untuned"
_SAYS_LITTLE = f"fewer than {FEWEST_RUNS} runs each prove nothing: other seeds may well turn the order round"
_SECONDS_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True)
class Confirmation:
    """Scores of whole trainings with fresh seeds, a run each: with the best trial's values, and without any of them."""

    seeds: tuple[int, ...]
    best: tuple[float, ...]
    untuned: tuple[float, ...]

    @property
    def is_higher(self) -> bool:
        """Whether the mean is, with the best trial's values."""
        return fmean(self.best) > fmean(self.untuned)

    def lines(self) -> list[str]:
        """For people: which mean is higher, of how many runs, and how much that says."""
        higher = "higher" if self.is_higher else "no higher"
        *others, last = map(str, self.seeds)
        seeds = f"seeds {', '.join(others)} and {last}" if others else f"seed {last}"
        return [
            f"with fresh {seeds} the mean is {higher} ({_spread(self.best)} beside {_spread(self.untuned)} without the "
            "search's values)",
            f"{'mean +/- standard deviation of ' if others else ''}{counted(len(self.seeds), 'run')} each; probability "
            f"of improvement {self._improvement()}",
            *([_SAYS_LITTLE] if len(self.seeds) < FEWEST_RUNS else []),
        ]

    def _improvement(self) -> str:
        ours, theirs = (np.array([scores], dtype=np.float64).T for scores in (self.best, self.untuned))
        try:
            return str(probability_of_improvement(ours, theirs))
        except UserError:  # without rliable, an extra, there is no interval
            return f"{mean_share_of_pairs_won(ours, theirs):.3f}"


def fresh_seeds(problem: Problem, number: int) -> tuple[int, ...]:
    """So many seeds that no trial was trained with."""
    first = max(problem.seeds) + 1
    return tuple(range(first, first + number))


def confirm(
    problem: Problem,
    values: Mapping[str, object],
    seeds: Sequence[int],
    folder: Path,
    launch: Launcher,
    n_jobs: int,
    say: Callable[[str], None],
    stop: StopRequest,
) -> Confirmation:
    """Train with `values` and without, each with all `seeds`; what is done there already is not done again.

    folder: of the two log folders. Failed if a run fails, Stopped if it is told to stop.
    """
    jobs = {
        "best": problem.jobs(values, folder / "best", seeds),
        UNTUNED: problem.jobs({}, folder / UNTUNED, seeds),
    }
    runs = counted(len(jobs["best"]), "run")
    say(f"confirming the best trial: {runs} with its values and as many without, with fresh seeds")
    with ThreadPoolExecutor(n_jobs) as pool:
        under_way = {name: [pool.submit(launch, job, _never) for job in each] for name, each in jobs.items()}
        while wait([future for each in under_way.values() for future in each], timeout=_SECONDS_BETWEEN_LOOKS).not_done:
            if stop.asked():
                launch.stop()
        scores = {
            name: tuple(_score(problem, job, future.result()) for job, future in zip(jobs[name], each, strict=True))
            for name, each in under_way.items()
        }
    return Confirmation(tuple(seeds), scores["best"], scores[UNTUNED])


def _never(_: object) -> bool:
    return False


def _score(problem: Problem, job: Job, outcome: Outcome) -> float:
    if outcome.state in ("failed", "busy"):
        raise Failed(outcome.reason)
    if outcome.state != "finished" or outcome.results is None:
        raise Stopped
    return problem.score(job, outcome.results.evaluations[-1])


def _spread(scores: Sequence[float]) -> str:
    return f"{fmean(scores):.2f}" + (f" +/- {stdev(scores):.2f}" if len(scores) > 1 else "")
