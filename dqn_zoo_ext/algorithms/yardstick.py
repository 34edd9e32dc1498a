"""What makes an algorithm of Stable-Baselines3's own, as it is, one that our commands can run: a yardstick.

Acting, exploring, storing, learning and target copies stay its own, to the bit. Only the arguments are translated, from
what our configurations say to what its constructor takes, and what it cannot do is refused.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from rl_zoo3.utils import linear_schedule
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv
from stable_baselines3.common.utils import LinearSchedule

from dqn_zoo_ext.config.schema import Hyperparameters
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.known_spaces import refuse_dictionary, refuse_unknown_spaces
from dqn_zoo_ext.learning.model import Model
from dqn_zoo_ext.learning.networks.activations import Activation, activation_class
from dqn_zoo_ext.learning.optim import Adam
from dqn_zoo_ext.learning.schedules import AsProgress, Constant, Linear, Schedule
from dqn_zoo_ext.learning.updates.finite import names_not_finite

_ONLY = {
    "exploration_begins": "start",
    "target_update_unit": "agent_steps",
    "loss": "huber",
    "precision": "fp32",
    "replay_buffer_class": "sb3",
}
"""Hyperparameters that have a single value in Stable-Baselines3. Its QR-DQN's is the Huber loss of quantiles."""


@dataclass(frozen=True)
class YardstickSettings:
    """What the algorithms of Stable-Baselines3 have and ours do not need.

    optimize_memory_usage: the replay keeps each observation once. Stable-Baselines3 can do so only if
    ``replay_buffer_kwargs`` has ``handle_timeout_termination: false``, which takes a time limit for an end.
    """

    optimize_memory_usage: bool = False


class Yardstick(Model):
    """Mixed into an algorithm of Stable-Baselines3, before it.

    Takes that algorithm's arguments by name, and ours: `learning_rate` and `exploration` as schedules, `train_freq` in
    transitions. ValueError for what it cannot do.
    """

    exploration_schedule: Callable[[float], float]
    Settings = YardstickSettings
    atari_wrapper = ("sb3_atari", "sb3")
    makes_checkpoints = False

    def __init__(
        self,
        policy: str | type[BasePolicy],
        env: GymEnv | str,
        learning_rate: float | Callable[[float], float] | Schedule = 1e-4,
        *,
        exploration: Schedule | None = None,
        exploration_begins: Literal["start"] = "start",
        target_update_unit: Literal["agent_steps"] = "agent_steps",
        loss: Literal["huber"] = "huber",
        precision: Literal["fp32"] = "fp32",
        replay_buffer_class: Literal["sb3"] = "sb3",
        train_freq: int = 4,
        settings: YardstickSettings | None = None,
        **sb3_arguments: Any,
    ) -> None:
        only = (exploration_begins, target_update_unit, loss, precision, replay_buffer_class)
        given = dict(zip(_ONLY, only, strict=True))
        for name, value in given.items():
            if value != _ONLY[name]:
                raise ValueError(f"{name} must be {_ONLY[name]!r}, not {value!r}")
        n_envs = getattr(env, "num_envs", 1)
        if isinstance(train_freq, int):  # what stable_baselines3 loads from a file is in its own units already
            if train_freq % n_envs:
                raise ValueError(_train_freq_refused(train_freq, n_envs))
            train_freq //= n_envs
        self.exploration = exploration
        policy_kwargs = sb3_arguments.get("policy_kwargs") or {}
        if policy_kwargs.get("optimizer_class") is Adam:  # ours is fused, and rounds otherwise
            sb3_arguments["policy_kwargs"] = {**policy_kwargs, "optimizer_class": torch.optim.Adam}
        arguments: dict[str, Any] = {"optimize_memory_usage": settings.optimize_memory_usage} if settings else {}
        arguments |= {**sb3_arguments, **_epsilon(exploration)}
        super().__init__(policy, env, learning_rate=_rate(learning_rate), train_freq=train_freq, **arguments)

    def _setup_model(self) -> None:
        refuse_unknown_spaces(self.observation_space, self.action_space)
        super()._setup_model()
        refuse_dictionary(self.policy)

    @staticmethod
    def cannot(given: Hyperparameters) -> Iterator[tuple[str, str]]:
        """Key and reason for each hyperparameter that Stable-Baselines3 cannot do."""
        for name, only in _ONLY.items():
            if getattr(given, name) != only:
                yield name, f"must be '{only}', not '{getattr(given, name)}': Stable-Baselines3 does nothing else"
        if given.exploration.name not in ("linear", "constant"):
            yield "exploration", f"must be linear or constant in Stable-Baselines3, not '{given.exploration.name}'"
        if given.train_freq % given.n_envs:
            yield "train_freq", _train_freq_refused(given.train_freq, given.n_envs)

    @staticmethod
    def agent_steps_at_once(given: Hyperparameters) -> int:
        """A whole round: only between two of them can it end, and can we see what is due."""
        return given.train_freq

    def _setup_learn(self, total_timesteps: int, *arguments: Any, **named: Any) -> tuple[int, BaseCallback]:
        total, callbacks = super()._setup_learn(total_timesteps, *arguments, **named)
        if isinstance(self.learning_rate, AsProgress):
            self.learning_rate.total_agent_steps = total
        if isinstance(self.exploration, Linear) and self.exploration.agent_steps is not None:
            line = self.exploration
            self.exploration_schedule = LinearSchedule(line.start, line.end, self.exploration.agent_steps / total)
        return total, callbacks

    def check_finite(self) -> None:
        """UserError if a weight is not finite. Losses and gradients are Stable-Baselines3's own affair."""
        wrong = names_not_finite(self.online_net.named_parameters())
        if wrong:
            raise UserError(f"weight {wrong[0]} is not finite after {self._n_updates:,} updates; lower learning_rate")

    def why_not_resumable(self) -> str:
        """Stable-Baselines3 keeps no such state."""
        return f"{type(self).__name__} is Stable-Baselines3's own, which cannot go on exactly; --save-freq saves agents"


class NamedActivation(BasePolicy):
    """Mixed into a policy of Stable-Baselines3, before it: takes the activation by its name, as our policies do."""

    def __init__(self, *arguments: Any, activation: Activation = "relu", **sb3_arguments: Any) -> None:
        sb3_arguments.setdefault("activation_fn", activation_class(activation))
        super().__init__(*arguments, **sb3_arguments)


class Images(NamedActivation):
    """A policy for images. torso, head: what Stable-Baselines3's has, by our names; there is no other."""

    def __init__(
        self,
        *arguments: Any,
        torso: Literal["nature"] = "nature",  # noqa: ARG002
        head: Literal["linear"] = "linear",  # noqa: ARG002
        **named: Any,
    ) -> None:
        super().__init__(*arguments, **named)


class Vectors(NamedActivation):
    """A policy for vectors. torso, head: what Stable-Baselines3's has, by our names; there is no other."""

    def __init__(
        self,
        *arguments: Any,
        torso: Literal["flatten"] = "flatten",  # noqa: ARG002
        head: Literal["linear"] = "linear",  # noqa: ARG002
        **named: Any,
    ) -> None:
        super().__init__(*arguments, **named)


def _rate(given: "float | Callable[[float], float] | Schedule") -> "float | Callable[[float], float]":
    """As Stable-Baselines3 takes it; the line to 0 over the whole run is RL-Zoo's own, below 0 past the end too."""
    if isinstance(given, Constant):
        return given.value
    if isinstance(given, Linear) and (given.end, given.fraction) == (0.0, 1.0):
        return linear_schedule(given.start)
    return AsProgress(given) if isinstance(given, Schedule) else given


def _epsilon(exploration: Schedule | None) -> dict[str, float]:
    """Stable-Baselines3's three numbers; a line given in agent steps has its fraction set by ``_setup_learn``."""
    if exploration is None:
        return {}
    if isinstance(exploration, Constant):
        start = end = exploration.value
        fraction = 1.0
    elif isinstance(exploration, Linear):
        start, end, fraction = exploration.start, exploration.end, exploration.fraction or 1.0
    else:
        raise ValueError(f"exploration must be linear or constant, not {type(exploration).__name__}")
    return {"exploration_initial_eps": start, "exploration_final_eps": end, "exploration_fraction": fraction}


def _train_freq_refused(train_freq: int, n_envs: int) -> str:
    return (
        f"{train_freq} transitions are no whole number of steps of {n_envs} environments, and Stable-Baselines3 learns "
        "after whole steps only"
    )
