"""How a verb begins and ends: plug-ins and threads, its own command line, and the exit codes.

0: done. 1: a failure that is not the user's to mend (a traceback says where). 2: a mistake that the user can mend,
said in one line. 75: a training was stopped by SIGTERM or Ctrl-C after a checkpoint, and ``train --resume`` goes on
exactly there (sysexits.h calls it EX_TEMPFAIL: try again); or the Hub could not be reached, and the same command goes
on with what is done. 130: stopped by Ctrl-C, and nothing to go on from.
"""

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import torch

from dqn_zoo_ext.errors import TryAgain, UserError
from dqn_zoo_ext.experiment.plug_ins import load_plug_ins
from dqn_zoo_ext.process import raise_at_ctrl_c

EXIT_MISTAKE = 2
EXIT_SAVED = EXIT_TRY_AGAIN = 75
EXIT_INTERRUPTED = 130

_MOST_THREADS = 1024
"""Of PyTorch, more than machines have cores; some 100,000 end the process without a word."""


def run_verb(verb: Callable[[Sequence[str] | None], int | None], arguments: Sequence[str] | None = None) -> NoReturn:
    """Call a verb's main and exit: its mistakes as one line on stderr."""
    code = 0
    raise_at_ctrl_c()
    try:
        code = verb(arguments) or 0
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        code = EXIT_TRY_AGAIN if isinstance(error, TryAgain) else EXIT_MISTAKE
    except KeyboardInterrupt as stopped:  # it may say what is kept
        print(str(stopped) or "stopped", file=sys.stderr)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # the reader of our output has gone (`| head`): what remains to be flushed must not raise again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def prepare(options: argparse.Namespace) -> None:
    """Load plug-ins and set threads, as every verb does before it looks up a name. UserError for what cannot be."""
    if options.num_threads > _MOST_THREADS:
        raise UserError(f"--num-threads must be at most {_MOST_THREADS}, not {options.num_threads}")
    load_plug_ins(options.gym_packages)
    if options.num_threads > 0:
        torch.set_num_threads(options.num_threads)
    elif _computes_on_gpu(getattr(options, "device", "cpu")):
        torch.set_num_threads(1)  # what is left to the CPU is small, and the emulators want all cores


def _computes_on_gpu(device: str) -> bool:
    return device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())


def say_as_told(options: argparse.Namespace) -> Callable[[str], None]:
    """Prints a line at once, unless ``--verbose 0``."""
    return (lambda line: print(line, flush=True)) if options.verbose > 0 else lambda _: None


def command_of(verb: str, arguments: Sequence[str] | None) -> str:
    """The command line as one could type it again, but for passwords: files that are shared hold it."""
    given = sys.argv[1:] if arguments is None else arguments
    return shlex.join(["python", "-m", f"dqn_zoo_ext.{verb}", *map(_to_show, given)])


def _to_show(word: str) -> str:
    """A word of a command line without the password of a database in it."""
    option, is_one_word, value = word.partition("=") if word.startswith("-") else ("", "", word)
    if "://" not in value:
        return word
    from dqn_zoo_ext.storage.database_url import has_password, without_password  # SQLAlchemy takes a while to import

    return f"{option}{is_one_word}{without_password(value)}" if has_password(value) else word


def python_to_type() -> str:
    """How one types the Python that runs this: ``python`` if that finds it, else its path from the current folder."""
    found, here = shutil.which("python"), Path(sys.executable)
    if found is not None and Path(found).parent == here.parent:
        return "python"
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else str(here)
