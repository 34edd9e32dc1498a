"""How fast a training is: agent steps, frames and updates per second."""

import time
from typing import Annotated

from pydantic import Field
from stable_baselines3.common.atari_wrappers import MaxAndSkipEnv
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.registry import register_callback
from dqn_zoo_ext.state import State

_AGENT_STEPS = "time/agent_steps_per_second"


@register_callback("throughput")
class Throughput(BaseCallback):
    """Logs what was done per second since the last line of the log; ``time/fps`` is the mean since the beginning.

    ``time/agent_steps_per_second`` (over all environments), ``time/frames_per_second`` (the emulators' frames) and
    ``time/updates_per_second``. In YAML: ``callback: [throughput]``. frames_per_agent_step: by default that of the
    environments: of ours, or of Stable-Baselines3's ``MaxAndSkipEnv``; 1 where there is neither.
    """

    def __init__(self, frames_per_agent_step: Annotated[int, Field(ge=1)] | None = None) -> None:
        super().__init__()
        self._frames_per_agent_step = frames_per_agent_step
        self._since = self._last = (0.0, 0, 0)
        """Seconds, agent steps and updates, when the last line was written and at the last step."""

    def _on_training_start(self) -> None:
        if self._frames_per_agent_step is None:
            self._frames_per_agent_step = frames_per_agent_step(self.training_env)
        self._since = self._last = self._now()

    def _on_step(self) -> bool:
        if _AGENT_STEPS not in self.logger.name_to_value:  # a line was written, and all values with it
            self._since = self._last
        self._last = self._now()
        seconds, agent_steps, updates = (now - then for now, then in zip(self._last, self._since, strict=True))
        seconds = max(seconds, 1e-9)
        assert self._frames_per_agent_step is not None
        self.logger.record(_AGENT_STEPS, agent_steps / seconds)
        self.logger.record("time/frames_per_second", agent_steps * self._frames_per_agent_step / seconds)
        self.logger.record("time/updates_per_second", updates / seconds)
        return True

    def state(self) -> State:
        """Nothing: the clock starts again with the process."""
        return {}

    def load_state(self, state: State) -> None:
        """Nothing to take over."""

    def _now(self) -> tuple[float, int, int]:
        return time.monotonic(), self.model.num_timesteps, getattr(self.model, "_n_updates", 0)


def frames_per_agent_step(venv: VecEnv) -> int:
    """Emulator frames in an agent step of these environments; 1 where nothing tells."""
    if isinstance(venv.unwrapped, AleVecEnv):
        return venv.unwrapped.rules.frame_skip
    if venv.env_is_wrapped(MaxAndSkipEnv, [0])[0]:
        return int(venv.get_attr("_skip", [0])[0])
    return 1
