"""Kill real trainings at random moments, resume them, and compare what comes out with a run that was never killed.

``make kills`` kills a hundred times; the tests use the same functions for a few kills.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

from dqn_zoo_ext.storage.agent_file import read_optimizer_state, read_policy_weights
from dqn_zoo_ext.storage.results import Machine, Versions

ENV = "SpaceInvadersNoFrameskip-v4"
_ARGUMENTS = (
    f"--algo double_dqn --env {ENV} --seed 7 -n 2400 --eval-freq 1000 --eval-episodes 2 --save-freq 160 --verbose 0 "
    "--log-interval 1 -params learning_starts:200 buffer_size:1500 n_envs:4 batch_size:8 policy_kwargs.torso:nips "
    "target_update_interval:300 eval_protocol:course-unit3"
).split()
_WALL_CLOCK = ("time/fps", "time/time_elapsed")
_LONGEST_LIFE = 4.0  # seconds from a run's first breath to its death
_AMID_WRITING = 0.03


@dataclass
class Killed:
    """What happened. seconds_alive: of each killed process, from the moment it held its run folder."""

    kills: int = 0
    amid_writing: int = 0
    runs: int = 0
    left_aside: int = 0
    differences: list[str] = field(default_factory=list)
    seconds_alive: list[float] = field(default_factory=list)


def train(log_folder: Path, *more: str) -> subprocess.Popen[str]:
    """A training process as a user starts it, on one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "dqn_zoo_ext.train", *_ARGUMENTS, "-f", str(log_folder), *more]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run_of(log_folder: Path) -> Path:
    """The only run there that has ended: one killed before its first checkpoint leaves a folder, and begins anew."""
    (results,) = (log_folder / "double_dqn").glob("*/results.json")
    return results.parent


def uninterrupted(log_folder: Path) -> Path:
    """Train without any disturbance."""
    process = train(log_folder)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return run_of(log_folder)


def kill_until_done(log_folder: Path, reference: Path, chance: random.Random, killed: Killed, most: int) -> None:
    """Train, kill and resume until the run is done, or until so many kills; then compare it with `reference`."""
    while True:
        process = train(log_folder, "--resume")
        if killed.kills < most:
            alive = _kill(process, log_folder, chance, killed)
            if alive is not None:
                killed.seconds_alive.append(round(alive, 3))
                continue
        output, _ = process.communicate()
        if process.returncode != 0:
            killed.differences.append(f"exit code {process.returncode}: {output.strip()[-300:]}")
        else:
            killed.differences += differences(reference, run_of(log_folder))
        killed.runs += 1
        return


def _kill(process: subprocess.Popen[str], log_folder: Path, chance: random.Random, killed: Killed) -> float | None:
    """Seconds that it lived; None if it ended by itself first."""
    while not _holds_its_folder(process, log_folder):
        if process.poll() is not None:
            return None
        time.sleep(0.01)
    began = time.monotonic()
    at = began + chance.uniform(0, _LONGEST_LIFE)
    amid_writing = chance.random() < 0.5
    while process.poll() is None:
        writing = any(True for _ in _being_written(log_folder))
        if time.monotonic() >= at and (writing or not amid_writing or time.monotonic() > at + _LONGEST_LIFE):
            time.sleep(chance.uniform(0, _AMID_WRITING) if amid_writing else 0)
            killed.left_aside += any(True for _ in _being_written(log_folder))
            process.kill()
            died = process.wait() == -9
            killed.kills += died
            killed.amid_writing += died and writing
            return time.monotonic() - began if died else None
    return None


def _holds_its_folder(process: subprocess.Popen[str], log_folder: Path) -> bool:
    return any(f"process {process.pid} " in lock.read_text() for lock in log_folder.glob("double_dqn/*/.lock"))


def _being_written(log_folder: Path) -> Iterator[Path]:
    yield from log_folder.glob("double_dqn/*/checkpoints/.writing_*")
    yield from log_folder.glob("double_dqn/*/checkpoints/replay/.writing_*")


def differences(one: Path, other: Path) -> list[str]:
    """What differs between two finished runs, but for the clock: weights, optimizer, log, games, evaluations."""
    found = []
    for name in (f"{ENV}.zip", "best_model.zip"):
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
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    return one == other


def _progress(run: Path) -> list[list[str]]:
    with (run / "progress.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    kept = [index for index, name in enumerate(lines[0]) if name not in _WALL_CLOCK]
    return [[line[index] for index in kept] for line in lines]


def _games(run: Path) -> list[str]:
    """Score and length of every game, without the clock in the last column."""
    return [line.rpartition(",")[0] for line in (run / "0.monitor.csv").read_text().splitlines()[1:]]


def main() -> int:
    """Kill as often as asked, in as many runs as that takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a JSON file for what was found")
    options = parser.parse_args()
    began, chance, killed = time.monotonic(), random.Random(options.seed), Killed()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference = uninterrupted(folder / "reference")
        while killed.kills < options.kills:
            kill_until_done(folder / f"run_{killed.runs}", reference, chance, killed, options.kills)
            print(f"{killed.kills} kills, {killed.runs} runs, {len(killed.differences)} differences", flush=True)
    found = {
        "command": f"python tests/faults/kill_runs.py --kills {options.kills} --seed {options.seed}",
        "training": " ".join(_ARGUMENTS),
        "machine": asdict(Machine.here()),
        "versions": asdict(Versions.here()),
        "seconds": round(time.monotonic() - began),
        **asdict(killed),
    }
    print(json.dumps(found))
    if options.out is not None:
        options.out.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if killed.differences else 0


if __name__ == "__main__":
    sys.exit(main())
