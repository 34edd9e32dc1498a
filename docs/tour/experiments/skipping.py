"""Shots of Space Invaders that a step's last frame hides, and a step's cost. Run: python skipping.py [AGENT_STEPS]."""

import sys
import time

import numpy as np

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.rules import AtariRules

SHOT = 142  # the gray that shots have, in all three colours


def frames_of(agent_steps: int) -> np.ndarray:
    """(agent_steps, 4, 210, 160, 3) uint8: all that the console showed to a random player."""
    venv = AleVecEnv("space_invaders", 1, seed=1, render_mode="rgb_array_list")
    venv.reset()
    actions = np.random.default_rng(1).integers(6, size=(agent_steps, 1))
    shown = [venv.screens_of_last_step() for _ in map(venv.step, actions)]
    return np.stack([np.stack(frames) for frames in shown if len(frames) == 4])


def milliseconds_per_step(frame_skip: int, agent_steps: int) -> float:
    """Of the processor, in one console."""
    venv = AleVecEnv("space_invaders", 1, AtariRules(frame_skip=frame_skip), seed=1)
    venv.reset()
    begin = time.process_time()
    for action in np.random.default_rng(1).integers(6, size=(agent_steps, 1)):
        venv.step(action)
    return 1_000 * (time.process_time() - begin) / agent_steps


if __name__ == "__main__":
    agent_steps = int(sys.argv[1]) if len(sys.argv) > 1 else 800
    shots = (frames_of(agent_steps) == SHOT).all(axis=-1)
    shots = shots[shots.any(axis=(1, 2, 3))]  # steps with a shot in any of their frames
    last, brighter = shots[:, 3], shots[:, 2] | shots[:, 3]
    print(f"{len(shots)} of {agent_steps} steps have a shot on the screen")
    steps_shown, pixels_shown = last.any(axis=(1, 2)).mean(), last.sum() / brighter.sum()
    print(f"the last frame shows one in {steps_shown:.0%} of these, and {pixels_shown:.0%} of their pixels")
    print(f"the brighter of the last two shows one in {brighter.any(axis=(1, 2)).mean():.0%} of these")
    for frame_skip in (1, 4):
        cost = milliseconds_per_step(frame_skip, agent_steps)
        print(f"frame skip {frame_skip}: {cost:.2f} ms of processor time a step, {cost / frame_skip:.2f} a frame")
