"""``-n`` and ``-params``: what is typed over the YAML files, in every verb that reads them."""

from argparse import ArgumentParser, Namespace, _ArgumentGroup

from dqn_zoo_ext.cli.parser import add_list
from dqn_zoo_ext.cli.values import whole_number
from dqn_zoo_ext.config.overrides import parse_params
from dqn_zoo_ext.config.yaml_source import Source, located


def add_override_options(to: ArgumentParser | _ArgumentGroup, of_n: str, of_params: str) -> None:
    """The two options, and what ``--help`` says of each."""
    to.add_argument("-n", "--n-timesteps", type=whole_number(), default=-1, metavar="STEPS", help=of_n)
    add_list(to, "-params", "--hyperparams", metavar="KEY:VALUE", help=of_params)


def typed_overrides(options: Namespace) -> dict[str, object]:
    """What was typed, by dotted key. UserError for words that are none."""
    overrides: dict[str, object] = dict(parse_params(options.hyperparams))
    if options.n_timesteps != -1:  # RL-Zoo's way of saying nothing
        overrides["n_timesteps"] = located(options.n_timesteps, Source("-n"))
    return overrides
