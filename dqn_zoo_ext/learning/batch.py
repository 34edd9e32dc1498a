"""What the learner learns from: a batch of transitions, whatever replay it was drawn from."""

from typing import NamedTuple

import torch
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch import Tensor


class Batch(NamedTuple):
    """B transitions, as tensors on the learning device.

    obs_tm1, obs_t: (B, *observation shape), the state before and the state that the window of n steps led to.
    a_tm1: (B,) int64, the action taken. r_t: (B,) the discounted sum of the window's rewards.
    discount_t: (B,) what the value of obs_t is multiplied by: gamma**m for a window of m steps, 0 where the episode
    truly ended. weights: (B,) importance weights, all one in a uniform draw.
    cells: (B,) int64, where in the replay each transition lies, as priorities are filed; -1 where nobody knows.
    """

    obs_tm1: Tensor
    a_tm1: Tensor
    r_t: Tensor
    discount_t: Tensor
    obs_t: Tensor
    weights: Tensor
    cells: Tensor


def from_sb3_samples(samples: ReplayBufferSamples, gamma: float) -> Batch:
    """Stable-Baselines3's samples as a batch. gamma: the discount of one step, where the samples carry none."""
    rewards = samples.rewards.flatten()
    discounts = samples.discounts.flatten() if samples.discounts is not None else rewards.new_full(rewards.shape, gamma)
    return Batch(
        obs_tm1=samples.observations,
        a_tm1=samples.actions.flatten().long(),
        r_t=rewards,
        discount_t=(1.0 - samples.dones.flatten()) * discounts,
        obs_t=samples.next_observations,
        weights=rewards.new_ones(rewards.shape),
        cells=torch.full(rewards.shape, -1, dtype=torch.int64, device=rewards.device),
    )
