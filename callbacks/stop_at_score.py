"""End a run when it is good enough."""

from typing import Annotated

import numpy as np
from pydantic import Field
from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext.registry import register_callback
from dqn_zoo_ext.state import State


@register_callback("stop_at_score")
class StopAtScore(BaseCallback):
    """Stops training when the mean raw score of the last `games` training games reaches `score`.

    These are games played with exploration, as they stand in the monitor file; fewer than `games` never suffice.
    In YAML: ``callback: [{stop_at_score: {score: 500, games: 20}}]``.
    """

    def __init__(self, score: float, games: Annotated[int, Field(ge=1)] = 100) -> None:
        super().__init__()
        self._score = score
        self._games = games
        self._last: list[float] = []

    def _on_step(self) -> bool:
        ended = [info["episode"]["r"] for info in self.locals["infos"] if "episode" in info]
        self._last = [*self._last, *ended][-self._games :]
        return len(self._last) < self._games or float(np.mean(self._last)) < self._score

    def state(self) -> State:
        """The last games' scores."""
        return {"last": self._last}

    def load_state(self, state: State) -> None:
        """Go on counting from there."""
        self._last = list(state["last"])
