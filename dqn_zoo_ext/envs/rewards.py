"""What becomes of the game's rewards before an agent learns from them: registered steps, applied in order.

``reward: [sign]`` or ``reward: [{clip: {low: -10, high: 10}}, {at_end: {reward: -50}}]``. They are for training only:
evaluations, films and scores show the game's own rewards.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import Place, check_arguments, shown
from dqn_zoo_ext.registry import register_reward, rewards

Rewards = npt.NDArray[np.float32]
Ended = npt.NDArray[np.bool_]
StepName = str | Mapping[str, Any]
"""A step as a configuration names it: a registered name, or ``{name: keywords}``."""


class RewardStep(Protocol):
    """What the registry holds under kind "reward"; its constructor's keywords are its settings in YAML."""

    def __call__(self, received: Rewards, ended: Ended) -> Rewards:
        """New rewards, (n,), for those `received` by n environments; the array given stays as it is.

        ended: (n,) whether the transition truly ended an episode: a game over, or a lost life where that ends it; never
        the cut of a time limit.
        """
        ...


@register_reward("raw")
class Raw:
    """The game's own rewards. It says that nothing is done to them, where a preprocessing would do something."""

    def __call__(self, received: Rewards, ended: Ended) -> Rewards:  # noqa: ARG002  # the same for all steps
        """See ``RewardStep``."""
        return received


@register_reward("sign")
class Sign:
    """-1, 0 or 1. DeepMind calls it clipping; on games whose rewards are whole numbers it is that too.

    Source: Mnih et al. 2015, methods, "Training details".
    """

    def __call__(self, received: Rewards, ended: Ended) -> Rewards:  # noqa: ARG002
        """See ``RewardStep``."""
        return np.sign(received)


@register_reward("clip")
class Clip:
    """Rewards below `low` become `low`, those above `high` become `high`."""

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        self.check_keywords(low, high)
        self.low, self.high = low, high

    @staticmethod
    def check_keywords(low: float = -1.0, high: float = 1.0) -> None:
        """ValueError unless `low` is below `high`."""
        if not low < high:
            raise ValueError(f"low must be below high, not {low:g} and {high:g}")

    def __call__(self, received: Rewards, ended: Ended) -> Rewards:  # noqa: ARG002
        """See ``RewardStep``."""
        return np.clip(received, np.float32(self.low), np.float32(self.high))


@register_reward("scaled")
class Scaled:
    """Rewards times `factor`."""

    def __init__(self, factor: Annotated[float, Field(gt=0)]) -> None:
        self.factor = factor

    def __call__(self, received: Rewards, ended: Ended) -> Rewards:  # noqa: ARG002
        """See ``RewardStep``."""
        return received * np.float32(self.factor)


@register_reward("at_end")
class AtEnd:
    """`reward` in place of the last reward of an episode that truly ended: a fallen pole costs 50, say.

    Where a lost life ends the episode it counts as well. An episode that a time limit cut keeps its last reward: it has
    not ended, and nothing went wrong.
    """

    def __init__(self, reward: float) -> None:
        self.reward = reward

    def __call__(self, received: Rewards, ended: Ended) -> Rewards:
        """See ``RewardStep``."""
        return np.where(ended, np.float32(self.reward), received)


def steps_of(names: Sequence[StepName]) -> tuple[RewardStep, ...]:
    """The steps that a configuration names. UserError for an unknown name or a keyword that does not fit."""
    steps = []
    for each in names:
        name, keywords = name_and_keywords(each)
        accepts = rewards.get(name)
        step: RewardStep = accepts(**check_arguments(f"reward '{name}'", accepts, keywords, Place("reward")))
        steps.append(step)
    return tuple(steps)


def name_and_keywords(step: StepName) -> tuple[str, Mapping[str, Any]]:
    """A step's name and what it is given. UserError if it is neither a name nor ``{name: keywords}``."""
    if isinstance(step, str):
        return step, {}
    if len(step) != 1:
        raise UserError(f"must be a name or {{name: keywords}}, not {shown(step)}")
    name, keywords = next(iter(step.items()))
    if not isinstance(keywords, Mapping):
        raise UserError(f"the keywords of '{name}' must be a mapping, not {shown(keywords)}")
    return name, keywords


def applied(steps: Sequence[RewardStep], received: Rewards, ended: Ended) -> Rewards:
    """All steps, one after the other. received, ended, result: (n,)."""
    for step in steps:
        received = step(received, ended)
    return received


def why_not_beside_clipping(names: Sequence[StepName], preprocessing_kwargs: Mapping[str, Any]) -> str | None:
    """Why a preprocessing that is told to clip cannot go with `reward`, in words; None if there is nothing wrong."""
    if names and preprocessing_kwargs.get("clip_reward") is True:
        return (
            "clip_reward: true would take the size of every reward away before 'reward' sees it; leave it out, and say "
            "'sign' in 'reward' where that is meant"
        )
    return None
