"""``python -m dqn_zoo_ext.doctor``: look at a training before it starts, and stop what would silently go wrong."""

import json
from collections.abc import Sequence

from rich.console import Console

from dqn_zoo_ext.callbacks.progress import quiet_without_reader
from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.cli.preset_options import faithful_to
from dqn_zoo_ext.cli.train_options import (
    add_tracking_options,
    add_training_options,
    overrides_of,
    parse_training,
    run_options_of,
)
from dqn_zoo_ext.cli.verb import command_of, prepare, run_verb
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.doctor import diagnose, print_report, refuse
from dqn_zoo_ext.experiment.rehearse import rehearse
from dqn_zoo_ext.experiment.tracking import wandb_or_error

_DESCRIPTION = """\
Look at a training before it starts: what it will do, what it needs, how long it will take, and what would silently go
wrong. Nothing is written to the disk."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.doctor --algo dqn --env SpaceInvadersNoFrameskip-v4
  python -m dqn_zoo_ext.doctor --algo double_dqn --env Pong -n 100000 -params buffer_size:100000 --no-measure
  python -m dqn_zoo_ext.doctor --algo dqn --env ALE/Pong-v5 -conf mine.yml --json

It takes the words of a `train` command, with `doctor` for `train`. Exit code 2 and one line at the end if the training
would be stopped; `train` itself stops for the same reasons.
With --json the last line is one object: replay_bytes, seconds, epsilon, findings and so on."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, diagnose, print; UserError if there is a reason to stop."""
    parser = Parser("doctor", _DESCRIPTION, _EXAMPLES)
    add_training_options(parser)
    add_tracking_options(parser)
    parser.add_plug_in_options()
    parser.add_argument("--json", action="store_true", help="print the diagnosis as JSON, in the last line")
    parser.add_argument(
        "--no-measure",
        action="store_true",
        help="no time is predicted; nothing is played, though environments and network are made",
    )
    options = parse_training(parser, arguments)
    prepare(options)
    if options.resume is not None:
        raise UserError("--resume: the doctor looks at trainings that begin; leave it out")
    if options.track:
        wandb_or_error()
    overrides = overrides_of(options)
    configuration = load(
        options.algo,
        resolve(options.env),
        conf_file=options.conf_file,
        between=faithful_to(options),
        overrides=overrides,
    )
    run_options = run_options_of(options, command_of("doctor", arguments))
    diagnosis = diagnose(configuration, run_options, measure=not options.no_measure)
    if options.no_measure and not diagnosis.stops:  # to measure would be to make them
        rehearse(configuration, run_options)
    if options.verbose > 0:
        console = Console()
        with quiet_without_reader(console):
            print_report(diagnosis, console)
    if options.json:
        print(json.dumps(diagnosis.as_dict(), allow_nan=False))
    refuse(diagnosis)
    return 0


if __name__ == "__main__":
    run_verb(main)
