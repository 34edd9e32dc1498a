"""What the verbs share: a parser whose complaints are one line, and the exit codes.

0: done. 1: a failure that is not the user's to mend (a traceback says where). 2: a mistake that the user can mend,
said in one line. 75: a training was stopped by SIGTERM or Ctrl-C after a checkpoint, and ``train --resume`` goes on
exactly there (sysexits.h calls it EX_TEMPFAIL: try again); or the Hub could not be reached, and the same command goes
on with what is done. 130: stopped by Ctrl-C, and nothing to go on from.
"""

import argparse
import os
import random
import shlex
import shutil
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import torch

from dqn_zoo_ext import registry
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import TryAgain, UserError, first_line, nearest
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.experiment.agents.agent import Agent, Which
from dqn_zoo_ext.experiment.agents.pretrained import agent_of
from dqn_zoo_ext.experiment.build import protocol_of
from dqn_zoo_ext.experiment.plug_ins import load_plug_ins
from dqn_zoo_ext.keywords import one_line, shown
from dqn_zoo_ext.sharing.shipped import find_shipped, shipped_names

_NOT_OURS = {"--preset": "; a preset's agents are found by --algo and --env, which `presets NAME` tells"}
"""What to say of an option that other verbs have."""

_OF_A_LOG_FOLDER = {"folder", "exp_id", "load_best", "load_checkpoint", "load_last_checkpoint"}

_LEAVE_OUT = "(leave --device out to take what is there)"

_MOST_THREADS = 1024
"""Of PyTorch, more than machines have cores; some 100,000 end the process without a word."""

EXIT_MISTAKE = 2
EXIT_SAVED = EXIT_TRY_AGAIN = 75
EXIT_INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """argparse, with one-line errors that name the nearest option, and defaults shown in ``--help``."""

    def __init__(self, verb: str, description: str, epilog: str | None = None) -> None:
        super().__init__(
            prog=f"python -m dqn_zoo_ext.{verb}",
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def parse(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """The options given; an unknown one is an error that names the nearest known one; so is one that is no text."""
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            known = [name for action in self._actions for name in action.option_strings]
            name = unknown[0].split("=")[0]
            self.error(f"unknown option '{unknown[0]}'{_NOT_OURS.get(name) or nearest(name, known, 0.75)}")
        for name, value in vars(options).items():
            self._refuse_what_is_no_text(name, value)
        if getattr(options, "pretrained", None) is not None:
            options.given = self._given(arguments)
        return options

    def _refuse_what_is_no_text(self, name: str, value: object) -> None:
        """A path of bytes that are no UTF-8 could be made, and then not be named in any file that is written there."""
        for word in value if isinstance(value, list) else [value]:
            try:
                str(word).encode()
            except UnicodeEncodeError:
                self.error(f"{self._typed()[name]}: {shown(str(word))} is not UTF-8 text; choose a name that is")

    def _typed(self) -> dict[str, str]:
        """How each option is written, by its name in options."""
        return {action.dest: "/".join(action.option_strings) or str(action.metavar) for action in self._actions}

    def _given(self, arguments: Sequence[str] | None) -> dict[str, str]:
        """The options that stand in `arguments`, whatever their values: how each is written, by its name in options."""
        nothing = object()
        found, _ = self.parse_known_args(arguments, argparse.Namespace(**{a.dest: nothing for a in self._actions}))
        typed = self._typed()
        return {name: typed[name] for name, value in vars(found).items() if name in typed and value is not nothing}

    def error(self, message: str) -> NoReturn:
        """One line and exit code 2, without the usage that argparse prints."""
        raise UserError(message)

    def add_agent_options(self, also: Sequence[str] = ()) -> None:
        """Which trained agent: the options of RL-Zoo's ``enjoy``. also: what ``--algo`` may be besides algorithms."""
        self.add_algo_and_env(also)
        self.add_argument("-f", "--folder", type=Path, default=Path("logs"), help="log folder (default: logs)")
        self.add_argument(
            "--exp-id",
            type=whole_number(),
            default=0,
            metavar="N",
            help="number of the run (default: 0, the latest; -1: no run folder)",
        )
        self.add_argument("--load-best", action="store_true", help="the best evaluated agent instead of the last one")
        self.add_argument(
            "--load-checkpoint",
            type=whole_number(),
            metavar="STEPS",
            help="the checkpoint after so many agent steps instead",
        )
        self.add_argument("--load-last-checkpoint", action="store_true", help="the last checkpoint instead")
        self.add_argument("--device", default="auto", help="cpu, cuda... (default: auto)")
        self.add_plug_in_options()

    def add_pretrained_option(self) -> None:
        """``--pretrained``, for verbs that play: instead of all that chooses an agent of a log folder."""
        self.add_argument(
            "--pretrained",
            metavar="GAME",
            help=f"an agent that ships with this program, instead of one of yours: {', '.join(shipped_names())}",
        )

    def add_algo_and_env(self, also: Sequence[str] = ()) -> None:
        """``--algo`` and ``--env``, which every verb has."""
        names = ", ".join(registry.algorithms.names())
        untrained = f"; without an agent {', '.join(also)}" if also else ""
        self.add_argument("--algo", default="dqn", help=f"{names} (default: dqn){untrained}")
        self.add_argument(
            "--env",
            default="SpaceInvadersNoFrameskip-v4",
            help="SpaceInvadersNoFrameskip-v4, ALE/SpaceInvaders-v5, SpaceInvaders, CartPole-v1... "
            "(default: SpaceInvadersNoFrameskip-v4)",
        )

    def add_retry_option(self) -> None:
        """For verbs that speak to the Hub."""
        self.add_argument(
            "--retry-seconds",
            type=whole_number(0, 10**9),
            default=300,
            metavar="S",
            help="how long to go on trying each step that the Hub does not answer (default: 300)",
        )

    def add_plug_in_options(self) -> None:
        """Options that every verb has for outside packages and threads."""
        self.add_argument(
            "--gym-packages",
            nargs="+",
            default=[],
            metavar="MODULE",
            help="modules to import first: they register environments or algorithms of their own",
        )
        self.add_argument(
            "--num-threads",
            type=whole_number(),
            default=-1,
            metavar="N",
            help="PyTorch's threads (default, and below 1: its own)",
        )
        self.add_argument(
            "--verbose", type=whole_number(), default=1, metavar="0|1|2", help="how much to print (default: 1)"
        )


def whole_number(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """An argparse type: a whole number, of at least `least` and at most `most` where they are given."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None
        if least is not None and number < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, not {number}")
        if most is not None and number > most:
            raise argparse.ArgumentTypeError(f"must be at most {most}, not {number}")
        return number

    return parse


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


def find_agent(options: argparse.Namespace) -> Agent:
    """The agent that ``add_agent_options`` describe, or a shipped one, of which a line is said first.

    UserError, naming what is there, if there is none.
    """
    if getattr(options, "pretrained", None) is not None:
        return _pretrained_agent(options)
    which = Which(options.load_best, options.load_checkpoint, options.load_last_checkpoint)
    chosen = [name for name, value in vars(which).items() if value is not None and value is not False]
    if len(chosen) > 1:
        options_typed = " and ".join(f"--{name.replace('_', '-')}" for name in chosen)
        raise UserError(f"{options_typed} are different agents of a run; choose one")
    return Agent.find(options.folder, options.algo, resolve(options.env), options.exp_id, which)


def _pretrained_agent(options: argparse.Namespace) -> Agent:
    """The shipped agent; UserError if any other option chooses another one. ``options.pretrained`` is its name then."""
    shipped = find_shipped(options.pretrained)
    for typed in (typed for name, typed in options.given.items() if name in _OF_A_LOG_FOLDER):
        raise UserError(f"--pretrained {shipped.name} is an agent by itself: {typed} is for one of yours")
    algo = shipped.package.manifest.algo
    if "algo" in options.given and options.algo != algo:
        raise UserError(f"--pretrained {shipped.name} is of algorithm '{algo}', not of '{options.algo}'; omit --algo")
    if "env" in options.given and resolve(options.env).gym_id != shipped.env.gym_id:
        raise UserError(f"--pretrained {shipped.name} plays '{shipped.env.gym_id}', not '{options.env}'; omit --env")
    options.pretrained = shipped.name
    if getattr(options, "protocol", None) is not None:
        protocols.get(options.protocol)  # a mistake is said before anything is told of the agent
    say_as_told(options)(shipped.told)
    return agent_of(shipped)


def rules_to_play_by(options: argparse.Namespace, agent: Agent) -> Protocol:
    """``--protocol``, or the one of the agent's evaluations in training; epsilon 0 with ``--deterministic``."""
    name = options.protocol
    protocol = protocols.get(name) if name is not None else protocol_of(agent.configuration)
    return replace(protocol, epsilon=0.0) if getattr(options, "deterministic", False) else protocol


def say_as_told(options: argparse.Namespace) -> Callable[[str], None]:
    """Prints a line at once, unless ``--verbose 0``."""
    return (lambda line: print(line, flush=True)) if options.verbose > 0 else lambda _: None


def check_device(name: str) -> str:
    """`name` if PyTorch can compute there; UserError, saying which devices are here, otherwise."""
    if name == "auto":
        return name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of kinds that PyTorch has given up
            torch.zeros(1, device=name).item()  # the device `meta` takes numbers, and gives none back
    except (RuntimeError, AssertionError, ImportError) as error:
        why, here = _why_not_there(name, error), ", ".join(_devices_here())
        raise UserError(f"--device: cannot use '{one_line(name)}': {why}; there is {here} {_LEAVE_OUT}") from error
    return name


def _why_not_there(name: str, error: Exception) -> str:
    """PyTorch's own words, unless they are of its inside, or the name is of no device at all."""
    words = first_line(error).split(". ")[0]
    try:
        torch.device(name)
    except RuntimeError:
        return "no such device"
    of_inside = isinstance(error, NotImplementedError | ImportError) or "INTERNAL ASSERT" in words
    return "PyTorch has none here" if of_inside else one_line(words)


def _devices_here() -> list[str]:
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    others = [] if accelerator is None else [f"{accelerator.type}:{i}" for i in range(torch.accelerator.device_count())]
    return ["cpu", *others]


def seed_or_random(seed: int) -> int:
    """`seed`, or a random one if negative, as in RL-Zoo. UserError from 2**31 on, which the emulator refuses."""
    if seed >= 2**31:
        raise UserError(f"--seed must be below 2**31, not {seed}")
    return seed if seed >= 0 else random.SystemRandom().randrange(2**31)


def command_of(verb: str, arguments: Sequence[str] | None) -> str:
    """The command line as one could type it again."""
    given = sys.argv[1:] if arguments is None else arguments
    return shlex.join(["python", "-m", f"dqn_zoo_ext.{verb}", *given])


def python_to_type() -> str:
    """How one types the Python that runs this: ``python`` if that finds it, else its path from the current folder."""
    found, here = shutil.which("python"), Path(sys.executable)
    if found is not None and Path(found).parent == here.parent:
        return "python"
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else str(here)


def run_verb(verb: Callable[[Sequence[str] | None], int | None], arguments: Sequence[str] | None = None) -> NoReturn:
    """Call a verb's main and exit: its mistakes as one line on stderr."""
    code = 0
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


def key_values(words: Sequence[str], option: str) -> dict[str, Any]:
    """``key:value`` words as plain data: the values are read as YAML, never evaluated."""
    from dqn_zoo_ext.config.overrides import parse_params
    from dqn_zoo_ext.config.yaml_source import Source, read_text

    given = parse_params(words, option)
    return {key: read_text(text, Source(option), count_lines=False).plain() for key, text in given.items()}
