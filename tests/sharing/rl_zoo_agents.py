"""Agents that RL-Zoo trained, and what its own push makes of them: files as they lie in the `sb3` organization."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from stable_baselines3 import DQN

COURSE = """\
SpaceInvadersNoFrameskip-v4:
  env_wrapper:
    - stable_baselines3.common.atari_wrappers.AtariWrapper
  frame_stack: 4
  policy: 'CnnPolicy'
  n_timesteps: 130
  buffer_size: 200
  learning_rate: !!float 1e-4
  batch_size: 8
  learning_starts: 100
  target_update_interval: 1000
  train_freq: 4
  gradient_steps: 1
  exploration_fraction: 0.1
  exploration_final_eps: 0.01
  optimize_memory_usage: False
"""


def train_by_rl_zoo(logs: Path, env: str, *more: str) -> Path:
    """Train with ``rl_zoo3.train`` in a process of its own; the run's folder."""
    command = [sys.executable, "-m", "rl_zoo3.train", "--algo", "dqn", "--env", env, "-f", str(logs), "--seed", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, *more], check=True, capture_output=True, env=environment, cwd=logs.parent)
    return logs / "dqn" / f"{env}_1"


def as_rl_zoo_pushes(run: Path, env: str) -> dict[str, bytes]:
    """The files of a repository: the zip saved anew with room for one transition, the rest as it is."""
    saved = io.BytesIO()
    DQN.load(run / f"{env}.zip", buffer_size=1).save(saved)
    metrics = io.BytesIO()
    with zipfile.ZipFile(metrics, "w") as archive:
        for path in [*run.glob("evaluations.npz"), *run.glob("*.csv")]:
            archive.write(path, path.name)
    return {
        f"dqn-{env}.zip": saved.getvalue(),
        "config.yml": (run / env / "config.yml").read_bytes(),
        "args.yml": (run / env / "args.yml").read_bytes(),
        "env_kwargs.yml": b"render_mode: rgb_array\n",  # to film the agent; RL-Zoo's push adds it
        "train_eval_metrics.zip": metrics.getvalue(),
        "replay.mp4": b"not looked at",
        "README.md": b"---\nlibrary_name: stable-baselines3\n---\n",
    }
