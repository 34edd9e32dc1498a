"""What a search looks for: an algorithm's values, by the scores of its runs on some games with some seeds."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.envs.ids import EnvId
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.evaluation.levels import levels_rules, same_rules_as_levels
from dqn_zoo_ext.evaluation.scores import human_normalised_of
from dqn_zoo_ext.experiment.jobs.job import Job, Outcome
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.search.space import Load, without
from dqn_zoo_ext.experiment.search.study import FIXED, Direction
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.results import EvaluationRecord
from dqn_zoo_ext.storage.run_folder import RunFolder

_SAID_APART = ("n_timesteps", "eval_protocol", "eval_episodes", "eval_freq")
"""Hyperparameters of which `Problem.measured` has what the trials really have; they are evaluated at their rungs."""
OBJECTIVES: dict[str, Direction] = {"score": "maximize", "speed": "maximize", "memory": "minimize"}
"""score: of the last evaluation. speed: agent steps a second. memory: bytes, at the most, of one run."""


@dataclass(frozen=True)
class Problem:
    """One algorithm on one game or several, each with the same seeds; every trial trains them all.

    loads: the configuration of each game, given what is laid over it. overrides: given by the user, not searched for.
    options: of every run, but for its seed and folder.
    """

    algo: str
    envs: Sequence[EnvId]
    loads: Sequence[Load]
    overrides: Mapping[str, object]
    seeds: Sequence[int]
    objectives: Sequence[str]
    options: RunOptions
    modules: tuple[str, ...] = ()
    threads: int = 0

    def __post_init__(self) -> None:
        for name in self.objectives:
            if name not in OBJECTIVES:
                raise UserError(f"--objectives: unknown objective '{name}'{nearest(name, OBJECTIVES)}")
            if list(self.objectives).count(name) > 1:
                raise UserError(f"--objectives: {name} is given twice")
        if self.is_normalised:
            for env in self.envs:
                if env.game is None or human_normalised_of(env.game, 0.0) is None:
                    raise UserError(
                        f"--env: several games are compared by human-normalised scores, and {env.gym_id} has no "
                        "published scores of random play and a person"
                    )
        lengths = {each.hyperparameters.n_timesteps for each in self.configurations({})}
        if len(lengths) > 1:
            raise UserError(f"--env: the games are trained for {sorted(lengths)} agent steps; give one number with -n")

    @property
    def is_normalised(self) -> bool:
        """Whether scores are human-normalised: where several games have to be added up."""
        return len(self.envs) > 1

    @property
    def directions(self) -> list[Direction]:
        """Of the objectives."""
        return [OBJECTIVES[name] for name in self.objectives]

    def configurations(self, values: Mapping[str, object]) -> list[Configuration]:
        """Of each game, with `values` laid over them. UserError if they make none."""
        return [load({**self.overrides, **values}) for load in self.loads]

    def measured(self, searched: Collection[str]) -> dict[str, Any]:
        """What a trial's value is a value of, as plain data. searched: the keys that trials draw values for.

        fixed: of each game, by its dotted key, every other hyperparameter that a trial is trained with.
        """
        parameters = self.configurations({})[0].hyperparameters
        return {
            "algo": self.algo,
            "env": " ".join(env.gym_id for env in self.envs),
            "n_timesteps": parameters.n_timesteps,
            "eval_protocol": parameters.eval_protocol,
            "eval_episodes": self.options.eval_episodes or parameters.eval_episodes,
            "seeds": list(self.seeds),
            FIXED: {
                each.env.gym_id: without(each.flat(), [*searched, *_SAID_APART]) for each in self.configurations({})
            },
        }

    def where(self) -> dict[str, dict[str, str]]:
        """Where each hyperparameter of each game stands."""
        return {
            each.env.gym_id: {key: str(source) for key, source in each.sources.items()}
            for each in self.configurations({})
        }

    def remarks(self) -> list[str]:
        """What must be said of the scores: by what human-normalised ones are."""
        if not self.is_normalised:
            return []
        own = [each.hyperparameters.eval_protocol for each in self.configurations({})]
        stickiness = [env.repeat_action_probability for env in self.envs]
        same = all(map(same_rules_as_levels, own, stickiness))
        others = "" if same else f"; the evaluations are by {' and '.join(dict.fromkeys(own))}, which are other rules"
        return [f"scores are human-normalised: 0 is random play, 1 a person, by the rules of {levels_rules()}{others}"]

    def jobs(self, values: Mapping[str, object], log_folder: Path, seeds: Sequence[int] = ()) -> list[Job]:
        """The runs of a trial, in folders of `log_folder` that are there already or have been made.

        seeds: instead of the search's own. UserError if the values make no configuration.
        """
        jobs, seeds = [], seeds or self.seeds
        for configuration in self.configurations(values):
            for number, seed in enumerate(seeds, start=1):
                options = replace(
                    self.options,
                    seed=seed,
                    log_folder=log_folder,
                    eval_freq=configuration.hyperparameters.n_timesteps,
                    arguments={**self.options.arguments, "seed": seed},
                    verbose=0,
                )
                folder = _folder(log_folder, self.algo, configuration.env.folder_name, number, len(seeds))
                jobs.append(Job(configuration=configuration, options=options, folder=folder, modules=self.modules,
                                threads=self.threads))  # fmt: skip
        return jobs

    def score(self, job: Job, record: EvaluationRecord) -> float:
        """Of an evaluation: its mean, human-normalised where games have to be added up."""
        game = job.configuration.env.game
        if not self.is_normalised or game is None:
            return record.mean
        normalised = human_normalised_of(game, record.mean)
        assert normalised is not None  # it was asked for when the problem was made
        return normalised

    def values(self, jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> list[float]:
        """A trial's values, one for each objective, as means over its runs."""
        results = [outcome.results for outcome in outcomes if outcome.results is not None]
        found = {
            "score": fmean(self.score(job, each.evaluations[-1]) for job, each in zip(jobs, results, strict=True)),
            "speed": fmean(each.agent_steps_per_second for each in results),
            "memory": float(max(each.most_memory for each in results)),
        }
        return [found[name] for name in self.objectives]


def _folder(log_folder: Path, algo: str, env: str, number: int, runs: int = 1) -> RunFolder:
    """That of the run if it can go on, or has nothing to show yet; else a new one, with its number plus n * `runs`.

    What has results and nothing to go on from is kept. What a killed process has left is the job's to remove, which
    holds the lock.
    """
    for further in itertools.count(number, runs):
        folder = RunFolder(log_folder / algo / f"{env}_{further}", algo, env)
        if not folder.path.exists():
            return RunFolder.claim(log_folder, algo, env, number=further)
        if CheckpointFolder(folder.checkpoint_folder).is_there() or not folder.results.exists():
            return folder
    raise AssertionError  # there is always a further one
