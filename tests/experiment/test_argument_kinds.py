"""The kinds of a run's arguments are those that the options of ``train`` have."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from dqn_zoo_ext.cli.train_options import make_parser
from dqn_zoo_ext.experiment.argument_kinds import kind_missed

OPTIONS = [action for action in make_parser()._actions if action.dest not in ("help", "truncate_last_trajectory")]


def kind_of(option: argparse.Action) -> str:
    """What the option's own description makes of it."""
    if isinstance(option, argparse._StoreTrueAction):
        return "true or false"
    if option.nargs == "+":
        return "a list of words"
    if isinstance(option.default, float):
        return "a number"
    kind = "text" if option.type in (None, Path) else "a whole number"
    return f"{kind} or null" if option.default is None else kind


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.dest)
def test_every_option_is_known(option: argparse.Action) -> None:
    written = str(option.default) if isinstance(option.default, Path) else option.default
    assert kind_missed(option.dest, written) is None
    assert kind_missed(option.dest, {}) == kind_of(option)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("hyperparams", [1], "a list of words"),
        ("hyperparams", "n:1", "a list of words"),
        ("seed", True, "a whole number"),
        ("seed", None, "a whole number"),
        ("verbose", 1.5, "a whole number"),
        ("save_freq", "often", "a whole number or null"),
        ("uuid", 1, "true or false"),
        ("ray_gpus", False, "a number"),
        ("algo", None, "text"),
        ("storage", 3, "text or null"),
        ("truncate_last_trajectory", None, "true, false or text"),
    ],
)
def test_values_of_another_kind(name: str, value: Any, kind: str) -> None:
    assert kind_missed(name, value) == kind


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("of_another_version", {"a": 3}),
        ("ray_cpus", 1),
        ("ray_cpus", 0.5),
        ("save_freq", None),
        ("hyperparams", []),
        ("truncate_last_trajectory", "no"),
    ],
)
def test_values_of_the_kind(name: str, value: Any) -> None:
    assert kind_missed(name, value) is None
