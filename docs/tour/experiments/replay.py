"""How alike the screens of a batch are, and what a transition costs. Run: python replay.py [AGENT_STEPS]."""

import sys

import numpy as np
import torch
from stable_baselines3.common.buffers import ReplayBuffer

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.learning.replay import FrameRing


def ring_of(game: str, agent_steps: int) -> FrameRing:
    """A ring with the transitions of a random player."""
    venv = AleVecEnv(game, 1, seed=1)
    ring = FrameRing(agent_steps, venv.observation_space, venv.action_space, device="cpu")
    ring.generator.manual_seed(1)
    obs = venv.reset()
    for action in np.random.default_rng(1).integers(venv.action_space.n, size=(agent_steps, 1)):
        next_obs, reward, done, infos = venv.step(action)
        ring.add(obs, next_obs, action, reward, done, infos)
        obs = next_obs
    return ring


def correlations(ring: FrameRing, cells: torch.Tensor) -> torch.Tensor:
    """Of the newest screens in these cells, two by two, after the mean screen of all is taken away."""
    screens = ring.gather(cells).obs_tm1[:, -1].flatten(1).float() - ring.frames[:-1].float().mean(dim=0)
    screens = screens / screens.norm(dim=1, keepdim=True)
    return screens @ screens.T


def between_two(ring: FrameRing, cells: torch.Tensor) -> float:
    """Mean correlation of two different samples."""
    off_diagonal = correlations(ring, cells)[~torch.eye(len(cells), dtype=torch.bool)]
    return float(off_diagonal.mean())


if __name__ == "__main__":
    for game in ("space_invaders", "pong"):
        ring = ring_of(game, int(sys.argv[1]) if len(sys.argv) > 1 else 4_000)
        begins = range(0, ring.rows - 64, ring.rows // 32)
        in_order = np.mean([between_two(ring, torch.arange(begin, begin + 32)) for begin in begins])
        drawn = np.mean([between_two(ring, ring.draw(32).cells) for _ in begins])
        print(f"{game:>14}: correlation {in_order:.2f} in 32 consecutive steps, {drawn:.2f} in 32 drawn ones")
    sb3 = ReplayBuffer(1_000, ring.observation_space, ring.action_space)
    arrays = (sb3.observations, sb3.next_observations, sb3.actions, sb3.rewards, sb3.dones, sb3.timeouts)
    ours = FrameRing.bytes_needed(1_000_000, ring.observation_space) / 1_000_000
    print(
        f"bytes a transition: {ours:,.0f} as single frames, {sum(x.nbytes for x in arrays) / 1_000:,.0f} as two stacks"
    )
