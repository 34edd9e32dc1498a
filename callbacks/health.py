"""Warn of a training that goes wrong slowly: values out of bounds, dead units, nothing learned, errors that grow."""

from collections.abc import Callable

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext.callbacks.pace import Pace
from dqn_zoo_ext.callbacks.vital_signs import DeadUnits, can_draw, draw, first, largest_reward, look, undisturbed
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.state import State

_SLACK = 2.0  # how far beyond the bound of true values estimates may go: they overshoot in healthy runs as well
_UNTRAINED_Q = 1.0  # the size that a fresh network's values may have, whatever the rewards
_NEARLY_ALL = 0.9  # of a layer's units; two thirds of Nature's 512 are zero on all states of a healthy Space Invaders
_PROBE = 32  # samples kept of the first batch
_STILL = 0.01  # the change of a loss, beside itself, that counts as none
_RISES = 3  # in a row
_TD_ERROR_IN_REWARDS = 10.0


class HealthWarnings(BaseCallback):
    """Measures the online network every `every` agent steps, on `batch_size` transitions drawn from the replay.

    Goes to the log: ``health/q_max`` (largest size of a Q-value), ``health/td_error`` (mean size) and
    ``health/dead_units`` (share of dead units in the worst layer, if there are ReLUs; a filter is a unit, and dead if
    it is zero everywhere on each state).

    Goes to `say`, once each: Q-values beyond twice what the largest reward so far allows, a layer with more than nine
    tenths of its units dead, a loss that `updates_to_learn` updates have left at its first value (on the same
    transitions), a TD error that keeps growing and is past 10 of the largest rewards.

    Only a ``DeepQ`` shows how it comes to its loss; of any other algorithm nothing is measured and nothing said.

    The run is not disturbed: every random generator that the measurement draws from is put back. It costs 3 forward
    passes of `batch_size`.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        every: int = 10_000,
        batch_size: int = 128,
        updates_to_learn: int = 25_000,
    ) -> None:
        super().__init__()
        self._say = say
        self._pace = Pace(every)
        self._batch_size = batch_size
        self._updates_to_learn = updates_to_learn
        self._warned: list[str] = []
        self._largest_reward = 0.0
        self._td_errors: list[float] = []
        self._probe: Batch | None = None  # kept while it is not known whether anything is learned
        self._first_loss: float | None = None
        self._first_update = 0

    def state(self) -> State:
        """What ``load_state`` takes: the warnings given, and what later ones depend on."""
        return {
            "warned": list(self._warned),
            "largest_reward": self._largest_reward,
            "td_errors": list(self._td_errors),
            "probe": None if self._probe is None else self._probe._asdict(),
            "first_loss": self._first_loss,
            "first_update": self._first_update,
        }

    def load_state(self, state: State) -> None:
        """Go on as the one whose `state` it was. KeyError if a part is missing."""
        probe = state["probe"]
        self._warned, self._td_errors = list(state["warned"]), list(state["td_errors"])
        self._largest_reward, self._first_loss = state["largest_reward"], state["first_loss"]
        self._first_update = state["first_update"]
        self._probe = None if probe is None else Batch(**probe)

    def _on_training_start(self) -> None:
        self._pace.begin(self.num_timesteps)

    def _on_step(self) -> bool:
        if not isinstance(self.model, DeepQ):
            return True
        if self._pace.due(self.num_timesteps) and self._deep_q._n_updates > 0 and can_draw(self._deep_q):
            self.measure()
        return True

    @property
    def _deep_q(self) -> DeepQ:
        assert isinstance(self.model, DeepQ)
        return self.model

    def measure(self) -> None:
        """Look at the network as it is now."""
        model = self._deep_q
        with undisturbed(model), torch.no_grad():
            batch = draw(model, self._batch_size)
            q_max, dead = look(model.q_net, batch)
            td_error = float(model.loss(model.q_net, model.q_net_target, batch).priority.mean())
            self._look_at_probe(model, batch)
        self._largest_reward = max(self._largest_reward, largest_reward(model))
        self._td_errors = [*self._td_errors, td_error][-_RISES - 1 :]
        self.logger.record("health/q_max", q_max)
        self.logger.record("health/td_error", td_error)
        if dead:
            self.logger.record("health/dead_units", max(layer.share for layer in dead))
        self._warn_of_values(q_max, model.gamma)
        self._warn_of_dead_units(dead)
        self._warn_of_td_error()

    def _look_at_probe(self, model: DeepQ, batch: Batch) -> None:
        if self._probe is None and self._first_loss is not None:
            return  # it has been seen to learn
        if self._probe is None:
            self._probe = first(batch, _PROBE, model.device)
            self._first_update = model._n_updates
        probe = first(self._probe, _PROBE, model.device)
        loss = float(model.loss(model.q_net, model.q_net_target, probe).per_sample.mean())
        if self._first_loss is None:
            self._first_loss = loss
        elif abs(loss - self._first_loss) > _STILL * abs(self._first_loss):
            self._probe = None
        elif model._n_updates - self._first_update >= self._updates_to_learn:
            self._warn(
                "loss",
                f"nothing is learned: after {model._n_updates - self._first_update:,} updates the loss on the same "
                f"{len(probe.r_t)} transitions is {loss:.4g}, and was {self._first_loss:.4g}; raise learning_rate "
                f"(it is {model.policy.optimizer.param_groups[0]['lr']:.4g} now), or look whether weights are frozen",
            )

    def _warn_of_values(self, q_max: float, gamma: float) -> None:
        if gamma >= 1 or self._largest_reward == 0:
            return  # nothing is known of a bound
        bound = self._largest_reward / (1 - gamma)
        if q_max > _SLACK * bound + _UNTRAINED_Q:
            self._warn(
                "values",
                f"Q-values diverge: they reach {q_max:.4g}, and rewards of at most {self._largest_reward:.4g} at gamma "
                f"{gamma:g} allow {bound:.4g}; lower learning_rate, or copy the target network less often "
                "(target_update_interval)",
            )

    def _warn_of_dead_units(self, dead: list[DeadUnits]) -> None:
        for layer in dead:
            if layer.share > _NEARLY_ALL:
                self._warn(
                    f"dead units {layer.layer}",
                    f"{layer.dead} of {layer.units} units behind {layer.layer} are dead: zero on all "
                    f"{self._batch_size} states looked at; lower learning_rate, or choose another activation",
                )

    def _warn_of_td_error(self) -> None:
        reward = self._largest_reward or 1.0
        rising = len(self._td_errors) > _RISES and all(np.diff(self._td_errors) > 0)
        if rising and self._td_errors[-1] > _TD_ERROR_IN_REWARDS * reward:
            self._warn(
                "td error",
                f"the TD error grows without bound: {self._td_errors[-1]:.4g} on average, {self._td_errors[0]:.4g} "
                f"{_RISES} measurements before, with rewards of at most {self._largest_reward:.4g}; lower "
                "learning_rate, or copy the target network less often (target_update_interval)",
            )

    def _warn(self, once: str, line: str) -> None:
        if once not in self._warned:
            self._warned.append(once)
            self._say(f"warning after {self.num_timesteps:,} agent steps: {line}")
