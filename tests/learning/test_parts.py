"""What algorithms are made of: parts over those of their parents, a user's over both, and what must fit."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from dqn_zoo_ext.algorithms import BTR, DQN, IQN, QRDQN, DataEfficientRainbow, Rainbow
from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.config.__main__ import main as config
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.parts import (
    laid_over,
    misfit_of_distribution,
    misfit_of_loss,
    parts_of,
    settings_among,
)


class Grandparent:
    parts: ClassVar[dict[str, Any]] = {
        "n_steps": 3,
        "policy_kwargs": {"torso": "nature", "torso_kwargs": {"width": 2}, "layer": "noisy"},
    }


class Parent(Grandparent):
    pass


class Child(Parent):
    parts: ClassVar[dict[str, Any]] = {"n_steps": 20, "policy_kwargs": {"torso": "nips", "head": "dueling"}}


def test_a_childs_parts_lie_over_its_parents() -> None:
    assert parts_of(Parent) == Grandparent.parts
    assert parts_of(Child) == {  # another torso, so the keywords of the old one are gone; the layer stays
        "n_steps": 20,
        "policy_kwargs": {"torso": "nips", "layer": "noisy", "head": "dueling"},
    }
    assert Grandparent.parts["n_steps"] == 3  # nobody writes into a parent's


def test_a_distribution_brings_its_loss() -> None:
    assert parts_of(DQN) == {}
    assert parts_of(QRDQN) == {"loss": "quantile_huber", "policy_kwargs": {"distribution": "quantile"}}
    assert parts_of(IQN) == {"loss": "quantile_huber", "policy_kwargs": {"distribution": "implicit_quantile"}}


def test_data_efficient_rainbow_is_rainbow_with_longer_windows() -> None:
    assert parts_of(DataEfficientRainbow) == {**parts_of(Rainbow), "n_steps": 20}
    assert parts_of(Rainbow)["policy_kwargs"] == {"head": "dueling", "layer": "noisy", "distribution": "categorical"}
    assert parts_of(BTR)["policy_kwargs"]["distribution"] == "implicit_quantile"


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        ({}, {"torso": "impala", "torso_kwargs": {"width": 2}}),
        ({"torso": "nature"}, {"torso": "nature"}),
        ({"torso": "impala"}, {"torso": "impala", "torso_kwargs": {"width": 2}}),
        ({"torso": "nature", "torso_kwargs": {"a": 1}}, {"torso": "nature", "torso_kwargs": {"a": 1}}),
        ({"torso_kwargs": {"width": 4}}, {"torso": "impala", "torso_kwargs": {"width": 4}}),
        ({"torso_kwargs": {"pooling": 6}}, {"torso": "impala", "torso_kwargs": {"width": 2, "pooling": 6}}),
        ({"head": "dueling"}, {"torso": "impala", "torso_kwargs": {"width": 2}, "head": "dueling"}),
    ],
)
def test_a_users_part_displaces_the_keywords_of_the_one_before(above: dict[str, Any], expected: dict[str, Any]) -> None:
    assert laid_over({"torso": "impala", "torso_kwargs": {"width": 2}}, above) == expected


def test_settings_among_parts() -> None:
    @dataclass(frozen=True)
    class Settings:
        next_action: str = "target"
        kappa: float = 1.0

    assert settings_among({"n_steps": 3, "next_action": "online"}, Settings) == {"next_action": "online"}


def test_what_fits() -> None:
    assert misfit_of_loss("expectation", "huber") is None
    assert misfit_of_loss("categorical", "cross_entropy") is None
    assert misfit_of_loss("implicit_quantile", "quantile_huber") is None
    assert misfit_of_distribution("dqn", "expectation", "expectation") is None


C51_LEARNS = "must be 'categorical', which is what c51 learns, not 'quantile'; quantile is learned by qrdqn"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--algo dqn -params policy_kwargs.distribution:categorical",
            "policy_kwargs.distribution: must be 'expectation', which is what dqn learns, not 'categorical'; "
            "categorical is learned by c51, data_efficient_rainbow, rainbow",
        ),
        ("--algo c51 -params policy_kwargs.distribution:quantile", f"policy_kwargs.distribution: {C51_LEARNS}"),
        (
            "--algo c51 -params loss:mse",
            "loss: must be 'cross_entropy', the loss of a categorical distribution, not 'mse'",
        ),
        (
            "--algo dqn -params loss:cross_entropy",
            "loss: 'cross_entropy' is the loss of a categorical distribution, and no TD error's; choose one of huber, "
            "mse",
        ),
        (
            "--algo c51 -params policy_kwargs.distribution_kwargs.n_atoms:1",
            "policy_kwargs.distribution_kwargs.n_atoms: must be at least 2, not 1",
        ),
        (
            "--algo c51 -params policy_kwargs.distribution_kwargs.n_atom:5",
            "unknown keyword 'n_atom' of distribution 'categorical'; did you mean 'n_atoms'?",
        ),
        (
            '--algo c51 -params policy_kwargs.distribution_kwargs:{"v_min":20,"v_max":10}',
            "policy_kwargs.distribution_kwargs: v_min must be below v_max, and 20 is not below 10",
        ),
        ("--algo c51 -params n_steps:0", "n_steps: must be at least 1, not 0"),
        (
            "--algo c51 -params policy_kwargs.distribution:categoricl",
            "unknown distribution 'categoricl'; did you mean 'categorical'?",
        ),
        ("--algo qrdqn -params kappa:-1", "kappa: must be at least 0, not -1"),
        ("--algo munchausen_dqn -params temperature:0", "temperature: must be above 0, not 0"),
        ("--algo munchausen_dqn -params bonus_floor:1", "bonus_floor: must be at most 0, not 1"),
        ("--algo iqn -params n_online:0", "n_online: must be at least 1, not 0"),
        ("--algo c51 -params next_action:onlin", "next_action: must be 'target' or 'online', not 'onlin'"),
    ],
)
def test_on_the_command_line(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        run_verb(config, f"--env CartPole-v1 {words}".split())
    captured = capsys.readouterr()
    assert exit_.value.code == 2
    assert captured.err == f"error: -params: {message}\n"


def test_keywords_that_contradict_each_other_are_blamed_where_each_of_them_stands(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text("policy_kwargs:\n  distribution_kwargs:\n    n_atoms: 11\n    v_max: 5\n")
    with pytest.raises(UserError) as caught:
        load(
            "c51",
            resolve("CartPole-v1"),
            conf_file=path,
            overrides={"policy_kwargs.distribution_kwargs.v_min": 7},
        )
    assert str(caught.value) == (
        f"-params, {path}:4: policy_kwargs.distribution_kwargs: v_min must be below v_max, and 7 is not below 5"
    )
