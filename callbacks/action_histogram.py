"""Which actions a training plays: the share of each, by name."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Discrete
from pydantic import Field
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.registry import register_callback
from dqn_zoo_ext.state import State


@register_callback("action_histogram")
class ActionHistogram(BaseCallback):
    """Logs the share of each action among the last `agent_steps`, those of exploration among them.

    ``actions/FIRE`` and so on, from 0 to 1; a share near 1 tells of an agent that knows one answer to everything. In
    YAML: ``callback: [{action_histogram: {agent_steps: 10000}}]``. names: by default those of the environment's
    ``get_action_meanings``, as Atari has them, or else ``action 0``, ``action 1``... UserError if there are more or
    fewer than actions, or if actions are not discrete.
    """

    def __init__(self, agent_steps: Annotated[int, Field(ge=1)] = 10_000, names: Sequence[str] | None = None) -> None:
        super().__init__()
        self._names: Sequence[str] | None = names
        self._last: npt.NDArray[np.int64] = np.full(agent_steps, -1)  # a ring; -1: nothing yet
        self._next = 0
        self._counts: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def _on_training_start(self) -> None:
        space = self.model.action_space
        if not isinstance(space, Discrete):
            raise UserError(f"action_histogram: the actions are {space}, and only discrete ones can be counted")
        if self._names is None:
            self._names = action_names(self.training_env, int(space.n))
        if len(self._names) != space.n:
            raise UserError(f"action_histogram: {space.n} actions need as many names, given {len(self._names)}")
        self._counts = np.bincount(self._last[self._last >= 0], minlength=int(space.n))

    def _on_step(self) -> bool:
        for action in np.asarray(self.locals["actions"]).ravel():
            before = self._last[self._next]
            if before >= 0:
                self._counts[before] -= 1
            self._counts[action] += 1
            self._last[self._next] = action
            self._next = (self._next + 1) % len(self._last)
        if np.any(self.locals["dones"]):  # only then a line of the log can follow
            assert self._names is not None
            shares = self._counts / self._counts.sum()
            for name, share in zip(self._names, shares.tolist(), strict=True):
                self.logger.record(f"actions/{name}", share)
        return True

    def state(self) -> State:
        """The last actions."""
        return {"last": self._last.copy(), "next": self._next}

    def load_state(self, state: State) -> None:
        """Go on counting from there. ValueError if it is of another number of agent steps."""
        if len(state["last"]) != len(self._last):
            raise ValueError(f"a histogram of {len(state['last'])} agent steps is none of {len(self._last)}")
        self._last, self._next = np.array(state["last"]), state["next"]


def action_names(venv: VecEnv, count: int) -> list[str]:
    """What the environment calls its actions, or their numbers where it has no names."""
    try:
        names = venv.env_method("get_action_meanings", indices=[0])[0]
    except AttributeError:
        return [f"action {index}" for index in range(count)]
    return [str(name) for name in names]
