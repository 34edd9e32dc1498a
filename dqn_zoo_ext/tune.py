"""``python -m dqn_zoo_ext.tune``: search for better hyperparameters, over games and seeds, with all cores."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from dqn_zoo_ext.cli.override_options import add_override_options, typed_overrides
from dqn_zoo_ext.cli.parser import Parser, add_list
from dqn_zoo_ext.cli.preset_options import add_preset_options, parse_with_preset
from dqn_zoo_ext.cli.search_options import FIRST_SEED, add_study_options, search_and_tell, study_options_of
from dqn_zoo_ext.cli.sharing_options import add_sharing_options
from dqn_zoo_ext.cli.values import check_device, whole_number
from dqn_zoo_ext.cli.verb import command_of, prepare, run_verb
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.search.options import SearchOptions

_DESCRIPTION = """\
Search for better hyperparameters of an algorithm: an Optuna study whose trials are trainings. What is searched for
stands in the search: block of the algorithm's YAML file; one in a -conf file narrows or widens it. All else stays as
the YAML files have it."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.tune --algo dqn --env CartPole-v1 --n-trials 50
  python -m dqn_zoo_ext.tune --algo rainbow --env Pong Breakout --seeds 1 2 -n 1000000 --pruner hyperband --n-trials 30
  python -m dqn_zoo_ext.tune --algo dqn --env CartPole-v1 --n-trials 50 --study-name cart \\
      --storage postgresql://user@host/studies          # the same command on each of several machines
  python -m dqn_zoo_ext.tune --algo dqn --env CartPole-v1 --objectives score speed --pruner none --sampler nsga-ii

Each trial is a training in a process of its own (with several games or seeds, one for each), which goes from rung to
rung: there it is evaluated and may be given up. LOG_FOLDER/studies/NAME/ holds the study's database, trials.csv,
winner.yml as train -conf takes it, report.html, and the trials' runs. Ctrl-C and SIGTERM stop it with exit code 75,
kill -9 stops it too: the same command with --study-name NAME goes on, with the trials that were under way first."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, search, say what was found."""
    options = _parse(arguments)
    prepare(options)
    envs = [resolve(name) for name in options.env]
    for env in envs:
        if envs.count(env) > 1:
            raise UserError(f"--env: {env.gym_id} is given twice")
    seeds = _seeds(options)
    overrides = typed_overrides(options)
    if options.protocol is not None:
        overrides["eval_protocol"] = options.protocol
    how = SearchOptions(
        max_total_trials=options.n_trials,
        confirm_seeds=options.confirm_seeds,
        heartbeat=options.heartbeat,
        study=study_options_of(options, options.objectives),
    )
    console = Console(quiet=options.verbose < 1)
    return search_and_tell(options, envs, seeds, overrides, _run_options(options, seeds, arguments), how, console)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = Parser("tune", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--algo", default="dqn", help="the algorithm (default: dqn)")
    add_list(
        parser,
        "--env",
        default=["SpaceInvadersNoFrameskip-v4"],
        help="one game, or several, to do well in them all",
    )
    add_list(
        parser,
        "--seeds",
        type=whole_number(),
        default=[FIRST_SEED],
        metavar="SEED",
        help=f"of every trial (default: {FIRST_SEED})",
    )
    parser.add_argument(
        "--n-trials", type=whole_number(1), default=100, metavar="N", help="of the study in all (default: 100)"
    )
    add_list(
        parser,
        "--objectives",
        default=["score"],
        metavar="NAME",
        help="score, speed (agent steps a second), memory (bytes); several for a Pareto front (default: score)",
    )
    parser.add_argument("--protocol", metavar="NAME", help="by which scores are measured (default: the YAML's)")
    parser.add_argument(
        "--eval-episodes", type=whole_number(1), metavar="GAMES", help="of each evaluation (default: the YAML's)"
    )
    add_override_options(parser, "agent steps of a trial", "as in train; not searched for")
    parser.add_argument("-f", "--log-folder", type=Path, default=Path("logs"), help="default: logs")
    parser.add_argument("-conf", "--conf-file", type=Path, metavar="FILE", help="as in train; may have a search: block")
    add_preset_options(parser)
    parser.add_argument("--device", default="auto", help="cpu, cuda... (default: auto)")
    add_study_options(parser, default_pruner=None)
    add_sharing_options(parser, default_jobs=-1)
    parser.add_plug_in_options()
    return parse_with_preset(parser, arguments, several_envs=True)


def _seeds(options: Namespace) -> list[int]:
    for seed in options.seeds:
        if not 0 <= seed < 2**31:
            raise UserError(f"--seeds: must be from 0 to 2**31 - 1, not {seed}")
        if options.seeds.count(seed) > 1:
            raise UserError(f"--seeds: {seed} is given twice")
    return list(options.seeds)


def _run_options(options: Namespace, seeds: Sequence[int], arguments: Sequence[str] | None) -> RunOptions:
    return RunOptions(
        log_folder=options.log_folder,
        seed=seeds[0],
        device=check_device(options.device),
        eval_episodes=options.eval_episodes,
        log_interval=None,
        command=command_of("tune", arguments),
        arguments={"seed": seeds[0]},
    )


if __name__ == "__main__":
    run_verb(main)
