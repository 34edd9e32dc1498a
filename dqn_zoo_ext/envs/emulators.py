"""The emulators themselves: ale-py's vector of consoles, set up so that lives and scores stay ours to judge."""

from ale_py.vector_env import AtariVectorEnv

from dqn_zoo_ext.envs.ids import single_player_games
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.errors import UserError, nearest

SCREEN_HEIGHT, SCREEN_WIDTH = 210, 160


def make_emulators(
    game: str, n_envs: int, rules: AtariRules, *, frame_stack: int, num_threads: int, colour: bool = False
) -> AtariVectorEnv:
    """`n_envs` consoles with `game` in them.

    They restart a game in the step that ends it, give raw rewards, and say nothing of lost lives: a lost life is found
    by comparing ``info["lives"]``, because the emulator's own switch for it would restart the whole game.

    colour: whole colour screens of (210, 160, 3) instead of gray squares.
    UserError for a name that is not a single-player ROM: some of the others end the process.
    """
    if game not in single_player_games():
        raise UserError(f"unknown game '{game}'{nearest(game, single_player_games())}")
    return AtariVectorEnv(
        game,
        n_envs,
        num_threads=num_threads,
        autoreset_mode="SameStep",
        episodic_life=False,
        life_loss_info=False,
        reward_clipping=False,
        max_num_frames_per_episode=rules.max_frames_per_game,
        repeat_action_probability=rules.repeat_action_probability or 0.0,
        full_action_space=rules.full_action_space,
        use_fire_reset=rules.fire_on_reset,
        noop_max=rules.noop_max + 1,  # the emulator draws from 0 to noop_max - 1
        frameskip=rules.frame_skip,
        maxpool=rules.frame_skip > 1,
        img_height=SCREEN_HEIGHT if colour else rules.screen_size,
        img_width=SCREEN_WIDTH if colour else rules.screen_size,
        grayscale=not colour,
        stack_num=frame_stack,
    )
