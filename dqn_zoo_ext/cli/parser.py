"""The parser of all verbs, and the options that several of them have."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from dqn_zoo_ext import registry
from dqn_zoo_ext.cli.values import run_id, whole_number
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import shown
from dqn_zoo_ext.sharing.shipped import shipped_names

_NOT_OURS = {"--preset": "; a preset's agents are found by --algo and --env, which `presets NAME` tells"}
"""What to say of an option that other verbs have."""

_ALIKE = 0.75
"""How near an option must be to be asked for: '--num-threads' has 0.69 of '--norm-reward'."""


class _Extend(argparse.Action):
    """What ``action="extend"`` means here: lists of an option that is typed several times are one, without the default.

    argparse's own would put them behind the default, which for a run that goes on is what was typed when it was begun.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        """Set a new list: defaults are the parser's, which may be asked again."""
        before = getattr(namespace, self.dest, None)
        typed = before if isinstance(before, list) and before is not self.default else []
        setattr(namespace, self.dest, [*typed, *(values or ())])


def add_list(to: argparse.ArgumentParser | argparse._ArgumentGroup, *names: str, **keywords: Any) -> None:
    """An option of a `Parser`, or of its group, that takes a list, by default an empty one, and may be typed again.

    names, keywords: as ``add_argument`` takes them.
    """
    to.add_argument(*names, action="extend", **{"nargs": "+", "default": [], **keywords})


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
        self.register("action", "extend", _Extend)

    def parse(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """The options given; an unknown one is an error that names the nearest known one; so is one that is no text."""
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            known = [name for action in self._actions for name in action.option_strings]
            name = unknown[0].split("=")[0]
            self.error(f"unknown option '{unknown[0]}'{_NOT_OURS.get(name) or nearest(name, known, _ALIKE)}")
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
            type=run_id,
            default=0,
            metavar="N",
            help="number of the run, as in ENV_N or ENV_N_UUID (default: 0, the latest; -1: no run folder)",
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
        add_list(
            self,
            "--gym-packages",
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
