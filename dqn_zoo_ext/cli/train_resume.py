"""``train --resume``: which run is meant, and the command line with which it was begun."""

import shlex
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from dqn_zoo_ext.cli.train_options import make_parser
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.resume import (
    latest_run,
    no_checkpoint,
    refuse_without_checkpoints,
    stored_arguments,
    why_not_resumed,
)
from dqn_zoo_ext.keywords import one_line
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.run_folder import RunFolder

AUTO = "auto"
_PLUG_INS = "gym_packages"
# what was said about the beginning of the run, and is over; config.yml holds what came of it
_ABOUT_THE_BEGINNING = (
    *("resume", "allow_change", "trained_agent", "conf_file", "preset", "faithful"),
    *("trial_id", "storage", "study_name"),
)


def run_to_resume(options: Namespace, arguments: Sequence[str] | None) -> tuple[RunFolder | None, Namespace]:
    """The run that ``--resume`` means, None to begin a new one, and the options as they are to be read.

    For a folder: what is typed now, over what was typed when the run was begun, but for modules to import, which must
    be typed again. UserError if there is no such run.
    """
    if options.resume is None:
        if options.allow_change:
            raise UserError("--allow-change: says what may differ on a --resume; it means nothing without")
        return None, options
    if options.trained_agent is not None or options.optimize_hyperparameters or options.trial_id is not None:
        raise UserError("--resume: goes on with a run as it is; leave out --trained-agent, -optimize and --trial-id")
    if options.resume == AUTO:
        run = latest_run(*_asked_for(options))
        if run is not None:
            options.seed = stored_arguments(run)["seed"]
        return run, options
    if options.preset is not None:
        raise UserError("--preset: says how a run begins; leave it out to go on with the one in a folder")
    run = RunFolder.at(Path(options.resume))
    if not CheckpointFolder(run.checkpoint_folder).is_there():  # before anything is done that stands in the folder
        refuse_without_checkpoints(run)
        raise no_checkpoint(run.path, [], CheckpointFolder(run.checkpoint_folder))
    parser = make_parser()
    known = {action.dest for action in parser._actions} - {*_ABOUT_THE_BEGINNING, _PLUG_INS}
    stored = stored_arguments(run)
    _refuse_plug_ins_not_typed(stored.get(_PLUG_INS) or [], options.gym_packages)
    parser.set_defaults(**{name: value for name, value in stored.items() if name in known})
    options = parser.parse(arguments)
    options.preset = stored.get("preset")  # whose name stays with the run
    if options.conf_file is None:
        options.conf_file = run.config
    return run, options


def _refuse_plug_ins_not_typed(named: Sequence[str], typed: Sequence[str]) -> None:
    """A module that a folder names may be anybody's, and to import it is to run it."""
    if not {*named} <= {*typed}:
        words = " ".join(shlex.quote(one_line(str(module))) for module in named)
        raise UserError(
            f"--resume: the run was begun with --gym-packages {words}, and code is run only where you name it; if it "
            f"is yours, type --gym-packages {words} again"
        )


def begin_anew(options: Namespace, say: Callable[[str], None]) -> RunFolder:
    """The folder of a new run, where ``--resume`` has found none to go on with; said in a line, with the reason."""
    why_not = why_not_resumed(*_asked_for(options))
    folder = RunFolder.claim(options.log_folder, options.algo, resolve(options.env).folder_name, options.uuid)
    say(f"{why_not or 'no run to go on with'}; a new one, {folder.path.name}, begins")
    return folder


def _asked_for(options: Namespace) -> tuple[Path, str, str, int | None]:
    """Log folder, algorithm, environment's folder name, seed if one is given."""
    seed = options.seed if options.seed >= 0 else None
    return options.log_folder, options.algo, resolve(options.env).folder_name, seed
