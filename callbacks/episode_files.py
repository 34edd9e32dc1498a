"""The agent as it was after each game of its training."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import Field
from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext.callbacks.lent import Lent
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.registry import register_callback
from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.agent_file import write_agent


@register_callback("episode_files")
class EpisodeFiles(BaseCallback):
    """Writes the agent after each game of the training, as ``rl_model_1234_steps.zip`` in the run's folder.

    ``--load-checkpoint 1234`` plays one of them. Games that end at the same agent step make one file. keep: how
    many of the last ones stay, None: all. folder: where they go, by default that of the model's logger, which is the
    run's. A file that cannot be written is a line on the terminal.
    """

    def __init__(
        self,
        keep: Annotated[int, Field(ge=1)] | None = None,
        folder: str | Path | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        super().__init__()
        self._keep = keep
        self._folder = folder
        self._say = say
        self._written: list[str] = []

    def borrow(self, lent: Lent) -> None:
        """The run's folder, and its terminal."""
        self._folder, self._say = self._folder or lent.folder, lent.say

    def _on_step(self) -> bool:
        if any("episode" in info for info in self.locals["infos"]):
            self._write(Path(self._folder or self.logger.dir or "."))
        return True

    def state(self) -> State:
        """The names of the files that are kept."""
        return {"written": list(self._written)}

    def load_state(self, state: State) -> None:
        """Go on from there."""
        self._written = list(state["written"])

    def _write(self, folder: Path) -> None:
        name = f"rl_model_{self.num_timesteps}_steps.zip"
        try:
            write_agent(self.model, folder / name)
        except UserError as error:  # a full disk, say: no reason to end a training
            self._say(f"warning: no agent file after {self.num_timesteps:,} agent steps: {error}")
            return
        self._written.append(name)
        while self._keep is not None and len(self._written) > self._keep:
            (folder / self._written.pop(0)).unlink(missing_ok=True)
