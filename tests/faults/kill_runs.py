"""Kill real trainings at random moments, resume them, and compare what comes out with a run that was never killed.

``make kills`` kills a hundred times; the tests use the same functions for a few kills.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from short_runs import differences, ended_run, finish, start

from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.results import Machine, Versions

ENV = "SpaceInvadersNoFrameskip-v4"
_ARGUMENTS = (
    f"--algo double_dqn --env {ENV} --seed 7 -n 2400 --eval-freq 1000 --eval-episodes 2 --save-freq 160 --verbose 0 "
    "--log-interval 1 -params learning_starts:200 buffer_size:1500 n_envs:4 batch_size:8 policy_kwargs.torso:nips "
    "target_update_interval:300 eval_protocol:course-unit3 --gym-packages often_reseeded"
).split()
_MOST_KILLS_OF_A_RUN = 25
_LONGEST_LIFE = 4.0  # seconds from a run's first breath to its death
_AMID_WRITING = 0.03


@dataclass
class Killed:
    """What happened.

    amid_writing: kills while a checkpoint was being written. left_aside: those that left it half-written.
    seconds_alive: of each killed process, from the moment it held its run folder.
    """

    kills: int = 0
    amid_writing: int = 0
    runs: int = 0
    left_aside: int = 0
    differences: list[str] = field(default_factory=list)
    seconds_alive: list[float] = field(default_factory=list)


def train(log_folder: Path, *more: str) -> subprocess.Popen[str]:
    """A training process as a user starts it."""
    return start(*_ARGUMENTS, "-f", log_folder, *more)


def uninterrupted(log_folder: Path, *more: str) -> Path:
    """Train without any disturbance, long enough for every console to be seeded anew on the way."""
    code, output = finish(train(log_folder, *more))
    assert code == 0, output
    run = ended_run(log_folder)
    assert min(times_seeded(run)) > 1, "a console was never seeded anew, although the plug-in often_reseeded is there"
    return run


def times_seeded(run: Path) -> list[int]:
    """How many seeds each console has had, as the last checkpoint says."""
    checkpoint, wrong = CheckpointFolder(run / "checkpoints").newest()
    assert checkpoint is not None, wrong
    counts: list[int] = checkpoint.state()["environments"]["environments"]["consoles"]["log"]["counts"]
    return counts


def kill_until_done(
    log_folder: Path, reference: Path, chance: random.Random, killed: Killed, most: int, *more: str
) -> None:
    """Train, kill at most so many times and resume until the run is done; then compare it with `reference`."""
    last = killed.kills + most
    while True:
        process = train(log_folder, "--resume", *more)
        if killed.kills < last:
            alive = _kill(process, log_folder, chance, killed)
            if alive is not None:
                killed.seconds_alive.append(round(alive, 3))
                continue
        code, output = finish(process)
        if code != 0:
            killed.differences.append(f"exit code {code}: {output.strip()[-300:]}")
        else:
            run = ended_run(log_folder)
            killed.differences += differences(reference, run)
            if times_seeded(run) != times_seeded(reference):
                killed.differences.append(f"seeds: {times_seeded(run)}")
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
        seeded = times_seeded(reference)
        while killed.kills < options.kills:
            most = min(_MOST_KILLS_OF_A_RUN, options.kills - killed.kills)
            kill_until_done(folder / f"run_{killed.runs}", reference, chance, killed, most)
            print(f"{killed.kills} kills, {killed.runs} runs, {len(killed.differences)} differences", flush=True)
    found = {
        "command": f"python tests/faults/kill_runs.py --kills {options.kills} --seed {options.seed}",
        "training": " ".join(_ARGUMENTS),
        "times_each_console_was_seeded": seeded,
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
