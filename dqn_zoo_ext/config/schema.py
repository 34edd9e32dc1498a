"""What a configuration may say: every hyperparameter with its unit and range. The names are RL-Zoo's where it has them.

A field with a default is one that means "off" or "nothing said"; every real value stands in a YAML file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from dqn_zoo_ext.keywords import integral
from dqn_zoo_ext.learning.hardware.precision import Precision

SCHEDULES = ("learning_rate", "exploration")
"""The hyperparameters that are schedules."""

MOST_SIDE_BY_SIDE = 4_096
"""Environments that may run side by side, here and on the command line."""


def _count_or_minus_one(value: int) -> int:
    if value < 1 and value != -1:
        raise ValueError(f"must be at least 1, or -1 for as many as transitions, not {value}")
    return value


Count = Annotated[int, BeforeValidator(integral), Field(strict=True, ge=1)]
CountOrZero = Annotated[int, BeforeValidator(integral), Field(strict=True, ge=0)]
Updates = Annotated[int, BeforeValidator(integral), Field(strict=True), AfterValidator(_count_or_minus_one)]
Unit = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
PositiveUnit = Annotated[float, Field(strict=True, gt=0, le=1, allow_inf_nan=False)]
Name = Annotated[str, Field(strict=True, min_length=1)]
Arguments = Mapping[str, Any]
"""Keywords for a registered class; `resolve` holds them against its signature."""

_CONFIG = ConfigDict(extra="forbid", use_attribute_docstrings=True, arbitrary_types_allowed=True)


@dataclass(frozen=True)
class ScheduleSpec:
    """A schedule as a configuration names it: a registered name and its keywords."""

    name: str
    arguments: Arguments

    def as_plain_data(self) -> Any:
        """What a YAML file would say: a number for a constant, else ``{schedule: name, ...}``."""
        if self.name == "constant":
            return self.arguments["value"]
        return {"schedule": self.name, **self.arguments}


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class Hyperparameters:
    """All that the algorithms have in common. An agent step is one decision: 4 frames on Atari."""

    n_timesteps: Annotated[Count, Field(le=1_000_000_000_000)]
    """Length of the run, in agent steps over all environments together."""
    n_envs: Annotated[Count, Field(le=MOST_SIDE_BY_SIDE)]
    """Environments that run side by side. It changes no other quantity: all of them count agent steps."""

    policy: Name
    """CnnPolicy, MlpPolicy, MultiInputPolicy, or another registered policy."""
    policy_kwargs: Arguments = field(default_factory=dict)
    """The policy's own keywords, e.g. torso, torso_kwargs, head, head_kwargs, net_arch, activation."""
    optimizer: Name
    optimizer_kwargs: Arguments = field(default_factory=dict)
    """The optimizer's own keywords; its learning rate is `learning_rate`."""
    learning_rate: ScheduleSpec
    """Of agent steps. A number, ``lin_1e-4`` (to 0 over the whole run), or ``{schedule: linear, ...}``."""
    max_grad_norm: Positive | None
    """The gradient's norm is cut to this before an update; null: never."""
    loss: Name
    """Loss of a TD error: huber (DeepMind's clipped error) or mse."""
    precision: Precision = "fp32"
    """Of the network's torso, in acting and learning: fp32; tf32, which GPUs may round products to; bf16, autocast."""
    gamma: Unit
    """Discount of one agent step."""
    n_steps: Annotated[Count, Field(le=1_000)] = 1
    """Rewards summed before the target network's estimate takes over."""
    batch_size: Annotated[Count, Field(le=1_000_000)]
    """Transitions in an update."""

    exploration: ScheduleSpec
    """The probability of a random action, drawn for each environment by itself."""
    exploration_begins: Literal["start", "learning_starts"] = "start"
    """Where the exploration schedule counts its agent steps from."""

    buffer_size: Count
    """Transitions that the replay buffer holds."""
    replay_buffer_class: Name
    replay_buffer_kwargs: Arguments = field(default_factory=dict)
    learning_starts: CountOrZero
    """Agent steps before the first update."""
    train_freq: Count
    """Transitions collected for each round of updates, over all environments together."""
    gradient_steps: Updates
    """Updates in a round; -1: as many as transitions were collected for it."""
    target_update_interval: Count
    """How often the target network is renewed, counted in `target_update_unit`."""
    target_update_unit: Literal["agent_steps", "updates"]
    tau: PositiveUnit = 1.0
    """Share of the online network in a renewed target network; 1: a copy."""

    preprocessing: Name
    preprocessing_kwargs: Arguments = field(default_factory=dict)
    reward: Sequence[str | Mapping[str, Any]] = ()
    """What becomes of the game's rewards in training: registered names, or ``{name: keywords}``, applied in order.
    Empty: they are as the preprocessing gives them."""
    frame_stack: Annotated[Count, Field(le=100)] = 1
    """Latest observations that the network sees together."""
    env_kwargs: Arguments = field(default_factory=dict)
    """Keywords for the environment itself, in training and in evaluation."""

    eval_protocol: Name
    """How the evaluations during training are played (`evaluation.protocols`)."""
    eval_freq: Count
    """Agent steps between two evaluations during training."""
    eval_episodes: Count
    """Games in an evaluation during training."""
    callback: Sequence[str | Mapping[str, Any]] = ()
    """What else a run does: registered names, or ``{name: keywords}``."""

    def as_plain_data(self) -> dict[str, Any]:
        """All of it as YAML would say it, in the order of the fields."""
        plain: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, ScheduleSpec):
                value = value.as_plain_data()
            elif isinstance(value, tuple):
                value = list(value)
            plain[each.name] = value
        return plain


HYPERPARAMETERS = tuple(each.name for each in fields(Hyperparameters))
"""Every name that a configuration may set, before those of an algorithm's own `Settings`."""
