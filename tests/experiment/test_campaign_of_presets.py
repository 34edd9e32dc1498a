"""Presets as the variants of a campaign: what is planned, and one of them carried out."""

import csv
from pathlib import Path

import pytest

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.callbacks  # noqa: F401  # registers what the presets name
from dqn_zoo_ext.campaign import main as campaign
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.config.presets import find_preset
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.campaign.beneath import Beneath
from dqn_zoo_ext.experiment.campaign.of_presets import plan_presets
from dqn_zoo_ext.storage.results import read_results

A, B = "space-invaders-2016", "space-invaders-2016-rmsprop"


def test_each_is_a_variant_as_its_file_has_it() -> None:
    plan = plan_presets([A, B], [], [1, 2], Beneath(overrides={"n_timesteps": 1000}))
    assert (plan.kind, plan.of, plan.name) == (
        "comparison",
        f"{A}, {B}",
        f"compare-{A}-{B}-SpaceInvadersNoFrameskip-v4",
    )
    assert [(run.variant.name, run.seed) for run in plan.runs()] == [(A, 1), (B, 1), (A, 2), (B, 2)]
    for variant in plan.variants:
        path = find_preset(variant.name).path
        alone = load("dqn", resolve("SpaceInvaders"), conf_file=path, overrides={"n_timesteps": 1000})
        assert variant.configuration.flat() == alone.flat()
        assert variant.preset == variant.name
    first, second = plan.variants
    assert first.changed == {}
    assert second.changed == {
        "optimizer": "rmsprop",
        "optimizer_kwargs.alpha": 0.95,
        "optimizer_kwargs.eps": 3.125e-5,
        "learning_rate": 2e-4,
    }


def test_on_other_games_and_with_other_algorithms() -> None:
    games = [resolve("Pong"), resolve("Qbert")]
    both = ["nature-2015", "double-dqn-2016"]
    with pytest.raises(UserError, match=r"are evaluated by nature-2015 .* and by double-dqn-tuned"):
        plan_presets(both, games, [1], Beneath(), name="x")
    plan = plan_presets(both, games, [1], Beneath(overrides={"eval_protocol": "nature-2015"}), name="x")
    assert [(each.name, each.env) for each in plan.variants] == [
        ("nature-2015", "PongNoFrameskip-v4"),
        ("double-dqn-2016", "PongNoFrameskip-v4"),
        ("nature-2015", "QbertNoFrameskip-v4"),
        ("double-dqn-2016", "QbertNoFrameskip-v4"),
    ]
    assert plan.variants[1].changed["algo"] == "double_dqn"
    assert (plan.name, plan.numbered) == ("x", False)


def test_what_makes_them_equal_leaves_nothing_to_compare() -> None:
    same = Beneath(overrides={"optimizer": "adam", "learning_rate": 1e-4})
    with pytest.raises(UserError, match=f"presets: '{B}' is the same as '{A}'"):
        plan_presets([A, B], [], [1], same)


def test_one_that_cannot_be_is_named() -> None:
    with pytest.raises(UserError, match=f"variant '{A}': -params: unknown key 'bach_size'"):
        plan_presets([A, B], [], [1], Beneath(overrides={"bach_size": "1"}))


def test_a_run_of_it_names_its_preset(tmp_path: Path) -> None:
    words = f"--presets cartpole_keras --seeds 1 -n 300 -f {tmp_path} --verbose 0 -params eval_freq:300 eval_episodes:1"
    assert campaign(words.split()) == 0
    folder = tmp_path / "campaigns" / "compare-cartpole-keras-CartPole-v1_1"
    with (folder / "runs.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["variant"], row["state"]) == ("cartpole-keras", "finished")
    assert read_results(Path(row["run_folder"]) / "results.json").preset == "cartpole-keras"
    assert (folder / "report.html").is_file()
