"""MinAtar as the agent sees it: 10 x 10 cells, one channel for each kind of thing (Young & Tian 2019)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from pydantic import Field
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack

from dqn_zoo_ext.envs.gym_envs import GymEnv, make_gym_vector
from dqn_zoo_ext.envs.minatar_ids import MINATAR
from dqn_zoo_ext.envs.request import EnvRequest, of_the_environment
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import Place, shown
from dqn_zoo_ext.registry import register_preprocessing

Observation = npt.NDArray[np.int8]
_PIXELS, _FRAMES_A_SECOND = 16, 10
"""Of a cell in a picture, each way; of a video."""


class Cells(gymnasium.Wrapper[Observation, np.int64, Any, np.int64]):
    """Observations (channels, 10, 10) of 0 and 1, as convolutions expect them.

    Of type int8: uint8 would mean an image to Stable-Baselines3, which is divided by 255, and a stack of frames to the
    frame ring.

    A game begins without a last action: MinAtar repeats the last one now and then, and would repeat that of the game
    before, so that a seed alone did not say what happens.
    """

    def __init__(self, env: GymEnv) -> None:
        super().__init__(env)
        height, width, channels = env.observation_space.shape or ()
        self.metadata = {**env.metadata, "render_fps": _FRAMES_A_SECOND}
        self.observation_space = spaces.Box(0, 1, (channels, height, width), np.int8)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """A new game."""
        self.unwrapped.game.last_action = 0  # type: ignore[attr-defined]
        cells, info = self.env.reset(seed=seed, options=options)
        return _channels_first(cells), info

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One frame: MinAtar skips none."""
        cells, reward, terminated, truncated, info = self.env.step(action)
        return _channels_first(cells), float(reward), bool(terminated), truncated, info

    def render(self) -> Any:
        """With ``rgb_array`` a picture to look at, 160 x 160 of uint8; MinAtar's own is 10 x 10 of floats."""
        picture = self.env.render()
        if self.render_mode != "rgb_array" or not isinstance(picture, np.ndarray):
            return picture
        return np.kron(np.round(255 * picture), np.ones((_PIXELS, _PIXELS, 1))).astype(np.uint8)


def _channels_first(cells: npt.NDArray[Any]) -> Observation:
    """(10, 10, channels) of bools to (channels, 10, 10) of 0 and 1."""
    return np.ascontiguousarray(cells.transpose(2, 0, 1)).view(np.int8)


@register_preprocessing(MINATAR)
@dataclass(frozen=True)
class MinAtar:
    """MinAtar's games on the slow path. Of an evaluation's rules none counts: sticky actions are part of the games.

    max_agent_steps_per_game: a game is truncated after so many; of MinAtar's own only Freeway has a limit
    (2,500, at which it ends), and a perfect player of Breakout would play for ever.
    """

    max_agent_steps_per_game: Annotated[int, Field(ge=1)] = 10_000

    @classmethod
    def check_env_kwargs(cls, given: Mapping[str, Any], place: Place) -> dict[str, Any]:
        """`given` if it is the games' own; UserError with its place otherwise."""
        if "max_episode_steps" in given:
            longest = f"{place.dotted('max_episode_steps')}: {shown(given['max_episode_steps'])}"
            instead = "use preprocessing_kwargs.max_agent_steps_per_game"
            raise place.error(f"{longest} is refused: {instead}", "max_episode_steps")
        return of_the_environment(given, place)

    def build(self, request: EnvRequest) -> VecEnv:
        """A Dummy- or SubprocVecEnv; in a VecFrameStack if `frame_stack` is above 1. UserError for other families."""
        if request.env.family != MINATAR:
            raise UserError(f"preprocessing 'minatar' is for MinAtar, not for '{request.env.gym_id}'; use 'none'")
        limit = {"max_episode_steps": self.max_agent_steps_per_game}
        # gymnasium's checker has nothing to say that Cells does not mend
        venv = make_gym_vector(request, {**request.env_kwargs, **limit, "disable_env_checker": True}, Cells)
        return VecFrameStack(venv, request.frame_stack) if request.frame_stack > 1 else venv
