"""``python -m dqn_zoo_ext.train``: train an agent as its YAML files say, or search for better hyperparameters."""

import contextlib
import shlex
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from rich.console import Console

from dqn_zoo_ext.callbacks.progress import quiet_without_reader
from dqn_zoo_ext.cli.preset_options import faithful_to
from dqn_zoo_ext.cli.search_options import FIRST_SEED, search_and_tell, storage_of, study_options_of
from dqn_zoo_ext.cli.train_options import make_parser, overrides_of, parse_training, run_options_of
from dqn_zoo_ext.cli.train_resume import AUTO, begin_anew, run_to_resume
from dqn_zoo_ext.cli.verb import EXIT_SAVED, command_of, prepare, python_to_type, run_verb
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.resume import Changed, resume_words
from dqn_zoo_ext.experiment.run import Finished, resume, train
from dqn_zoo_ext.experiment.search.options import SearchOptions
from dqn_zoo_ext.experiment.tracking import TrackingOptions, tracked
from dqn_zoo_ext.storage.results import RunResults
from dqn_zoo_ext.storage.run_folder import RunFolder
from dqn_zoo_ext.words import counted

_SECONDS_TO_WAIT = 60.0  # a job that was requeued may start while the one before it still saves


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, train or search, say where everything lies."""
    options = parse_training(make_parser(), arguments)
    prepare(options)
    run, options = run_to_resume(options, arguments)
    prepare(options)  # what was typed when the run was begun may name plug-ins too
    _refuse_what_does_not_go_together(options)
    overrides = _overrides(options)
    load_with = partial(load, options.algo, resolve(options.env), conf_file=options.conf_file)
    configuration = load_with(overrides=overrides, between=faithful_to(options))
    run_options = run_options_of(options, command_of("train", arguments))
    console = Console(quiet=options.verbose < 1)
    with tracked(configuration, run_options.seed, _tracking(options)) if options.track else contextlib.nullcontext():
        if options.optimize_hyperparameters:
            return _search(options, overrides, run_options, console)
        if run is None:
            claimed = None if options.resume is None else begin_anew(options, partial(_say, console))
            finished = train(configuration, run_options, console, claimed)
        else:
            with _naming(run) if options.resume == AUTO else contextlib.nullcontext():
                wait = _SECONDS_TO_WAIT if options.resume == AUTO else 0.0
                finished = resume(run, configuration, run_options, options.allow_change, console, wait)
    for line in _summary(finished, options.gym_packages):
        _say(console, line)
    if finished.stopped_by is None:
        return 0
    return EXIT_SAVED if finished.saved else 128 + finished.stopped_by


@contextlib.contextmanager
def _naming(run: RunFolder) -> Iterator[None]:
    """Where a run that nobody named cannot go on, say which one it is."""
    try:
        yield
    except Changed as error:
        raise UserError(
            f"{error}; the latest run of this seed is {run.path}: --resume FOLDER goes on with another one, and "
            "without --resume, or with another -f, a new one begins"
        ) from None


def _say(console: Console, line: str) -> None:
    with quiet_without_reader(console):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _summary(finished: Finished, gym_packages: Sequence[str]) -> list[str]:
    run, results = finished.run, finished.results
    python, again = shlex.quote(python_to_type()), resume_words(run, gym_packages)
    go_on = f"go on with: {python} -m dqn_zoo_ext.train {again}"
    if results is None:
        assert finished.stopped_by is not None
        return [f"stopped by {finished.stopped_by.name} before it went on: its last checkpoint is as it was; {go_on}"]
    lines = [] if finished.was_finished else _what_came_of_it(results)
    number = run.path.name.removeprefix(f"{run.env}_")
    words = ["--algo", run.algo, "--env", results.env, "-f", str(run.path.parent.parent), "--exp-id", number]
    agent = shlex.join([*words, "--gym-packages", *gym_packages] if gym_packages else words)
    if finished.stopped_by is not None and finished.saved:
        lines.append(f"stopped by {finished.stopped_by.name}; {go_on}")
    elif finished.stopped_by is not None:
        lines.append(f"stopped by {finished.stopped_by.name}; no checkpoint was made of this moment")
    elif finished.was_finished:
        more = f"-n {2 * results.agent_steps} --allow-change n_timesteps"
        lines.append(
            f"the run was finished after {counted(results.agent_steps, 'agent step')}; more: {python} -m "
            f"dqn_zoo_ext.train {again} {more}"
        )
    if results.updates == 0:
        lines.append(
            "0 updates: this network has not learned; its scores are those of its first weights and of luck"
            + ("" if finished.stopped_by is not None else ". Train for longer than learning_starts (-n)")
        )
    return [
        *lines,
        f"everything lies in {run.path}",
        f"next: {python} -m dqn_zoo_ext.evaluate {agent}",
        f"      {python} -m dqn_zoo_ext.record_video {agent}",
    ]


def _what_came_of_it(results: RunResults) -> list[str]:
    lines = [
        f"{counted(results.agent_steps, 'agent step')} and {counted(results.updates, 'update')} in "
        f"{counted(round(results.seconds), 'second')} ({results.agent_steps_per_second:,.0f} agent steps per second)"
    ]
    if results.seconds_spent:
        lines.append(f"time spent: {_shares(results.seconds_spent)}")
    if results.best is not None:
        which = "best evaluation" if len(results.evaluations) > 1 else "evaluation"
        lines.append(
            f"{which}: {results.best.mean:.1f} +/- {results.best.std:.1f} after {results.best.agent_steps:,} "
            f"agent steps ({results.best.protocol})"
        )
    return lines


def _shares(seconds: Mapping[str, float]) -> str:
    total = sum(seconds.values()) or 1.0
    largest_first = sorted(((name, each) for name, each in seconds.items() if each > 0), key=lambda item: -item[1])
    return ", ".join(f"{activity} {each / total:.0%}" for activity, each in largest_first)


def _overrides(options: Namespace) -> dict[str, object]:
    """What the command line lays over the files; its own words go before those of the trial that it names."""
    overrides = overrides_of(options)
    if options.trial_id is None:
        return overrides
    from dqn_zoo_ext.experiment.search.space import without
    from dqn_zoo_ext.experiment.search.study import trial_values

    values = trial_values(storage_of(options), options.study_name, options.trial_id)
    return {**without(values, overrides), **overrides}


def _tracking(options: Namespace) -> TrackingOptions:
    return TrackingOptions(
        project=options.wandb_project_name,
        entity=options.wandb_entity,
        group=options.wandb_group,
        tags=tuple(options.wandb_tags),
    )


def _search(options: Namespace, overrides: dict[str, object], run_options: RunOptions, console: Console) -> int:
    how = SearchOptions(
        n_trials=options.n_trials,
        max_total_trials=options.max_total_trials,
        log_path=options.optimization_log_path,
        plots=not options.no_optim_plots,
        confirm_seeds=options.confirm_seeds,
        heartbeat=options.heartbeat,
        study=study_options_of(options),
    )
    seed = run_options.seed if options.seed >= 0 else FIRST_SEED
    given = replace(run_options, seed=seed)
    return search_and_tell(options, [resolve(options.env)], [seed], overrides, given, how, console)


def _refuse_what_does_not_go_together(options: Namespace) -> None:
    if options.optimize_hyperparameters and options.trial_id is not None:
        raise UserError("--trial-id: trains with one trial of a search; leave it out with -optimize")
    if options.optimize_hyperparameters and options.trained_agent is not None:
        raise UserError("--trained-agent: each trial of a search starts untrained; leave it out with -optimize")
    if options.trial_id is not None and options.study_name is None:
        raise UserError(
            "--trial-id: say with --study-name, and --storage if it has its own, which study the trial is of"
        )


if __name__ == "__main__":
    run_verb(main)
