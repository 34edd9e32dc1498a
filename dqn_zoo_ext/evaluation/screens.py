"""What a person would see of a game in a vector environment."""

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.emulators.colour_twin import EVERY_FRAME
from dqn_zoo_ext.errors import UserError

Picture = npt.NDArray[np.uint8]


def picture_now(venv: VecEnv) -> Picture:
    """The first environment's picture, (H, W, 3) uint8. UserError if it was made without a render_mode that has any."""
    has_pictures = venv.render_mode in ("rgb_array", EVERY_FRAME)
    picture = venv.get_images()[0] if has_pictures else None
    if picture is None:
        raise UserError("the environment gives no pictures; make it with render_mode='rgb_array'")
    return np.array(picture, dtype=np.uint8)


def pictures_of_step(venv: VecEnv, over: bool) -> tuple[Picture, ...]:
    """The first environment's pictures of the step just made, (H, W, 3) uint8 each, in order.

    One picture, or with ``rgb_array_list`` each frame. over: whether the game ended with it; the one picture is then
    of the next game, and is left out. UserError as in picture_now.
    """
    if isinstance(venv, AleVecEnv) and venv.render_mode == EVERY_FRAME:
        return tuple(venv.screens_of_last_step())
    return () if over else (picture_now(venv),)
