"""Short real trainings for the tests of faults, and what tells two of them apart."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dqn_zoo_ext.storage.agent_file import read_optimizer_state, read_policy_weights

_CART_POLE = (
    "--algo double_dqn --env CartPole-v1 --seed 3 -n 600 --save-freq 150 --eval-freq 250 --eval-episodes 2 "
    "--log-interval 1 -params learning_starts:100 buffer_size:300 batch_size:16 train_freq:4 gradient_steps:1 "
    "replay_buffer_class:frame_ring exploration_begins:learning_starts"
)
_SPACE_INVADERS = (
    "--algo dqn --env SpaceInvadersNoFrameskip-v4 --seed 3 -n 360 --save-freq 120 --eval-freq 200 --eval-episodes 1 "
    "--log-interval 1 -params learning_starts:60 buffer_size:200 batch_size:8 train_freq:8 n_envs:4 "
    "policy_kwargs.torso:nips preprocessing_kwargs.max_frames_per_game:200 eval_protocol:course-unit3"
)
CART_POLE, SPACE_INVADERS = _CART_POLE.split(), _SPACE_INVADERS.split()
_WALL_CLOCK = ("time/fps", "time/time_elapsed", "time/share_", "time/agent_steps_per", "time/frames_", "time/updates_")


def start(*words: str | Path, **named: Any) -> "subprocess.Popen[str]":
    """``train`` as a user starts it, on one thread; its output, errors too, comes through a pipe.

    It can import the plug-ins in this folder.
    """
    command = [sys.executable, "-m", "dqn_zoo_ext.train", *(str(word) for word in words)]
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    settings: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **named}
    return subprocess.Popen(command, env=environment, **settings)


def finish(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Exit code and all that was printed."""
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


def the_run(log_folder: Path) -> Path:
    """The only run in a log folder."""
    (run,) = (path for path in log_folder.glob("*/*_*") if path.is_dir())
    return run


def ended_run(log_folder: Path) -> Path:
    """The only run there that has ended: one killed before its first checkpoint leaves a folder, and begins anew."""
    (results,) = log_folder.glob("*/*_*/results.json")
    return results.parent


def differences(one: Path, other: Path) -> list[str]:
    """What differs between two finished runs, but for the clock: weights, optimizer, log, games, evaluations."""
    env = one.name.rpartition("_")[0]
    found = []
    for name in (f"{env}.zip", "best_model.zip"):
        if not _equal(read_policy_weights(one / name), read_policy_weights(other / name)):
            found.append(f"weights of {name}")
        if not _equal(read_optimizer_state(one / name)["state"], read_optimizer_state(other / name)["state"]):
            found.append(f"optimizer of {name}")
    found += [name for name, read in (("progress.csv", _progress), ("games", _games)) if read(one) != read(other)]
    with np.load(one / "evaluations.npz") as here, np.load(other / "evaluations.npz") as there:
        found += [f"evaluations: {name}" for name in here.files if not np.array_equal(here[name], there[name])]
    results = [json.loads((run / "results.json").read_text()) for run in (one, other)]
    keys = ("agent_steps", "updates", "evaluations", "best", "final")
    return found + [f"results: {key}" for key in keys if results[0][key] != results[1][key]]


def _equal(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, Mapping):
        return isinstance(other, Mapping) and one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    return one == other


def _progress(run: Path) -> list[list[str]]:
    with (run / "progress.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    kept = [index for index, name in enumerate(lines[0]) if not name.startswith(_WALL_CLOCK)]
    return [[line[index] for index in kept] for line in lines]


def _games(run: Path) -> list[str]:
    """Score, length and environment of every game, without the clock."""
    rows = [line.split(",") for line in (run / "0.monitor.csv").read_text().splitlines()[1:]]
    return [",".join([*row[:2], *row[3:]]) for row in rows]
