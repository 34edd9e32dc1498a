"""Policies: a Q-network made of a named torso and a named head, its target copy and its optimizer.

They extend Stable-Baselines3's ``DQNPolicy``: saving, loading and ``predict`` are its own, and everything in
``policy_kwargs`` that it knows (``features_extractor_class``, ``optimizer_class``...) still works.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from gymnasium import spaces
from stable_baselines3.common.type_aliases import Schedule
from stable_baselines3.dqn.policies import DQNPolicy, MultiInputPolicy
from stable_baselines3.dqn.policies import QNetwork as SB3QNetwork

from dqn_zoo_ext import registry
from dqn_zoo_ext.learning.networks import Activation, Features, activation_class, activation_name
from dqn_zoo_ext.registry import policies, register_policy

policies.add("MultiInputPolicy", MultiInputPolicy)


class QNetwork(SB3QNetwork):
    """Action values from observations: a torso (``features_extractor``) and a head (``q_net``).

    head: a registered head's name; `head_kwargs`: its further arguments. The head is built with the network's
    ``activation_fn``, under its name if it has one.
    """

    def __init__(self, *arguments: Any, head: str, head_kwargs: Mapping[str, Any], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.head = head
        self.head_kwargs = dict(head_kwargs)
        if head != "linear" or head_kwargs:
            # Stable-Baselines3 has made the linear head already, with the same random numbers as its own DQN would
            self.q_net = registry.heads.get(head)(
                self.features_dim,
                int(self.action_space.n),
                net_arch=self.net_arch,
                activation=activation_name(self.activation_fn),
                **self.head_kwargs,
            )

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "head": self.head, "head_kwargs": self.head_kwargs}


class TorsoHeadPolicy(DQNPolicy):
    """A policy for Deep Q-learning built from registered parts.

    torso, head: registered names; `torso_kwargs`, `head_kwargs`: their further arguments. net_arch: the widths of the
    head's hidden layers, None for `default_net_arch`. activation: a name (relu, elu, tanh...). A
    ``features_extractor_class`` or an ``activation_fn`` given in Stable-Baselines3's way takes the place of the torso
    or of the activation.
    """

    default_net_arch: ClassVar[tuple[Features, ...]] = ()

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        torso: str = "nature",
        torso_kwargs: Mapping[str, Any] | None = None,
        head: str = "linear",
        head_kwargs: Mapping[str, Any] | None = None,
        net_arch: Sequence[Features] | None = None,
        activation: Activation = "relu",
        **sb3_arguments: Any,
    ) -> None:
        self.torso = torso
        self.head = head
        self.head_kwargs = dict(head_kwargs or {})
        sb3_arguments.setdefault("features_extractor_class", registry.torsos.get(torso))
        sb3_arguments.setdefault("features_extractor_kwargs", dict(torso_kwargs or {}))
        sb3_arguments.setdefault("activation_fn", activation_class(activation))
        widths = list(self.default_net_arch if net_arch is None else net_arch)
        super().__init__(observation_space, action_space, lr_schedule, net_arch=widths, **sb3_arguments)

    def make_q_net(self) -> SB3QNetwork:
        """A fresh network of this policy's parts, with a torso of its own."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return QNetwork(**arguments, head=self.head, head_kwargs=self.head_kwargs).to(self.device)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        # the torso's arguments and the activation are among Stable-Baselines3's own, as the classes really in use
        own = {"torso": self.torso, "head": self.head, "head_kwargs": self.head_kwargs}
        return {**super()._get_constructor_parameters(), **own}


@register_policy("CnnPolicy")
class CnnPolicy(TorsoHeadPolicy):
    """For images: the Nature torso and a linear head unless told otherwise."""


@register_policy("MlpPolicy")
class MlpPolicy(TorsoHeadPolicy):
    """For vectors: two hidden layers of 64 units unless told otherwise, as in Stable-Baselines3."""

    default_net_arch = (64, 64)

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        torso: str = "flatten",
        **arguments: Any,
    ) -> None:
        super().__init__(observation_space, action_space, lr_schedule, torso=torso, **arguments)
