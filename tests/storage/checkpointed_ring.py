"""A small ring that is fed like a run's and saved in checkpoints, for the tests of checkpoints."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from gymnasium import spaces

from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.storage.exact.checkpoints import Checkpoint, CheckpointFolder, Snapshot
from dqn_zoo_ext.storage.exact.state_file import copied

ENVS = 2


def frame(row: int, env: int) -> np.ndarray:
    return np.random.default_rng([row, env]).integers(1, 256, (2, 2), dtype=np.uint8)


def done(row: int, env: int) -> bool:
    return (row + 3 * env) % 7 == 6


def truncated(row: int, env: int) -> bool:
    return (row + 2 * env) % 14 == 6


def reset_before(row: int) -> bool:
    return row % 17 == 16


class Game:
    """A ring, and the rows that any run would feed it: stacks of frames, ends, time limits, resets from outside."""

    def __init__(self, rows: int, stack: int = 2) -> None:
        space = spaces.Box(0, 255, (stack, 2, 2), np.uint8) if stack > 1 else spaces.Box(0, 255, (2, 2), np.uint8)
        np.random.seed(3)  # noqa: NPY002  # a ring's generator is seeded by it
        self.ring = FrameRing(rows * ENVS, space, spaces.Discrete(4), "cpu", ENVS, n_steps=2, gamma=0.5)
        self.stack = stack

    def go_on(self, until: int) -> None:
        while (row := self.ring.rows_added) < until:
            if reset_before(row):
                self.ring.cut()
            obs = np.stack([self._observation(row, env) for env in range(ENVS)])
            infos = [{"TimeLimit.truncated": truncated(row, env)} for env in range(ENVS)]
            dones = np.array([done(row, env) for env in range(ENVS)])
            self.ring.add(obs, obs, np.arange(ENVS) + row % 3, np.arange(ENVS) * 8.0 + row, dones, infos)

    def _observation(self, row: int, env: int) -> np.ndarray:
        shown = np.zeros((self.stack, 2, 2), dtype=np.uint8)
        for back in range(self.stack):
            if row - back < 0:
                break
            shown[-1 - back] = frame(row - back, env)
            if reset_before(row - back) or done(row - back - 1, env):
                break
        return shown if self.stack > 1 else shown[0]

    def snapshot(self, folder: CheckpointFolder, best_model: Path | None = None) -> Snapshot:
        first = max(0, self.ring.rows_added - self.ring.rows)
        return Snapshot(
            agent_steps=self.ring.rows_added * ENVS,
            state=copied({"replay": self.ring.rest(), "words": ["x", 1.5]}),
            rows=self.ring,
            first_row=first,
            unsaved_row=max(first, folder.rows_saved),
            last_row=self.ring.rows_added,
            best_model=folder.hold(best_model) if best_model is not None else None,
        )

    def save(self, folder: CheckpointFolder) -> None:
        folder.hold(Path("no such file"))  # makes the folder, as every run does
        folder.write(self.snapshot(folder))

    def load(self, checkpoint: Checkpoint) -> None:
        checkpoint.load_rows(self.ring)
        self.ring.load_rest(checkpoint.state()["replay"])


def newest(folder: Path) -> Checkpoint:
    checkpoint, wrong = CheckpointFolder(folder).newest()
    assert wrong == []
    assert checkpoint is not None
    return checkpoint


def segments_there(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Rows first to last of every file of the replay, and when it was written."""
    found = {}
    for path in (folder / "replay").iterdir():
        _, first, last, _ = path.name.split("_")
        found[path.name] = (int(first), int(last), path.stat().st_mtime_ns)
    return found


def assert_equal_draws(one: FrameRing, other: FrameRing) -> None:
    for here, there in zip(one.sample_batch(200), other.sample_batch(200), strict=True):
        assert torch.equal(here, there)


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes, as on a disk that is full from there on."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
