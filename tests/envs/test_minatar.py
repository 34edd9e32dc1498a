"""MinAtar: ids without --gym-packages, cells as the agent sees them, exact replays, and a line where it is missing."""

import importlib
from typing import Any

import gymnasium
import numpy as np
import pytest
from stable_baselines3.common.env_checker import check_env

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the three registers what the YAML names
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs import minatar_ids
from dqn_zoo_ext.envs.ids import EnvId, resolve, resolve_folder
from dqn_zoo_ext.envs.minatar import Cells
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.build import build_model, build_venv

GAMES = {"Asterix": 4, "Breakout": 4, "Freeway": 7, "Seaquest": 10, "SpaceInvaders": 6}


def named(name: str) -> EnvId:
    pytest.importorskip("minatar")
    return resolve(name)


@pytest.mark.parametrize("title", GAMES)
def test_the_agent_sees_the_games_cells_channels_first(title: str) -> None:
    env = gymnasium.make(named(f"MinAtar/{title}-v1").gym_id)
    wrapped = Cells(env)
    seen, _ = wrapped.reset(seed=3)
    generator = np.random.default_rng(0)
    for _ in range(50):
        whole = np.asarray(env.unwrapped.game.state())  # type: ignore[attr-defined]
        assert seen.shape == (GAMES[title], 10, 10)
        for channel in range(GAMES[title]):  # the slow way
            for row in range(10):
                for column in range(10):
                    assert seen[channel, row, column] == int(whole[row, column, channel])
        seen, _, terminated, _, _ = wrapped.step(np.int64(generator.integers(env.action_space.n)))  # type: ignore[attr-defined]
        if terminated:
            seen, _ = wrapped.reset()
    check_env(wrapped, skip_render_check=True)


def test_a_picture_shows_each_cell_as_a_square() -> None:
    env = gymnasium.make(named("MinAtar/Breakout-v1").gym_id, render_mode="rgb_array")
    cells = Cells(env)
    seen, _ = cells.reset(seed=1)
    picture = cells.render()
    assert (picture.shape, picture.dtype) == ((160, 160, 3), np.uint8)
    lit = picture.reshape(10, 16, 10, 16, 3).any(axis=(1, 3, 4))
    assert (lit == seen.any(axis=0)).all()
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) >= 3


def test_ids_versions_and_folders() -> None:
    env = named("MinAtar/SpaceInvaders-v0")
    assert (env.family, env.game, env.config_name) == ("minatar", None, "space_invaders")
    assert env.folder_name == "MinAtar-SpaceInvaders-v0"
    assert resolve_folder(env.folder_name).gym_id == env.gym_id
    assert resolve("MinAtar/SpaceInvaders-v1").config_name == "space_invaders"
    assert resolve("SpaceInvadersNoFrameskip-v4").family == "atari"
    with pytest.raises(UserError, match="did you mean 'MinAtar/Breakout-v1'"):
        resolve("MinAtar/Brekout-v1")


@pytest.mark.parametrize("title", GAMES)
def test_a_files_actions_are_the_games_minimal_set(title: str) -> None:
    env = named(f"MinAtar/{title}-v1")
    all_six = ["NOOP", "LEFT", "UP", "RIGHT", "DOWN", "FIRE"]  # Environment's n, l, u, r, d, f
    minimal = [all_six[i] for i in gymnasium.make(env.gym_id).unwrapped.action_set]  # type: ignore[attr-defined]
    assert load("dqn", env).game["actions"] == minimal


def test_a_seed_says_all_that_happens_whatever_was_played_before() -> None:
    env = named("MinAtar/Breakout-v1")

    def course(played_before: int) -> list[bytes]:
        cells = Cells(gymnasium.make(env.gym_id, sticky_action_prob=1.0))  # what the last action was is all that counts
        cells.reset(seed=1)
        for _ in range(played_before):
            cells.unwrapped.game.act(3)  # type: ignore[attr-defined]
        shown = [cells.reset(seed=2)[0].tobytes()]
        return shown + [cells.step(np.int64(2))[0].tobytes() for _ in range(5)]

    assert course(0) == course(3)


def test_a_game_without_end_is_truncated() -> None:
    env = named("MinAtar/Freeway-v1")
    configuration = load("dqn", env, overrides={"preprocessing_kwargs.max_agent_steps_per_game": 20})
    venv = build_venv(configuration, 2, 1)
    venv.reset()
    for _ in range(19):
        assert not venv.step(np.zeros(2, dtype=np.int64))[2].any()
    _, _, dones, infos = venv.step(np.zeros(2, dtype=np.int64))
    assert dones.all()
    assert all(info["TimeLimit.truncated"] for info in infos)


def test_the_network_is_young_and_tians() -> None:
    configuration = load("dqn", named("MinAtar/Breakout-v1"), overrides={"buffer_size": 100})
    model = build_model(configuration, build_venv(configuration, 1, 1), 1, "cpu")
    shapes = [tuple(weight.shape) for weight in model.policy.q_net.parameters()]  # type: ignore[union-attr]
    assert shapes == [(16, 4, 3, 3), (16,), (128, 16 * 8 * 8), (128,), (3, 128), (3,)]


def test_minatars_cells_are_for_minatar() -> None:
    configuration = load("dqn", resolve("CartPole-v1"), overrides={"preprocessing": "minatar"})
    with pytest.raises(UserError, match="preprocessing 'minatar' is for MinAtar, not for 'CartPole-v1'"):
        build_venv(configuration, 1, 1)


def test_a_limit_on_games_has_a_keyword_of_its_own() -> None:
    with pytest.raises(UserError) as raised:
        load("dqn", named("MinAtar/Breakout-v1"), overrides={"env_kwargs.max_episode_steps": 10**9})
    limit = "env_kwargs.max_episode_steps: 1000000000 is refused: use preprocessing_kwargs.max_agent_steps_per_game"
    assert str(raised.value).endswith(limit)
    with pytest.raises(UserError, match=r"env_kwargs\.render_mode: 'human' is refused: pictures are no part of a game"):
        load("dqn", named("MinAtar/Breakout-v1"), overrides={"env_kwargs.render_mode": "human"})
    sticky = load("dqn", named("MinAtar/Breakout-v1"), overrides={"env_kwargs.sticky_action_prob": 0.2})
    assert sticky.hyperparameters.env_kwargs == {"sticky_action_prob": 0.2}


def test_where_the_package_is_missing_a_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr(importlib, "import_module", missing)
    monkeypatch.setattr(gymnasium, "registry", {})
    with pytest.raises(UserError) as raised:
        minatar_ids.make_known("MinAtar/Breakout-v1")
    (line,) = str(raised.value).splitlines()
    assert "needs the package MinAtar: pip install 'dqn_zoo_ext[minatar]'" in line
