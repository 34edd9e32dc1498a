"""A search for hyperparameters on the command line: the options of ``tune`` and ``train -optimize``, and its words."""

import shlex
from argparse import Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from dqn_zoo_ext.callbacks.progress import quiet_without_reader
from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.cli.preset_options import faithful_to
from dqn_zoo_ext.cli.sharing_options import add_sharing_options, launcher_of
from dqn_zoo_ext.cli.values import whole_number
from dqn_zoo_ext.cli.verb import EXIT_SAVED, python_to_type
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.config.yaml_source import Located
from dqn_zoo_ext.envs.ids import EnvId
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.search.options import PRUNERS, SAMPLERS, SearchOptions, StudyOptions
from dqn_zoo_ext.storage.study_folder import STUDIES, StudyFolder
from dqn_zoo_ext.words import counted

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from dqn_zoo_ext.experiment.search.search import Searched


FIRST_SEED = 1
"""Of a search that is given none: the same command, typed again or on another machine, is to go on with its study."""


def add_search_options(parser: Parser) -> None:
    """The options of RL-Zoo's ``train`` that make it a search."""
    add_study_options(parser, default_pruner="median")
    group = parser.add_argument_group("instead of one training, a search")
    group.add_argument("-optimize", "--optimize-hyperparameters", action="store_true", help="search")
    group.add_argument(
        "--n-trials", type=whole_number(1), default=500, metavar="N", help="trainings of this process (default: 500)"
    )
    group.add_argument(
        "--max-total-trials", type=whole_number(1), metavar="N", help="of the whole study instead, failed ones apart"
    )
    group.add_argument(
        "--trial-id", type=whole_number(), metavar="N", help="train with the values of this trial of a stored study"
    )
    group.add_argument(
        "--optimization-log-path",
        type=Path,
        metavar="DIR",
        help="where the trials' runs go, in a folder of the study's name (default: beside the study)",
    )
    group.add_argument("--no-optim-plots", action="store_true", help="no report.html with plots of the search")
    add_sharing_options(parser, default_jobs=1)


def add_study_options(parser: Parser, default_pruner: str | None) -> None:
    """How values are chosen, which trials are given up, and where it is all kept: RL-Zoo's options and more.

    default_pruner: None for one that suits the number of objectives.
    """
    group = parser.add_argument_group(
        "search for hyperparameters",
        "Many trainings with values from the configuration's search: block; what -params gives is not searched for.",
    )
    group.add_argument(
        "--sampler",
        choices=[*SAMPLERS, "auto"],
        default="tpe",
        help="how values are chosen; auto is tpe (default: tpe)",
    )
    group.add_argument(
        "--pruner",
        choices=PRUNERS,
        default=default_pruner,
        help="which trainings are given up early (default: median; none for several objectives)",
    )
    group.add_argument(
        "--n-startup-trials",
        type=whole_number(0),
        default=10,
        metavar="N",
        help="random trainings before sampler and pruner begin (default: 10)",
    )
    group.add_argument(
        "--n-evaluations",
        type=whole_number(1),
        metavar="N",
        help="rungs of each training, at which it is evaluated and may be given up (default: one per 100,000 agent "
        "steps; for hyperband and halving 3 or 4, each --reduction-factor times the one before)",
    )
    group.add_argument(
        "--reduction-factor",
        type=whole_number(2),
        default=4,
        metavar="N",
        help="of hyperband and halving: one training in so many goes on at a rung (default: 4)",
    )
    _add_keeping_options(parser)


def _add_keeping_options(parser: Parser) -> None:
    group = parser.add_argument_group("what is kept of the search")
    group.add_argument(
        "--confirm-seeds",
        type=whole_number(0),
        default=2,
        metavar="N",
        help="at the end, train the best values and the untuned ones with so many fresh seeds each (default: 2)",
    )
    group.add_argument(
        "--storage",
        metavar="URL",
        help="where the study is kept: sqlite:///search.db, postgresql://..., or a journal file .log "
        "(default: a database in LOG_FOLDER/studies/NAME/)",
    )
    group.add_argument("--study-name", metavar="NAME", help="a study of this name is gone on with (default: a new one)")
    group.add_argument(
        "--heartbeat",
        type=whole_number(1),
        default=60,
        metavar="S",
        help="a trial whose process has not been heard of for twice so many seconds goes on in another (default: 60)",
    )


def storage_of(options: Namespace) -> str:
    """Where the named study is kept."""
    if options.storage is not None:
        return str(options.storage)
    return StudyFolder(options.log_folder / STUDIES / options.study_name).database


def study_options_of(options: Namespace, objectives: Sequence[str] = ("score",)) -> StudyOptions:
    """What ``add_study_options`` were given."""
    return StudyOptions(
        storage=options.storage,
        name=options.study_name,
        sampler="tpe" if options.sampler == "auto" else options.sampler,
        pruner=options.pruner or ("median" if len(objectives) == 1 else "none"),
        n_startup_trials=options.n_startup_trials,
        n_rungs=options.n_evaluations,
        reduction_factor=options.reduction_factor,
        objectives=tuple(objectives),
    )


def search_and_tell(
    options: Namespace,
    envs: Sequence[EnvId],
    seeds: Sequence[int],
    overrides: Mapping[str, object],
    run_options: RunOptions,
    how: SearchOptions,
    console: Console,
) -> int:
    """Search, say what was found, and give the exit code."""
    from dqn_zoo_ext.experiment.search.problem import Problem
    from dqn_zoo_ext.experiment.search.search import search

    if options.sampler == "auto":
        _say(console, "--sampler auto: RL-Zoo would load code for it from the network; this searches with tpe")
    loads = [_Load(options.algo, env, options.conf_file, faithful_to(options)) for env in envs]
    problem = Problem(
        algo=options.algo,
        envs=envs,
        loads=loads,
        overrides=overrides,
        seeds=seeds,
        objectives=how.study.objectives,
        options=run_options,
        modules=tuple(options.gym_packages),
    )
    trials = how.max_total_trials or how.n_trials
    launch, side = launcher_of(options, trials, problem.configurations({}), run_options)
    problem, how = replace(problem, threads=side.threads), replace(how, n_jobs=side.jobs)
    threads = counted(side.threads, "thread")
    at_once = f"{side.jobs} at a time, {threads} each" if side.jobs > 1 else threads
    heading = f"searching: {options.algo} on {', '.join(env.gym_id for env in envs)}, {at_once}"
    name = how.study.name or "-".join([options.algo, *(env.folder_name for env in envs)])
    claim = partial(StudyFolder.claim, run_options.log_folder, name, numbered=how.study.name is None)
    searched = search(problem, how, claim, launch, console, heading)
    for line in _summary(searched, options, envs, with_page=how.plots):
        _say(console, line)
    if searched.stopped:
        _say(console, f"stopped; the same command with --study-name {searched.study.study_name} goes on")
        return EXIT_SAVED
    if searched.best is None and len(problem.objectives) == 1:
        raise UserError(f"no trial of the search was completed; {searched.report.table} says why")
    return 0


@dataclass(frozen=True)
class _Load:
    """``config.load`` with all its arguments but the overrides."""

    algo: str
    env: EnvId
    conf_file: Path | None
    between: Mapping[str, Located]

    def __call__(self, overrides: Mapping[str, object]) -> Configuration:
        return load(self.algo, self.env, conf_file=self.conf_file, between=self.between, overrides=overrides)


def _say(console: Console, line: str) -> None:
    with quiet_without_reader(console):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _summary(searched: "Searched", options: Namespace, envs: Sequence[EnvId], with_page: bool) -> list[str]:
    from dqn_zoo_ext.report.study_page import values_said

    trials = searched.study.get_trials(deepcopy=False)
    states = Counter(trial.state.name.lower() for trial in trials)
    counted = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    lines = [f"study '{searched.study.study_name}' has {len(trials)} trials: {counted}"]
    report = searched.report
    lines += [f"all trials: {report.table}", *([f"report: {report.page}"] if with_page else [])]
    if searched.best is None:
        return lines
    front = searched.study.best_trials if len(searched.study.directions) > 1 else [searched.best]
    best = [f"best: {values_said(searched.study, trial)} in trial {trial.number}: {_chosen(trial)}" for trial in front]
    confirmed = [] if searched.confirmation is None else searched.confirmation.lines()
    what = "next"
    if searched.confirmation is not None and not searched.confirmation.is_higher:
        lines.append("it did no better there than what it began from: keep that, or search longer")
        what = "to train with it all the same"
    for env in envs:
        words = ["--algo", options.algo, "--env", env.requested, "-conf", str(report.winner(env.folder_name))]
        words += ["--gym-packages", *options.gym_packages] if options.gym_packages else []
        lines.append(f"{what}: {python_to_type()} -m dqn_zoo_ext.train {shlex.join(words)}")
    lines.append("      (as long as a trial; add -n for a longer run)")
    return [*best, *confirmed, *lines]


def _chosen(trial: "FrozenTrial") -> str:
    return ", ".join(f"{key} {value}" for key, value in trial.params.items())
