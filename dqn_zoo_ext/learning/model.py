"""``Model``: what the machinery of a run asks of an algorithm, be it ours or one of Stable-Baselines3's own."""

from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext

from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from torch import nn

from dqn_zoo_ext.learning.time_spent import Activity


class Model(OffPolicyAlgorithm):
    """An off-policy algorithm of Stable-Baselines3 that answers a few questions more.

    Acting, learning, saving and logging are for its other base class; nothing here touches them.

    exploration_rate: epsilon as it is now.
    """

    exploration_rate: float

    @property
    @abstractmethod
    def online_net(self) -> nn.Module:
        """The network that learns, without its target copy."""

    @property
    def learns_after(self) -> int:
        """Agent steps after which updates begin."""
        return self.learning_starts

    @abstractmethod
    def check_finite(self) -> None:
        """NotFinite or UserError if something that was learned is no finite number."""

    def seconds_spent(self) -> dict[str, float]:
        """On what the training's time went, where that is known (``time_spent``)."""
        return {}

    def spending_on(self, _: Activity) -> AbstractContextManager[None]:
        """What is done in this block counts as such, where it is known on what the time goes."""
        return nullcontext()

    def why_not_resumable(self) -> str | None:
        """Why no checkpoint can hold all of this model, in words; None if one can."""
        return None
