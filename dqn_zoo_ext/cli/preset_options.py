"""``--preset NAME`` and ``--faithful``: what the verbs that take a whole training by name do with them."""

from argparse import ArgumentParser, Namespace, _ArgumentGroup
from collections.abc import Mapping, Sequence

from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.config.presets import find_preset
from dqn_zoo_ext.config.shipped_files import preset_files
from dqn_zoo_ext.config.yaml_source import Located
from dqn_zoo_ext.errors import UserError


def add_preset_options(parser: ArgumentParser | _ArgumentGroup) -> None:
    """The two options."""
    parser.add_argument(
        "--preset",
        metavar="NAME",
        help="a whole training by name, with its algorithm and environment unless --algo or --env are given: "
        f"{', '.join(preset_files())}; `presets` says more of them",
    )
    parser.add_argument(
        "--faithful", action="store_true", help="with the mistakes of the document that the preset reproduces"
    )


def parse_with_preset(parser: Parser, arguments: Sequence[str] | None, several_envs: bool = False) -> Namespace:
    """The options given to a parser with `add_preset_options`, over what the preset says that they name.

    several_envs: whether its ``--env`` takes a list. UserError if there is no such preset, for a ``-conf`` file beside
    it, and for --faithful where nothing is left out.
    """
    options = parser.parse(arguments)
    if options.preset is None:
        if options.faithful:
            raise UserError("--faithful: puts the mistakes of a preset's document back; say with --preset which")
        return options
    preset = find_preset(options.preset)
    if options.conf_file is not None:
        raise UserError(
            "--preset: is a -conf file of ours; leave out one of the two, or begin yours with a block `preset` that "
            f"says beneath: {preset.name}, as docs/presets.md shows"
        )
    if options.faithful and not preset.faithful:
        those = ", ".join(name for name in preset_files() if find_preset(name).faithful)
        raise UserError(
            f"--faithful: preset '{preset.name}' leaves out no mistake that is worth seeing; these do: {those}"
        )
    env = [preset.head.env] if several_envs else preset.head.env
    parser.set_defaults(algo=preset.head.algo, env=env, conf_file=preset.path)
    options = parser.parse(arguments)
    options.preset = preset.name
    return options


def faithful_to(options: Namespace) -> Mapping[str, Located]:
    """The mistakes that were asked for, as a layer beneath the command line; nothing if none were."""
    return find_preset(options.preset).faithful if options.preset is not None and options.faithful else {}
