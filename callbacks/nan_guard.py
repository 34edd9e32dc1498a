"""End a training whose weights are no numbers any more."""

from typing import Annotated

from pydantic import Field
from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext.callbacks.pace import Pace
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.model import Model
from dqn_zoo_ext.learning.updates.finite import names_not_finite
from dqn_zoo_ext.registry import register_callback
from dqn_zoo_ext.state import State


@register_callback("nan_guard")
class NanGuard(BaseCallback):
    """Looks every `every` agent steps whether all weights are finite, and ends the training by a UserError if not.

    For algorithms of Stable-Baselines3, which go on with NaN until the end. Our own watch each update and need no
    callback (learning/updates/finite.py). In YAML: ``callback: [{nan_guard: {every: 1000}}]``. NotFinite instead of
    UserError, with the evidence, if it is an algorithm of ours after all.
    """

    def __init__(self, every: Annotated[int, Field(ge=1)] = 1_000) -> None:
        super().__init__()
        self._pace = Pace(every)

    def _on_training_start(self) -> None:
        self._pace.begin(self.num_timesteps)

    def _on_step(self) -> bool:
        if self._pace.due(self.num_timesteps):
            self._look()
        return True

    def _on_training_end(self) -> None:
        self._look()

    def state(self) -> State:
        """Nothing: what has been looked at is over."""
        return {}

    def load_state(self, state: State) -> None:
        """Nothing to take over."""

    def _look(self) -> None:
        if isinstance(self.model, Model):
            self.model.check_finite()
            return
        wrong = names_not_finite(self.model.policy.named_parameters())
        if wrong:
            updates = f"{getattr(self.model, '_n_updates', 0):,} updates"
            when = f"after {self.num_timesteps:,} agent steps and {updates}"
            raise UserError(f"weight {wrong[0]} is not finite {when}; lower learning_rate")
