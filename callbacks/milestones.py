"""When a training first plays as well as this: a line, a number in the log, and the agent as it was."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field
from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext.callbacks.lent import Lent
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.registry import register_callback
from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.agent_file import write_agent


@register_callback("milestones")
class Milestones(BaseCallback):
    """Notes when the mean raw score of the last `games` training games first reaches each of `scores`.

    These are games played with exploration, as they stand in the monitor file; fewer than `games` never suffice. In
    YAML: ``callback: [{milestones: {scores: [550, 1000], games: 100}}]``. Of each: a line on the terminal, the agent as
    ``milestone_550.zip`` and, in every line of the log from then on, ``milestones/550``: the agent steps that it took.

    folder: where the agents go; by default the folder of the model's logger, which is the run's; if that has none, no
    agent is kept. say: what prints the line, for a training without a run of ours.
    """

    def __init__(
        self,
        scores: Annotated[Sequence[float], Field(min_length=1)],
        games: Annotated[int, Field(ge=1)] = 100,
        folder: str | Path | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        super().__init__()
        self._scores = sorted({f"{score:.10g}": float(score) for score in scores}.items(), key=lambda each: each[1])
        self._games = games
        self._folder = folder
        self._say = say
        self._last: list[float] = []
        self._reached: dict[str, int] = {}

    def borrow(self, lent: Lent) -> None:
        """Lines are the run's to print."""
        self._say = lent.say

    def _on_step(self) -> bool:
        ended = [info["episode"]["r"] for info in self.locals["infos"] if "episode" in info]
        if ended:
            self._last = [*self._last, *ended][-self._games :]
            if len(self._last) == self._games:
                self._look_at(float(np.mean(self._last)))
        if np.any(self.locals["dones"]):  # only then a line of the log can follow
            for name, agent_steps in self._reached.items():
                self.logger.record(f"milestones/{name}", agent_steps)
        return True

    def state(self) -> State:
        """The last games' scores, and what has been reached after how many agent steps."""
        return {"last": self._last, "reached": dict(self._reached)}

    def load_state(self, state: State) -> None:
        """Go on from there."""
        self._last, self._reached = list(state["last"]), dict(state["reached"])

    def _look_at(self, mean: float) -> None:
        for name, score in self._scores:
            if name not in self._reached and mean >= score:
                self._reached[name] = self.num_timesteps
                self._tell(name, mean)

    def _tell(self, name: str, mean: float) -> None:
        what = f"the mean of the last {self._games} games is {mean:,.1f} and reaches {name}"
        self._say(f"milestone after {self.num_timesteps:,} agent steps: {what}; {self._keep(name)}")

    def _keep(self, name: str) -> str:
        """Write the agent; where it is now, in words."""
        folder = self._folder or self.logger.dir
        if folder is None:
            return "no agent is kept"
        path = Path(folder) / f"milestone_{name}.zip"
        try:
            write_agent(self.model, path)
        except UserError as error:  # a full disk: no reason to end a training that goes so well
            return f"warning: {error}"
        return f"the agent is in {path}"
