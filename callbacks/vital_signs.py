"""What can be seen of a training without touching it: sizes of values and errors, dead units, rewards in the replay."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor, nn

from dqn_zoo_ext.learning.batch import Batch, from_sb3_samples
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.learning.saved.random_state import random_state, set_random_state


class DeadUnits(NamedTuple):
    """Units behind one ReLU that were zero on every state looked at. layer: the ReLU's name in the online network."""

    layer: str
    dead: int
    units: int

    @property
    def share(self) -> float:
        """Of the layer, from 0 to 1."""
        return self.dead / self.units


@contextlib.contextmanager
def undisturbed(model: BaseAlgorithm) -> Iterator[None]:
    """Inside, layers are as for acting; after it, they and every random generator are put back as they were."""
    ring, generators = getattr(model, "replay_buffer", None), random_state(model.device)
    of_ring = [(each, each.get_state()) for each in ring.generators] if isinstance(ring, FrameRing) else []
    was_training = model.policy.training
    model.policy.set_training_mode(False)
    try:
        yield
    finally:
        for generator, drawn in of_ring:
            generator.set_state(drawn)
        model.policy.set_training_mode(was_training)
        set_random_state(generators, model.device)


def can_draw(model: DeepQ) -> bool:
    """Whether the replay holds anything to draw."""
    replay = model.replay_buffer
    return replay.can_sample if isinstance(replay, FrameRing) else replay is not None and replay.size() > 0


def draw(model: DeepQ, batch_size: int) -> Batch:
    """A batch as the model would learn from."""
    assert model.replay_buffer is not None
    return from_sb3_samples(model.replay_buffer.sample(batch_size, env=model.get_vec_normalize_env()), model.gamma)


def look(q_net: nn.Module, batch: Batch) -> tuple[float, list[DeadUnits]]:
    """Largest size of a Q-value in the batch's states, and the dead units of each ReLU that they passed."""
    dead: list[DeadUnits] = []

    def count(layer: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_: nn.Module, __: tuple[Tensor, ...], out: Tensor) -> None:
            # maps are (B, units, H, W), features (B, units), those of implicit quantiles (B, N, units)
            alive = (out.movedim(1 if out.ndim == 4 else -1, 0).flatten(1) > 0).any(dim=1)
            dead.append(DeadUnits(layer, len(alive) - int(alive.sum()), len(alive)))

        return hook

    relus = [(name, module) for name, module in q_net.named_modules() if isinstance(module, nn.ReLU)]
    hooks = [module.register_forward_hook(count(name)) for name, module in relus]
    try:
        return float(q_net(batch.obs_tm1).detach().abs().max()), dead
    finally:
        for hook in hooks:
            hook.remove()


def largest_reward(model: DeepQ) -> float:
    """Largest size of a reward of one step in the replay, as it is learned from."""
    replay = model.replay_buffer
    assert replay is not None
    if isinstance(replay, FrameRing):
        return float(replay.rewards_received[: replay.size() * replay.n_envs].abs().max())
    rewards = replay._normalize_reward(replay.rewards[: replay.size()], model.get_vec_normalize_env())
    return float(np.abs(rewards).max())


def first(batch: Batch, count: int, device: torch.device) -> Batch:
    """A copy of the first `count` transitions, on `device`."""

    def part(value: Tensor | dict[str, Tensor]) -> Any:
        if isinstance(value, dict):  # the observations of a dict space
            return {name: part(each) for name, each in value.items()}
        return value[:count].clone().to(device)

    return Batch(*map(part, batch))
