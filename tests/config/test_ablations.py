"""The ablations: block: which variants an algorithm has, and what is wrong with one, by file and line."""

from pathlib import Path

import pytest

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext import registry
from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.config.layers import algorithms_with_ablations
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError

CARTPOLE = resolve("CartPole-v1")


class Parent(DQN):
    """An outside algorithm."""


class Child(DQN):
    """Another one."""


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The YAML files of 'parent' and 'child', registered for one test."""
    files = tmp_path / "parent.yml", tmp_path / "child.yml"
    monkeypatch.setattr(registry.algorithms, "_entries", dict(registry.algorithms._entries))
    monkeypatch.setattr(registry, "_defaults_of_algorithm", {})
    for file, algorithm in zip(files, (Parent, Child), strict=True):
        file.write_text("{}")
        registry.register_algorithm(file.stem, file)(algorithm)
    return files


def test_entries_and_what_they_change(family: tuple[Path, Path]) -> None:
    family[0].write_text(
        "n_steps: 3\n"
        "ablations:\n"
        "  no_window: {params: {n_steps: 1}}\n"
        "  no_net: {algo: double_dqn, params: {policy_kwargs.net_arch: [8]}}\n"
    )
    found = load("parent", CARTPOLE)
    assert found.hyperparameters.n_steps == 3
    assert {name: each.changed("parent") for name, each in found.ablations.items()} == {
        "no_window": {"n_steps": 1},
        "no_net": {"algo": "double_dqn", "policy_kwargs.net_arch": [8]},
    }
    assert algorithms_with_ablations() == ["btr", "data_efficient_rainbow", "parent", "rainbow"]


def test_a_variant_lies_over_the_command_line_and_names_its_line(family: tuple[Path, Path]) -> None:
    family[0].write_text(
        "ablations:\n  less:\n    params:\n      n_steps: 1\n      policy_kwargs.net_arch: [8]\n"
        "      exploration: {end: 0.5}\n"
    )
    variant = load("parent", CARTPOLE).ablations["less"].params
    typed = {"n_steps": "5", "policy_kwargs": "{net_arch: [64], activation: tanh}", "gamma": "0.5"}
    found = load("parent", CARTPOLE, overrides=typed, variant=variant)
    assert found.hyperparameters.n_steps == 1
    assert found.hyperparameters.gamma == 0.5
    assert found.hyperparameters.policy_kwargs == {"net_arch": [8], "activation": "tanh"}
    assert str(found.sources["n_steps"]) == f"{family[0]}:4"
    assert str(found.sources["exploration.end"]) == f"{family[0]}:6"
    assert str(found.sources["gamma"]) == "-params"


def test_a_child_inherits_and_its_own_entries_lie_over(family: tuple[Path, Path]) -> None:
    family[0].write_text(
        "ablations:\n  one: {params: {n_steps: 1}}\n  two: {algo: dqn}\n  three: {params: {gamma: 0.5}}\n"
        "  itself: {algo: parent, params: {gamma: 0.1}}\n"
    )
    family[1].write_text("ablations: {inherit: parent, three: {params: {gamma: 0.7}}, four: {params: {tau: 0.5}}}\n")
    found = load("child", CARTPOLE).ablations
    assert {name: each.algo for name, each in found.items()} == {
        "one": "child",
        "two": "dqn",
        "three": "child",
        "itself": "child",
        "four": "child",
    }
    assert found["three"].changed("child") == {"gamma": 0.7}


def test_a_conf_file_adds_entries_in_either_format_of_ours(family: tuple[Path, Path], tmp_path: Path) -> None:
    family[0].write_text("ablations: {one: {params: {n_steps: 1}}, two: {params: {gamma: 0.5}}}\n")
    conf = tmp_path / "conf.yml"
    conf.write_text("n_steps: 2\nablations: {two: {params: {gamma: 0.7}}}\n")
    found = load("parent", CARTPOLE, conf_file=conf)
    assert found.hyperparameters.n_steps == 2
    assert {name: each.changed("parent") for name, each in found.ablations.items()} == {
        "one": {"n_steps": 1},
        "two": {"gamma": 0.7},
    }
    conf.write_text(to_yaml(found.as_plain_data()))  # as a run's config.yml
    assert list(load("parent", CARTPOLE, conf_file=conf).ablations) == ["one", "two"]
    conf.write_text(conf.read_text() + "ablations: {three: {params: {gamma: 0.1}}}\n")
    assert list(load("parent", CARTPOLE, conf_file=conf).ablations) == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ablations: 3\n", ":1: ablations: must be a mapping"),
        ("ablations:\n  less: 3\n", ":2: ablations.less: must be a mapping, e.g. {params: {n_steps: 1}}"),
        ("ablations:\n  less: {}\n", ":2: ablations.less: changes nothing; say what with params or algo"),
        ("ablations:\n  less: {params: {}}\n", ":2: ablations.less: changes nothing; say what with params or algo"),
        (
            "ablations:\n  less:\n    param: {n_steps: 1}\n",
            ":3: ablations.less: unknown key 'param'; did you mean 'params'?",
        ),
        ("ablations:\n  less:\n    params: [1]\n", ":3: ablations.less.params: must be a mapping of hyperparameters"),
        (
            "ablations:\n  less:\n    algo: duoble_dqn\n",
            ":3: ablations.less.algo: unknown algorithm 'duoble_dqn'; did you mean 'double_dqn'?",
        ),
        ("ablations:\n  less:\n    algo: [dqn]\n", ":3: ablations.less.algo: unknown algorithm"),
        (
            "ablations:\n  whole: {algo: dqn}\n",
            ":2: ablations: the name of a variant, 'whole', is the algorithm itself",
        ),
        ("ablations:\n  ../x: {algo: dqn}\n", ":2: ablations: the name of a variant, '../x', must be of letters"),
        (
            "ablations:\n  inherit: paretn\n",
            ":2: ablations.inherit: unknown algorithm 'paretn'; did you mean 'parent'?",
        ),
        ("ablations:\n  inherit: parent\n", ":2: the ablations block of 'parent' inherits from itself"),
        ("ablations:\n  inherit: child\n", "child.yml:1: the ablations block of 'child' inherits from itself"),
    ],
)
def test_what_is_wrong_with_a_block(text: str, expected: str, family: tuple[Path, Path]) -> None:
    family[0].write_text(text)
    family[1].write_text("ablations: {inherit: parent}\n")
    with pytest.raises(UserError) as raised:
        load("parent", CARTPOLE)
    assert str(raised.value).replace(str(family[0]), "").startswith(expected.replace("child.yml", str(family[1])))


def test_a_conf_file_cannot_inherit(family: tuple[Path, Path], tmp_path: Path) -> None:
    assert family
    (tmp_path / "conf.yml").write_text("ablations: {inherit: parent}\n")
    with pytest.raises(UserError, match=r"conf\.yml:1: ablations\.inherit is for an algorithm's own file"):
        load("parent", CARTPOLE, conf_file=tmp_path / "conf.yml")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ("{n_step: 1}", "unknown key 'n_step' for algorithm 'parent'; did you mean 'n_steps'?"),
        ("{gamma: 2}", "gamma"),
        ("{gamma: 0.5, policy_kwargs.net_arch: [8], policy_kwargs: {net_arch: [9]}}", "is given twice"),
        ("{gamma.x: 0.5, gamma: 0.9}", "'gamma' is given twice"),
    ],
)
def test_params_that_are_refused_have_their_line(params: str, expected: str, family: tuple[Path, Path]) -> None:
    family[0].write_text(f"ablations:\n  less:\n    params: {params}\n")
    variant = load("parent", CARTPOLE).ablations["less"].params
    with pytest.raises(UserError) as raised:
        load("parent", CARTPOLE, variant=variant)
    assert str(raised.value).startswith(f"{family[0]}:3: ")
    assert expected in str(raised.value)


def test_a_family_has_params_of_its_own_and_variants_of_its_own(family: tuple[Path, Path]) -> None:
    family[0].write_text(
        "ablations:\n"
        "  less: {params: {n_steps: 1, gamma: 0.9}, atari: {gamma: 0.8}}\n"
        "  blind: {atari: {frame_stack: 1}}\n"
    )
    assert {name: each.changed("parent") for name, each in load("parent", CARTPOLE).ablations.items()} == {
        "less": {"n_steps": 1, "gamma": 0.9}
    }
    pong = load("parent", resolve("PongNoFrameskip-v4")).ablations
    assert {name: each.changed("parent") for name, each in pong.items()} == {
        "less": {"n_steps": 1, "gamma": 0.8},
        "blind": {"frame_stack": 1},
    }
    family[0].write_text("ablations:\n  less: {params: {n_steps: 1}, box2d: 3}\n")
    with pytest.raises(UserError, match=r"parent.yml:2: ablations.less.box2d: must be a mapping of hyperparameters"):
        load("parent", CARTPOLE)
