"""Rewards of random play, before and after clipping; two losses' gradients. Run: python clipping.py [AGENT_STEPS]."""

import sys

import numpy as np
import torch

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.learning.losses import huber, mse

GAMES = ("pong", "breakout", "space_invaders", "ms_pacman", "qbert")


def rewards_of(game: str, agent_steps: int) -> np.ndarray:
    """(agent_steps * 8,) the game's own rewards, under random play in eight games."""
    venv = AleVecEnv(game, 8, AtariRules(clip_reward=False), seed=1)
    venv.reset()
    actions = np.random.default_rng(1).integers(venv.action_space.n, size=(agent_steps, 8))
    return np.concatenate([venv.step(each)[1] for each in actions])


if __name__ == "__main__":
    for game in GAMES:
        raw = rewards_of(game, int(sys.argv[1]) if len(sys.argv) > 1 else 500)
        sizes = ", ".join(f"{size:g}" for size in np.unique(raw[raw != 0]))
        print(f"{game:>14}: spread {raw.std():7.2f}, clipped {np.sign(raw).std():.2f}; rewards {sizes}")
    td_error = torch.tensor([0.5, 1.0, 10.0, 200.0], requires_grad=True)
    for loss in (mse, huber):
        (gradient,) = torch.autograd.grad(loss(td_error).sum(), td_error)
        print(
            f"gradient of {loss.__name__:>5} at TD errors of 0.5, 1, 10, 200:", *(f"{x:g}" for x in gradient.tolist())
        )
