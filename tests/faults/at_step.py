"""A plug-in for the tests: a callback under which something happens at a given agent step.

The environment variable AT_STEP says when and what: ``400 SIGTERM`` (or another signal, to this process), ``400 raise``
(an error) or ``400 nan`` (a weight is made NaN). Without it nothing happens.
"""

import os
import signal

import torch
from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.registry import register_callback
from dqn_zoo_ext.state import State


@register_callback("at_step")
class AtStep(BaseCallback):
    def _on_step(self) -> bool:
        when, what = os.environ.get("AT_STEP", "-1 nothing").split()
        if self.num_timesteps == int(when):
            self._make_happen(what)
        return True

    def _make_happen(self, what: str) -> None:
        if what == "raise":
            raise RuntimeError("as asked")
        if what == "nan":
            assert isinstance(self.model, DeepQ)
            with torch.no_grad():
                next(self.model.q_net.parameters())[0, 0] = torch.nan
            return
        signal.raise_signal(signal.Signals[what])

    def state(self) -> State:
        """Nothing is kept."""
        return {}

    def load_state(self, state: State) -> None:
        """Nothing to take."""
