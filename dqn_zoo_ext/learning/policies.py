"""Policies: a Q-network made of named parts (torso, head, layer, distribution), its target copy and its optimizer.

They extend Stable-Baselines3's ``DQNPolicy``: saving, loading and ``predict`` are its own, and everything in
``policy_kwargs`` that it knows (``features_extractor_class``, ``optimizer_class``...) still works.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.dqn.policies import QNetwork as SB3QNetwork
from torch import Tensor, nn

from dqn_zoo_ext import registry
from dqn_zoo_ext.learning.hardware.graphs import Beside
from dqn_zoo_ext.learning.hardware.precision import Precision, computing, pays_in_blocks, scaled_screens
from dqn_zoo_ext.learning.networks.activations import Activation, activation_class, activation_name
from dqn_zoo_ext.learning.networks.heads import Features
from dqn_zoo_ext.learning.networks.stochastic import drawing
from dqn_zoo_ext.learning.networks.torsos import ScreenTorso
from dqn_zoo_ext.registry import register_policy


class _SeenAhead(NamedTuple):
    """Features that are made before they are asked for. beside: where, if not on the present stream."""

    obs: Tensor
    features: Tensor
    beside: Beside | None = None


class QNetwork(SB3QNetwork):
    """Action values from observations: a torso (``features_extractor``), a head (``q_net``) and a ``distribution``.

    make_torso: makes the torso. head, layer, distribution: registered names, and each one's further arguments. The head
    is built with the network's ``activation_fn``, under its name if it has one.
    """

    def __init__(
        self,
        *,
        make_torso: Callable[[], BaseFeaturesExtractor],
        head: str,
        head_kwargs: Mapping[str, Any],
        layer: str,
        layer_kwargs: Mapping[str, Any],
        distribution: str,
        distribution_kwargs: Mapping[str, Any],
        **named: Any,
    ) -> None:
        torso = make_torso()
        self.precision: Precision = "fp32"
        self._seen_ahead: tuple[_SeenAhead, ...] = ()
        super().__init__(features_extractor=torso, features_dim=torso.features_dim, **named)
        self.make_torso = make_torso
        scaled = self.normalize_images and is_image_space(self.observation_space)
        self.has_screen_torso = isinstance(torso, ScreenTorso) and scaled
        """Whether observations are screens, and the torso one of ours for them."""
        self.parts: dict[str, Any] = {
            "head": head,
            "head_kwargs": dict(head_kwargs),
            "layer": layer,
            "layer_kwargs": dict(layer_kwargs),
            "distribution": distribution,
            "distribution_kwargs": dict(distribution_kwargs),
        }
        self.distribution = registry.distributions.get(distribution)(self.features_dim, **distribution_kwargs)
        stable_baselines3s = self.q_net.state_dict()
        self.q_net = registry.heads.get(head)(
            self.features_dim,
            int(self.action_space.n),
            self.distribution.n_outputs,
            net_arch=self.net_arch,
            activation=activation_name(self.activation_fn),
            layer=partial(registry.layers.get(layer), **layer_kwargs),
            **head_kwargs,
        )
        if (head, layer, distribution) == ("linear", "linear", "expectation"):
            # the same random numbers as its own DQN would have begun with
            self.q_net.load_state_dict(stable_baselines3s)

    def train(self, mode: bool = True) -> "QNetwork":
        """As PyTorch's, by a shorter way: acting and learning take turns, and each turn asks for it."""
        if not isinstance(mode, bool):
            raise ValueError(f"a network's mode is True (training) or False, got {mode!r}")
        _set_mode(self, mode)
        return self

    def forward(self, obs: PyTorchObs) -> Tensor:
        """The expected return of each action, (B, A)."""
        return self.values(self.torso(obs))

    def torso(self, obs: PyTorchObs) -> Tensor:
        """Features, (B, features_dim), of type float32 in any `precision`."""
        for seen in self._seen_ahead:
            if seen.obs is obs:
                if seen.beside is not None:
                    seen.beside.join()
                return seen.features
        torso = self.features_extractor
        if not self.has_screen_torso or not isinstance(obs, Tensor):
            return self.extract_features(obs, torso)
        side = 1
        if pays_in_blocks(self.precision, obs.device) and isinstance(torso, ScreenTorso):  # it may have been wrapped
            side = torso.side_of_blocks(*obs.shape[2:])
        with computing(self.precision, obs.device):
            features: Tensor = torso(scaled_screens(obs, self.precision, side))
        return features.float()

    @contextlib.contextmanager
    def looking_ahead(self, obs: Tensor) -> Iterator[None]:
        """Inside, ``torso`` knows the features of `obs`, this very tensor: they are made beside what is done meanwhile.

        For a GPU, of which a batch of 32 takes a part only. No gradients flow through them.
        """
        beside = Beside(obs.device)
        with beside.begun(), torch.no_grad():
            features = self.torso(obs)
        self._seen_ahead = (_SeenAhead(obs, features, beside),)
        try:
            yield
        finally:
            self._seen_ahead = ()
            beside.join()

    @contextlib.contextmanager
    def looking_at_all(self, batches: Sequence[Tensor]) -> Iterator[None]:
        """Inside, ``torso`` knows the features of each of `batches`, these very tensors, which are made in one pass.

        batches: each (B, C, H, W). For a CPU. No gradients flow through the features.
        """
        with torch.no_grad():
            features = self.torso(torch.cat(list(batches))).split([len(obs) for obs in batches])
        self._seen_ahead = tuple(_SeenAhead(*each) for each in zip(batches, features, strict=True))
        try:
            yield
        finally:
            self._seen_ahead = ()

    def values(self, features: Tensor) -> Tensor:
        """The expected returns, (B, A), for the torso's features."""
        values: Tensor = self.distribution.values(self.q_net, features)
        return values

    def outputs(self, obs: PyTorchObs) -> Tensor:
        """What the head says of each action, (B, A, n_outputs): logits of atoms, or quantiles."""
        outputs: Tensor = self.q_net(self.torso(obs))
        return outputs

    def quantiles(self, features: Tensor, fractions: Tensor) -> Tensor:
        """The return's quantiles (B, A, N) at `fractions` (B, N), for the torso's features; implicit quantiles only."""
        quantiles: Tensor = self.distribution.quantiles(self.q_net, features, fractions)
        return quantiles

    def _get_constructor_parameters(self) -> dict[str, Any]:
        theirs = super()._get_constructor_parameters()
        # how the torso is made, not itself: one with spectral normalisation cannot be pickled
        del theirs["features_extractor"], theirs["features_dim"]
        return {**theirs, "make_torso": self.make_torso, **self.parts}


def _set_mode(part: nn.Module, training: bool) -> None:
    part.__dict__["training"] = training  # PyTorch's own way of setting it looks for weights of that name first
    for child in part._modules.values():
        if child is None:
            continue
        if _has_ways_of_its_own(child):
            child.train(training)
        else:
            _set_mode(child, training)


def _has_ways_of_its_own(part: nn.Module) -> bool:
    """Of being put into a mode: its class's, its own (a frozen part), or TorchScript's, which keeps it elsewhere."""
    kind = type(part)
    plain = kind.train is nn.Module.train and kind.__setattr__ is nn.Module.__setattr__
    return not plain or "train" in part.__dict__


class TorsoHeadPolicy(DQNPolicy):
    """A policy for Deep Q-learning built from registered parts.

    torso, head: registered names; layer: what the head is made of; distribution: what its numbers mean, which must be
    what the algorithm learns; each with further arguments under its name and ``_kwargs``. net_arch: the widths of the
    head's hidden layers, None for `default_net_arch`. activation: a name (relu, elu, tanh...). A
    ``features_extractor_class`` or an ``activation_fn`` given in Stable-Baselines3's way takes the place of the torso
    or of the activation.

    ``predict`` draws noise and fractions only where it is not deterministic, for each environment by itself.
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
        layer: str = "linear",
        layer_kwargs: Mapping[str, Any] | None = None,
        distribution: str = "expectation",
        distribution_kwargs: Mapping[str, Any] | None = None,
        net_arch: Sequence[Features] | None = None,
        activation: Activation = "relu",
        **sb3_arguments: Any,
    ) -> None:
        self.torso = torso
        self.parts: dict[str, Any] = {
            "head": head,
            "head_kwargs": dict(head_kwargs or {}),
            "layer": layer,
            "layer_kwargs": dict(layer_kwargs or {}),
            "distribution": distribution,
            "distribution_kwargs": dict(distribution_kwargs or {}),
        }
        sb3_arguments.setdefault("features_extractor_class", registry.torsos.get(torso))
        sb3_arguments.setdefault("features_extractor_kwargs", dict(torso_kwargs or {}))
        sb3_arguments.setdefault("activation_fn", activation_class(activation))
        widths = list(self.default_net_arch if net_arch is None else net_arch)
        super().__init__(observation_space, action_space, lr_schedule, net_arch=widths, **sb3_arguments)

    def make_q_net(self) -> SB3QNetwork:
        """A fresh network of this policy's parts, with a torso of its own."""
        torso = partial(self.features_extractor_class, self.observation_space, **self.features_extractor_kwargs)
        arguments: dict[str, Any] = {**self.net_args, **self.parts}
        return QNetwork(make_torso=torso, **arguments).to(self.device)

    def _predict(self, obs: PyTorchObs, deterministic: bool = True) -> Tensor:
        chance = contextlib.nullcontext() if deterministic else drawing(self.q_net, draws="for_each_row")
        with chance:
            return self.q_net._predict(obs, deterministic=deterministic)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        # the torso's arguments and the activation are among Stable-Baselines3's own, as the classes really in use
        return {**super()._get_constructor_parameters(), "torso": self.torso, **self.parts}


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


@register_policy("MultiInputPolicy")
class MultiInputPolicy(MlpPolicy):
    """For dictionaries of images and vectors: Stable-Baselines3's combined extractor, and MlpPolicy's hidden layers."""

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        torso: str = "combined",
        **arguments: Any,
    ) -> None:
        super().__init__(observation_space, action_space, lr_schedule, torso=torso, **arguments)
