"""``python -m dqn_zoo_ext.campaign``: what each part of an algorithm is worth, as a table of trainings without it."""

import json
import shlex
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console

from dqn_zoo_ext.callbacks.progress import quiet_without_reader
from dqn_zoo_ext.command_line import EXIT_SAVED, Parser, check_device, command_of, prepare, python_to_type, run_verb
from dqn_zoo_ext.config.overrides import parse_params
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.campaign.ablation import plan_ablation
from dqn_zoo_ext.experiment.campaign.carry_out import Campaign, carry_out
from dqn_zoo_ext.experiment.campaign.plan import Plan, PlannedRun
from dqn_zoo_ext.experiment.campaign.table import for_terminal
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.train_options import make_parser, run_options_of

_DESCRIPTION = """\
Train an algorithm and the algorithm without each of its parts, with several seeds, one run after the other, and compare
their evaluations. The variants stand in the ablations: block of the algorithm's YAML file."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.campaign --ablate rainbow --env CartPole-v1 --seeds 1 2 3
  python -m dqn_zoo_ext.campaign --ablate rainbow --env Pong -n 2000000 --only no_double no_noisy -params n_envs:8
  python -m dqn_zoo_ext.campaign --ablate rainbow --env CartPole-v1 --into logs/campaigns/ablate-rainbow-CartPole-v1_1

Each run lies where train puts it, in LOG_FOLDER/ALGO/ENV_N. LOG_FOLDER/campaigns/ablate-ALGO-ENV_N/ holds runs.csv
(a row a run), table.md, campaign.json, and each variant's configuration as train -conf takes it. What a variant
changes lies over -params, -n and -conf, so that the part stays out whatever you give.
Ctrl-C and SIGTERM end the run under way after a checkpoint, with exit code 75; --into goes on there. A run that fails
(a NaN, say) is noted in its row, the others are done, and the exit code is 1; --into tries it again.
With --json the last line is one object: folder, table, runs."""

EXIT_FAILED_RUNS = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, plan, carry out, print the table."""
    options = _parse(arguments)
    prepare(options)
    log_folder = _log_folder(options)
    check_device(options.device)
    overrides: dict[str, object] = dict(parse_params(options.hyperparams))
    if options.n_timesteps != -1:  # RL-Zoo's way of saying nothing
        overrides["n_timesteps"] = options.n_timesteps
    plan = plan_ablation(
        options.ablate,
        resolve(options.env),
        options.seeds,
        conf_file=options.conf_file,
        overrides=overrides,
        only=options.only,
    )
    console = Console(quiet=options.verbose < 1)

    def options_of(run: PlannedRun, conf_file: Path) -> RunOptions:
        return _run_options(run, conf_file, log_folder, options)

    command = command_of("campaign", arguments)
    campaign = carry_out(plan, options_of, log_folder, options.into, command, console)
    _report(campaign, plan, console)
    go_on = f"go on with: {_command_to_go_on(campaign, arguments)}"
    if campaign.stopped_by is not None:
        _say(console, f"stopped by {campaign.stopped_by.name}; {go_on}")
    if options.json:
        table = [each.as_dict() for each in campaign.summaries]
        found = {"folder": str(campaign.folder.path), "table": table, "runs": [asdict(row) for row in campaign.rows]}
        print(json.dumps(found, allow_nan=False))
    if campaign.stopped_by is not None:
        return EXIT_SAVED
    if campaign.failed:
        number, total = len(campaign.failed), len(campaign.rows)
        print(f"{number} of {total} runs failed, {campaign.folder.rows} says why; {go_on}", file=sys.stderr)
        return EXIT_FAILED_RUNS
    return 0


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = Parser("campaign", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--ablate", required=True, metavar="ALGO", help="the algorithm, e.g. rainbow")
    parser.add_argument("--env", required=True, help="SpaceInvadersNoFrameskip-v4, SpaceInvaders, CartPole-v1...")
    parser.add_argument(
        "--seeds", nargs="+", type=_seed, default=[1, 2, 3], metavar="SEED", help="of each variant (default: 1 2 3)"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="VARIANT", help="these variants, beside the whole (default: all)"
    )
    parser.add_argument("-n", "--n-timesteps", type=int, default=-1, metavar="STEPS", help="agent steps of each run")
    parser.add_argument("-f", "--log-folder", type=Path, help="where runs lie (default: logs, or that of --into)")
    parser.add_argument("-conf", "--conf-file", type=Path, metavar="FILE", help="as in train")
    parser.add_argument(
        "-params",
        "--hyperparams",
        nargs="+",
        default=[],
        metavar="KEY:VALUE",
        help="as in train, for every variant; what a variant changes lies over them",
    )
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER", help="a campaign begun earlier: do what is missing in it"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda... (default: auto)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON, in the last line")
    parser.add_plug_in_options()
    options = parser.parse(arguments)
    for seed in options.seeds:
        if options.seeds.count(seed) > 1:
            raise UserError(f"--seeds: {seed} is given twice")
    return options


def _seed(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**31:
        raise ArgumentTypeError(f"must be from 0 to 2**31 - 1, not {number}")
    return number


_seed.__name__ = "whole number"  # argparse puts it into its error line


def _log_folder(options: Namespace) -> Path:
    if options.log_folder is not None:
        return Path(options.log_folder)
    return Path("logs") if options.into is None else Path(options.into).parent.parent


def _run_options(run: PlannedRun, conf_file: Path, log_folder: Path, options: Namespace) -> RunOptions:
    """Those of the ``train`` command that makes the same run alone; nothing is printed, though."""
    algo = run.variant.configuration.algo
    words = ["--algo", algo, "--env", options.env, "--seed", str(run.seed), "-f", str(log_folder)]
    words += ["-conf", str(conf_file), "--device", options.device, "--num-threads", str(options.num_threads)]
    words += ["--gym-packages", *options.gym_packages] if options.gym_packages else []
    return replace(run_options_of(make_parser().parse(words), command_of("train", words)), verbose=0)


def _report(campaign: Campaign, plan: Plan, console: Console) -> None:
    with quiet_without_reader(console):
        console.print(for_terminal(campaign.summaries, plan), markup=False)
    _say(console, f"everything lies in {campaign.folder.path}")


def _say(console: Console, line: str) -> None:
    with quiet_without_reader(console):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _command_to_go_on(campaign: Campaign, arguments: Sequence[str] | None) -> str:
    given = [word for word in (sys.argv[1:] if arguments is None else arguments) if not word.startswith("--into=")]
    if "--into" in given:
        at = given.index("--into")
        del given[at : at + 2]
    into = ["--into", str(campaign.folder.path)]
    return f"{python_to_type()} -m dqn_zoo_ext.campaign {shlex.join([*given, *into])}"


if __name__ == "__main__":
    run_verb(main)
