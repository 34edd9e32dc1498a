"""What the agent expects of the same states, all along the training: the curve of Mnih et al. 2013, figure 2."""

from typing import Annotated, Any

import numpy as np
from pydantic import Field
from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext.callbacks.pace import Pace
from dqn_zoo_ext.callbacks.vital_signs import undisturbed
from dqn_zoo_ext.evaluation.watch import action_values
from dqn_zoo_ext.registry import register_callback
from dqn_zoo_ext.state import State


@register_callback("q_values")
class QValues(BaseCallback):
    """Logs the Q-values of a fixed set of states every `every` agent steps.

    ``q_values/mean_of_max``: the mean over states of the best action's, which is the published curve;
    ``q_values/mean`` and ``q_values/max``: over states and actions; ``q_values/spread``: from the worst to the best
    action, as a mean over states. In YAML: ``callback: [{q_values: {every: 10000, states: 256}}]``.

    The states are spread evenly over the agent steps before `learning_starts`, which a random policy plays. Where
    there are fewer of those than `states`, they are the first of the training. Nothing is logged until all are there.
    The training is not disturbed; a measurement costs a forward pass of all of them. Source: Mnih et al. 2013, section
    5.1.
    """

    def __init__(self, every: Annotated[int, Field(ge=1)] = 10_000, states: Annotated[int, Field(ge=1)] = 256) -> None:
        super().__init__()
        self._pace = Pace(every)
        self._wanted = states
        self._goes_on = False
        self._states: list[Any] = []
        self._stride = 1
        """vector steps from one state to the next"""

    def _on_training_start(self) -> None:
        if not self._goes_on:
            self._pace.begin(self.num_timesteps)
            before_learning = getattr(self.model, "learning_starts", 0) - self.num_timesteps
            self._stride = max(1, before_learning // (self._wanted * self.training_env.num_envs))
        self._goes_on = False

    def _on_step(self) -> bool:
        if len(self._states) < self._wanted and self.n_calls % self._stride == 0:
            self._states.append(_of_one(self.locals["new_obs"], len(self._states) % self.training_env.num_envs))
        if len(self._states) == self._wanted and self._pace.due(self.num_timesteps):
            self.measure()
        return True

    def measure(self) -> None:
        """Look at the network as it is now. UserError if it has no Q-values."""
        with undisturbed(self.model):
            values = action_values(self.model.policy, _together(self._states))
        self.logger.record("q_values/mean_of_max", float(values.max(axis=1).mean()))
        self.logger.record("q_values/mean", float(values.mean()))
        self.logger.record("q_values/max", float(values.max()))
        self.logger.record("q_values/spread", float(np.ptp(values, axis=1).mean()))

    def state(self) -> State:
        """The states so far, and which measurements are due."""
        return {
            "passed": self._pace.passed,
            "stride": self._stride,
            "states": _together(self._states) if self._states else None,
        }

    def load_state(self, state: State) -> None:
        """Go on from there."""
        self._goes_on = True
        self._pace.passed, self._stride = state["passed"], state["stride"]
        together = state["states"]
        self._states = [] if together is None else [_of_one(together, index) for index in range(_count(together))]


def _of_one(observations: Any, index: int) -> Any:
    """A copy of one environment's observation: an array, or a dict of arrays."""
    if isinstance(observations, dict):
        return {name: each[index].copy() for name, each in observations.items()}
    return observations[index].copy()


def _together(states: list[Any]) -> Any:
    if isinstance(states[0], dict):
        return {name: np.stack([each[name] for each in states]) for name in states[0]}
    return np.stack(states)


def _count(together: Any) -> int:
    return len(next(iter(together.values())) if isinstance(together, dict) else together)
