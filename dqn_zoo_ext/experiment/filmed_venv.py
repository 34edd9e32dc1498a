"""Environments that are filmed: with pictures, and at the pace at which they show the game."""

from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.callbacks import FilmSet
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.envs.emulators.colour_twin import EVERY_FRAME
from dqn_zoo_ext.envs.ids import ATARI
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.experiment.build import build_venv, frames_per_agent_step
from dqn_zoo_ext.process import draw_without_display

_ATARI_FRAMES_PER_SECOND = 60
_ATARI_SCALE = 3  # of 160 x 210 pixels


def film_mode(configuration: Configuration) -> str:
    """The render_mode with the most pictures: on the C++ emulators every frame, else one for each agent step."""
    return EVERY_FRAME if configuration.hyperparameters.preprocessing == "atari" else "rgb_array"


def pictures_per_second(configuration: Configuration, venv: VecEnv) -> float:
    """The pace at which the pictures of `venv` show the game as people play it."""
    if venv.render_mode == EVERY_FRAME:
        return _ATARI_FRAMES_PER_SECOND
    if configuration.env.family == ATARI:
        return _ATARI_FRAMES_PER_SECOND / frames_per_agent_step(configuration)
    return float(str(venv.metadata.get("render_fps", 30)))


def film_scale(configuration: Configuration) -> int:
    """Pixels of a film for one of the screen, in both directions."""
    return _ATARI_SCALE if configuration.env.family == ATARI else 1


def film_set(configuration: Configuration, protocol: Protocol, seed: int) -> FilmSet:
    """One environment under the rules of `protocol`, with pictures. UserError if it cannot be made."""
    draw_without_display()
    venv = build_venv(configuration, 1, seed, evaluation=protocol.rules, render_mode=film_mode(configuration))
    return FilmSet(venv, pictures_per_second(configuration, venv), film_scale(configuration))
