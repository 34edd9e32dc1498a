"""Save the agent every so many agent steps, as RL-Zoo's ``--save-freq`` does."""

from collections.abc import Callable
from pathlib import Path

from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext.callbacks.pace import Pace
from dqn_zoo_ext.storage.agent_file import write_agent


class AgentFiles(BaseCallback):
    """Writes the agent to ``file_at(agent steps)`` whenever a multiple of `every` agent steps is reached."""

    def __init__(self, every: int, file_at: Callable[[int], Path]) -> None:
        super().__init__()
        self._pace = Pace(every)
        self._file_at = file_at

    def _on_training_start(self) -> None:
        self._pace.begin(self.num_timesteps)

    def _on_step(self) -> bool:
        if self._pace.due(self.num_timesteps):
            write_agent(self.model, self._file_at(self.num_timesteps))
        return True
