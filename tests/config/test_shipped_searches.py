"""What shipped files say besides values: search spaces and ablations speak of what there is."""

from collections.abc import Mapping
from typing import Any

import pytest
from shipped_algorithms import ALGORITHMS, FOR_IMAGES, YARDSTICKS

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.experiment.search.space import search_space

SEARCHED = [
    (algo, name)
    for algo in (*ALGORITHMS, *YARDSTICKS)
    for name in ("SpaceInvadersNoFrameskip-v4", "CartPole-v1")
    if algo not in FOR_IMAGES or name != "CartPole-v1"
]


@pytest.mark.parametrize(("algo", "name"), SEARCHED)
def test_a_search_block_speaks_of_values_that_exist_and_its_ends_are_allowed(algo: str, name: str) -> None:
    tried: dict[str, int] = {}

    def load_and_look(overrides: Mapping[str, object]) -> Configuration:
        found = load(algo, resolve(name), overrides=overrides)
        for key, value in overrides.items():
            assert found.flat()[key] == value
            tried[key] = tried.get(key, 0) + 1
        return found

    block = load(algo, resolve(name)).search
    assert set(search_space(load_and_look, {})) == set(block) == set(tried)
    assert set(block) <= set(load(algo, resolve(name)).flat())
    assert min(tried.values()) >= 2


def changed(algo: str, name: str, game: str) -> dict[str, tuple[Any, Any]]:
    """What a variant changes of a game's values, by dotted key: before and after; None where there is none."""
    env = resolve(game)
    whole = load(algo, env)
    variant = whole.ablations[name]
    before, after = whole.flat(), load(variant.algo, env, variant=variant.params).flat()
    both = {key: (before.get(key), after.get(key)) for key in {**before, **after}}
    return {key: values for key, values in both.items() if values[0] != values[1]}


@pytest.mark.parametrize(
    ("algo", "name", "keys"),
    [
        ("rainbow", "no_double", {"next_action"}),
        ("rainbow", "no_priorities", {"replay_buffer_class", "replay_buffer_kwargs"}),
        ("rainbow", "no_multi_step", {"n_steps"}),
        ("rainbow", "no_dueling", {"policy_kwargs.head"}),
        ("rainbow", "no_noisy", {"policy_kwargs.layer", "policy_kwargs.layer_kwargs", "exploration"}),
        ("rainbow", "no_distribution", {"policy_kwargs.distribution", "loss", "next_action"}),
        ("data_efficient_rainbow", "no_multi_step", {"n_steps"}),
        ("data_efficient_rainbow", "no_noisy", {"policy_kwargs.layer", "policy_kwargs.layer_kwargs", "exploration"}),
        ("data_efficient_rainbow", "no_distribution", {"policy_kwargs.distribution", "loss", "next_action"}),
        ("btr", "no_impala", {"policy_kwargs.torso"}),
        ("btr", "no_spectral", {"policy_kwargs.torso_kwargs.normalization"}),
        ("btr", "no_pooling", {"policy_kwargs.torso_kwargs.pooling"}),
        ("btr", "no_priorities", {"replay_buffer_class", "replay_buffer_kwargs"}),
        ("btr", "no_multi_step", {"n_steps"}),
        ("btr", "no_dueling", {"policy_kwargs.head"}),
        ("btr", "no_noisy", {"policy_kwargs.layer", "policy_kwargs.layer_kwargs", "exploration"}),
        ("btr", "no_vectors", {"n_envs", "train_freq", "batch_size", "learning_rate", "optimizer_kwargs.eps"}),
        ("btr", "no_munchausen", {"temperature", "bonus_scale", "bonus_floor", "next_action"}),
        ("btr", "no_iqn", {"policy_kwargs.distribution", "loss", "n_online", "n_target", "kappa"}),
    ],
)
def test_an_ablation_takes_one_part_away_and_changes_nothing_else(algo: str, name: str, keys: set[str]) -> None:
    found = changed(algo, name, "SpaceInvadersNoFrameskip-v4")
    assert {next((key for key in keys if each.startswith(key)), each) for each in found} <= keys
    assert all(any(each.startswith(key) for each in found) for key in keys)


@pytest.mark.parametrize("algo", ["rainbow", "data_efficient_rainbow", "btr"])
def test_the_ablations_fit_small_problems_as_well(algo: str) -> None:
    found = load(algo, resolve("CartPole-v1")).ablations
    on_atari = load(algo, resolve("PongNoFrameskip-v4")).ablations
    only_for_screens = {"no_impala", "no_spectral", "no_pooling", "no_vectors"}
    assert set(found) == set(on_atari) - only_for_screens
    for name in found:
        keys = {key for key, values in changed(algo, name, "CartPole-v1").items() if values != ("flatten", None)}
        assert keys
        assert not {key for key in keys if key.startswith(("learning_rate", "n_envs", "policy_kwargs.torso"))}


@pytest.mark.parametrize("algo", ["noisy_dqn", "rainbow", "data_efficient_rainbow", "btr"])
def test_where_noise_explores_no_epsilon_is_searched_for(algo: str) -> None:
    assert "exploration.end" not in load(algo, resolve("SpaceInvadersNoFrameskip-v4")).search


@pytest.mark.parametrize("algo", ["noisy_dqn", "rainbow", "data_efficient_rainbow"])
@pytest.mark.parametrize("name", ["CartPole-v1", "LunarLander-v3"])
def test_a_games_schedule_of_epsilon_is_not_for_algorithms_without_one(algo: str, name: str) -> None:
    assert load(algo, resolve(name)).hyperparameters.exploration.as_plain_data() == 0.0
    assert load("dqn", resolve(name)).hyperparameters.exploration.arguments["fraction"] < 0.5
