"""The emulators themselves: ale-py's vector of consoles, set up so that lives and scores stay ours to judge."""

from ale_py.vector_env import AtariVectorEnv

from dqn_zoo_ext.envs.emulators.patient_emulators import PatientEmulators
from dqn_zoo_ext.envs.emulators.pictured_emulators import PicturedEmulators
from dqn_zoo_ext.envs.emulators.vector_emulators import VectorEmulators
from dqn_zoo_ext.envs.ids import single_player_games
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.envs.screens.rules import SCREEN_HEIGHT, SCREEN_WIDTH
from dqn_zoo_ext.errors import UserError, nearest


def make_emulators(
    game: str, n_envs: int, rules: AtariRules, *, frame_stack: int, num_threads: int, colour: bool = False
) -> VectorEmulators:
    """`n_envs` consoles with `game` in them.

    They restart a game in the step that ends it, give raw rewards, and say nothing of lost lives: a lost life is found
    by comparing ``info["lives"]``, because the emulator's own switch for it would restart the whole game.

    What the C++ emulators can do by themselves they do: luminance, any size by area, frames before an episode's first
    that are zeros. Else they show single screens, of which pictures are made here. Where lives are waited for
    (``skip_after_life_loss``) each console has an emulator, and one thread, of its own, whatever `num_threads` says.

    colour: whole colour screens of (210, 160, 3), and nothing else of the rules for screens.
    UserError for a name that is not a single-player ROM: some of the others end the process.
    """
    if game not in single_player_games():
        raise UserError(f"unknown game '{game}'{nearest(game, single_player_games())}")
    in_colour = colour or rules.colour in ("mean", "rgb")
    whole = colour or not _emulator_resizes(rules)
    height, width = (SCREEN_HEIGHT, SCREEN_WIDTH) if whole else rules.picture_shape[1:]
    waiting = -(-rules.skip_after_life_loss // rules.frame_skip)
    as_it_is = colour or (_emulator_resizes(rules) and rules.colour == "luminance" and rules.stack_start == "zeros")

    def vector(consoles: int, stack: int, threads: int) -> AtariVectorEnv:
        return AtariVectorEnv(
            game,
            consoles,
            num_threads=threads,
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
            maxpool=rules.max_pool and rules.frame_skip > 1,
            img_height=height,
            img_width=width,
            grayscale=not in_colour,
            stack_num=stack,
        )

    if not waiting and as_it_is:
        return vector(n_envs, frame_stack, num_threads)
    singly = PatientEmulators([vector(1, 1, 1) for _ in range(n_envs)], waiting) if waiting else None
    emulators = singly or vector(n_envs, 1, num_threads)
    return emulators if colour else PicturedEmulators(emulators, rules, n_envs, frame_stack)


def _emulator_resizes(rules: AtariRules) -> bool:
    """Whether the emulators' own resizing, by area and straight from the screen, is what the rules ask for."""
    straight = rules.kept == (SCREEN_HEIGHT, SCREEN_WIDTH) and rules.subsample == 1 and rules.colour != "mean"
    return straight and (rules.resize == "area" or rules.picture_shape[1:] == rules.kept)
