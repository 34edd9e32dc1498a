"""Sizes of which a few bytes of a configuration could make gigabytes, before any weight is counted."""

from typing import Any

import pytest

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.config.overrides import parse_params
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError

SIZES = [
    ("iqn", "policy_kwargs.distribution_kwargs.n_acting", 1_024),
    ("iqn", "policy_kwargs.distribution_kwargs.n_cosines", 1_024),
    ("iqn", "n_online", 1_024),
    ("munchausen_iqn", "n_target", 1_024),
    ("btr", "n_online", 1_024),
    ("qrdqn", "policy_kwargs.distribution_kwargs.n_quantiles", 10_000),
    ("c51", "policy_kwargs.distribution_kwargs.n_atoms", 10_000),
]


def with_size(algo: str, key: str, size: int) -> Any:
    return load(algo, resolve("CartPole-v1"), overrides=parse_params([f"{key}:{size}"]))


@pytest.mark.parametrize(("algo", "key", "most"), SIZES, ids=[f"{algo} {key}" for algo, key, _ in SIZES])
def test_at_most(algo: str, key: str, most: int) -> None:
    assert f"{key.rpartition('.')[2]}: {most}\n" in yaml_of(with_size(algo, key, most))
    with pytest.raises(UserError, match=rf"{key}: must be at most {most}, not {most + 1}$"):
        with_size(algo, key, most + 1)


def yaml_of(configuration: Any) -> str:
    from dqn_zoo_ext.config.yaml_source import to_yaml

    return to_yaml(configuration.as_plain_data())
