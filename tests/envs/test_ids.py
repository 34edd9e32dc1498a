"""Every way of writing an environment's id."""

import gymnasium
import numpy as np
import pytest

from dqn_zoo_ext.envs.ids import TWO_PLAYERS_ONLY, EnvId, resolve, single_player_games
from dqn_zoo_ext.envs.make import make_vec_env
from dqn_zoo_ext.errors import UserError


@pytest.mark.parametrize(
    ("name", "gym_id", "game", "sticky"),
    [
        ("SpaceInvadersNoFrameskip-v4", "SpaceInvadersNoFrameskip-v4", "space_invaders", 0.0),
        ("SpaceInvadersNoFrameskip-v0", "SpaceInvadersNoFrameskip-v0", "space_invaders", 0.25),
        ("ALE/SpaceInvaders-v5", "ALE/SpaceInvaders-v5", "space_invaders", 0.25),
        ("SpaceInvaders", "SpaceInvadersNoFrameskip-v4", "space_invaders", 0.0),
        ("space_invaders", "SpaceInvadersNoFrameskip-v4", "space_invaders", 0.0),
        ("Tetris", "ALE/Tetris-v5", "tetris", 0.0),
        ("ALE/Tetris-v5", "ALE/Tetris-v5", "tetris", 0.25),
        ("ALE/TicTacToe3D-v5", "ALE/TicTacToe3D-v5", "tic_tac_toe_3d", 0.25),
    ],
)
def test_atari_forms(name: str, gym_id: str, game: str, sticky: float) -> None:
    assert resolve(name) == EnvId(name, gym_id, "atari", game, sticky)
    assert resolve(name).config_name == game


def test_folder_names_are_rl_zoos() -> None:
    assert resolve("ALE/SpaceInvaders-v5").folder_name == "ALE-SpaceInvaders-v5"
    assert resolve("SpaceInvaders").folder_name == "SpaceInvadersNoFrameskip-v4"


@pytest.mark.parametrize(
    ("name", "family"),
    [("CartPole-v1", "classic_control"), ("LunarLander-v3", "box2d"), ("Blackjack-v1", "gymnasium")],
)
def test_other_families(name: str, family: str) -> None:
    assert resolve(name) == EnvId(name, name, family)
    assert resolve(name).config_name == resolve(name).folder_name == name


def test_all_single_player_games_resolve_in_every_form() -> None:
    games = single_player_games()
    assert len(games) == 104
    titles = set()
    for game in games:
        by_rom = resolve(game)
        title = by_rom.gym_id.removeprefix("ALE/").removesuffix("-v5").removesuffix("NoFrameskip-v4")
        titles.add(title)
        v5 = resolve(f"ALE/{title}-v5")
        assert (by_rom.game, resolve(title).game, v5.game) == (game, game, game)
        assert (by_rom.repeat_action_probability, v5.repeat_action_probability) == (0.0, 0.25)
        assert by_rom.gym_id in gymnasium.registry
    assert len(titles) == 104


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("SpaceInvaders-v4", "skips 2 to 4 frames at random .* use 'SpaceInvadersNoFrameskip-v4'"),
        ("SpaceInvaders-v0", "use 'SpaceInvadersNoFrameskip-v4'"),
        ("SpaceInvadersDeterministic-v4", "skips 4 frames .* use 'SpaceInvadersNoFrameskip-v4'"),
        ("SpaceInvaders-ram-v4", "memory, not the screen; use 'SpaceInvadersNoFrameskip-v4'"),
        ("ALE/Pong-ram-v5", "memory, not the screen; use 'PongNoFrameskip-v4'"),
        ("TetrisDeterministic-v4", "use 'ALE/Tetris-v5'"),
        ("ALE/MsPacmanNoFrameskip-v4", "did you mean 'MsPacmanNoFrameskip-v4'"),
        ("PongNoFrameskip-v5", "did you mean 'PongNoFrameskip-v4'"),
        ("TetrisNoFrameskip-v4", "ALE/Tetris-v5"),
        ("pongnoframeskip-v4", "did you mean 'PongNoFrameskip-v4'"),
        ("SpaceInvader", "did you mean 'SpaceInvaders'"),
        ("CartPole-v7", "did you mean 'CartPole-v[01]'"),
        ("cartpole", "did you mean 'CartPole-v1'"),
        ("Quux", "unknown environment 'Quux'; .*--gym-packages"),
        ("", "unknown environment ''"),
        ("../Pong", "unknown environment"),
        ("Pong\n", "unknown environment 'Pong'; did you mean 'Pong'"),
        ("\x1b[2JPong\nx", r"unknown environment '\\x1b\[2JPong x'"),
    ],
)
def test_refusals_are_one_line_with_the_right_id(name: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as raised:
        resolve(name)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("rom", sorted(TWO_PLAYERS_ONLY))
def test_games_that_would_end_the_process_are_refused_in_every_form(rom: str) -> None:
    title = rom.title().replace("_", "")
    for name in (rom, title, f"ALE/{title}-v5", f"{title}NoFrameskip-v4"):
        with pytest.raises(UserError, match="needs two players"):
            resolve(name)
    assert rom not in single_player_games()


@pytest.mark.parametrize("preprocessing", ["atari", "sb3_atari"])
@pytest.mark.parametrize("name", ["PongNoFrameskip-v4", "ALE/Pong-v5", "Pong"])
def test_an_agent_step_is_four_frames_never_sixteen(name: str, preprocessing: str) -> None:
    """20 steps of a game cut at 80 frames, whichever id it is; at 16 frames a step it would be 5."""
    venv = make_vec_env(
        resolve(name), 1, 0, preprocessing=preprocessing, frame_stack=4, env_kwargs={},
        preprocessing_kwargs={"noop_max": 0, "max_frames_per_game": 80 if preprocessing == "atari" else 80 + 8},
    )  # fmt: skip
    venv.reset()
    dones = [bool(venv.step(np.zeros(1, dtype=np.int64))[2][0]) for _ in range(20)]
    assert dones == [False] * 19 + [True]
    venv.close()
