"""Stable-Baselines3's replay with every transition stored several times: ends of episodes more often than the rest."""

from typing import Annotated, Any

import numpy as np
from gymnasium import spaces
from pydantic import Field
from stable_baselines3.common.buffers import ReplayBuffer

from dqn_zoo_ext.registry import register_replay_buffer

Copies = Annotated[int, Field(ge=1)]


@register_replay_buffer("repeating")
class RepeatingBuffer(ReplayBuffer):
    """Every transition is stored `copies` times, one that truly ends an episode `end_copies` times instead.

    A way to draw ends more often; the same `copies` for all of them changes nothing but the room that is left. What a
    time limit cut is no end. `buffer_size` counts what is stored, copies among them. end_copies: None: as `copies`.

    With several environments a row holds a transition of each, so that one of them cannot be repeated alone: ValueError
    unless both numbers are the same. The frame ring's `end_copies` has the same law for any number of environments and
    stores nothing twice. ValueError for dictionaries of observations.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        *arguments: Any,
        copies: Copies = 1,
        end_copies: Copies | None = None,
        **keywords: Any,
    ) -> None:
        if isinstance(observation_space, spaces.Dict):
            raise ValueError("replay_buffer_class: 'repeating' does not keep dictionaries of observations; 'sb3' does")
        super().__init__(buffer_size, observation_space, action_space, *arguments, **keywords)
        self.copies = copies
        self.end_copies = copies if end_copies is None else end_copies
        if self.n_envs > 1 and self.end_copies != self.copies:
            raise ValueError(
                f"replay_buffer_kwargs: end_copies {self.end_copies} beside copies {self.copies} needs n_envs: 1, not "
                f"{self.n_envs}; frame_ring's end_copies goes with any number"
            )
        self.rows_added = 0
        """Rows ever added, copies among them."""

    @property
    def rows_at_once(self) -> int:
        """Most rows that one vector step adds."""
        return max(self.copies, self.end_copies)

    def add(
        self,
        obs: np.ndarray,
        next_obs: np.ndarray,
        action: np.ndarray,
        reward: np.ndarray,
        done: np.ndarray,
        infos: list[dict[str, Any]],
    ) -> None:
        """Add one transition of each environment as often as it is to be stored. Arguments as of ``ReplayBuffer``."""
        ended = bool(done[0]) and not infos[0].get("TimeLimit.truncated", False)
        times = self.end_copies if ended else self.copies
        for _ in range(times):
            super().add(obs, next_obs, action, reward, done, infos)
        self.rows_added += times
