"""Checkpoints taken while a model learns: when they come, what is in them, and what happens when the disk refuses."""

import errno
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stable_baselines3.common.env_util import make_vec_env

from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.callbacks import ExactCheckpoint, Stopped
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.saved.deep_q_state import state_of
from dqn_zoo_ext.learning.saved.stored_rows import rows_of
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder, Snapshot
from dqn_zoo_ext.storage.exact.state_file import copied


def _nothing() -> None:
    """Happens by default."""


class Training:
    """A model on CartPole with checkpoints; `delay` seconds pass before each is written."""

    def __init__(
        self, path: Path, every: int, n_envs: int = 1, buffer_size: int = 200, delay: float = 0.0, keep: int = 100
    ) -> None:
        training = self

        class Slow(CheckpointFolder):
            def write(self, snapshot: Snapshot) -> None:
                time.sleep(delay)
                training.before_write()
                super().write(snapshot)

        venv = make_vec_env("CartPole-v1", n_envs=n_envs, seed=1)
        kwargs = {"net_arch": [8]}
        self.model = DQN(
            "MlpPolicy",
            venv,
            seed=1,
            learning_starts=20,
            batch_size=8,
            buffer_size=buffer_size,
            replay_buffer_class="frame_ring",
            policy_kwargs=kwargs,
        )
        self.path, self.folder = path, Slow(path, keep)
        self.said: list[str] = []
        self.stop = False
        self.before_snapshot = self.before_write = _nothing
        self.exact = ExactCheckpoint(every, self.folder, self._snapshot, lambda: self.stop, self.said.append)

    def _snapshot(self) -> Snapshot:
        self.before_snapshot()
        self.folder.hold(self.path.parent / "best_model.zip")
        rows = rows_of(self.model)
        assert rows is not None
        first = max(0, rows.rows_added - rows.rows)
        return Snapshot(
            agent_steps=self.model.num_timesteps,
            state=copied({"model": state_of(self.model), "replay": rows.rest()}),
            rows=rows,
            first_row=first,
            unsaved_row=max(first, self.folder.rows_saved),
            last_row=rows.rows_added,
            best_model=None,
        )

    def learn(self, agent_steps: int) -> None:
        try:
            self.model.learn(agent_steps, callback=self.exact)
        finally:
            self.exact.close()

    def saved(self) -> list[int]:
        return sorted(int(path.name.removeprefix("agent_steps_")) for path in self.path.glob("agent_steps_*"))


@pytest.mark.parametrize(
    ("n_envs", "agent_steps", "expected"),
    [
        (1, 250, [0, 100, 200, 250]),
        (1, 200, [0, 100, 200]),  # the last one is that of the end
        (3, 250, [0, 102, 201, 252]),  # a multiple is reached within a vector step: then after it
        (1, 50, [0, 50]),
    ],
)
def test_they_come_at_the_start_every_so_often_and_at_the_end(
    n_envs: int, agent_steps: int, expected: list[int], tmp_path: Path
) -> None:
    training = Training(tmp_path / "checkpoints", every=100, n_envs=n_envs)
    training.learn(agent_steps)
    assert training.saved() == expected
    assert training.exact.saved_at == expected[-1]
    assert training.said == []


def test_each_holds_the_model_of_its_moment(tmp_path: Path) -> None:
    """Slowly written, while the model learns on."""
    fast, slow = Training(tmp_path / "fast" / "c", 100), Training(tmp_path / "slow" / "c", 100, delay=0.3)
    for training in (fast, slow):
        training.path.parent.mkdir()
        training.learn(350)
    assert fast.saved() == slow.saved() == [0, 100, 200, 300, 350]
    for steps in fast.saved():
        name = f"agent_steps_{steps:012d}/state.safetensors"
        assert (fast.path / name).read_bytes() == (slow.path / name).read_bytes(), steps


def test_training_waits_rather_than_overwrite_rows_that_are_still_to_be_written(tmp_path: Path) -> None:
    """A ring of 50 rows that is gone around twice while one checkpoint is written."""
    rows: dict[str, list[dict[str, bytes]]] = {}
    waited: dict[str, float] = {}
    for name, delay in (("fast", 0.0), ("slow", 0.5)):
        (tmp_path / name).mkdir()
        training = Training(tmp_path / name / "c", every=120, buffer_size=50, delay=delay)
        training.learn(360)
        rows[name] = [_rows_of_checkpoint(training.path, steps) for steps in (120, 240, 360)]
        waited[name] = training.exact.seconds_waited
    assert rows["fast"] == rows["slow"]
    assert waited["slow"] > 1.5 > waited["fast"]


def _rows_of_checkpoint(path: Path, steps: int) -> dict[str, bytes]:
    """As a fresh ring takes them over."""
    shutil.copytree(path, path.with_name(f"only_{steps}"))
    for other in path.with_name(f"only_{steps}").glob("agent_steps_*"):
        if other.name != f"agent_steps_{steps:012d}":
            shutil.rmtree(other)
    checkpoint, wrong = CheckpointFolder(path.with_name(f"only_{steps}")).newest()
    assert checkpoint is not None
    assert wrong == []
    ring: Any = Training(path.with_name("unused"), 1, buffer_size=50).model.replay_buffer
    checkpoint.load_rows(ring)
    ring.load_rest(checkpoint.state()["replay"])
    return {name: tensor.numpy().tobytes() for name, tensor in ring.state().items()}


def test_training_does_not_wait_for_the_disk_otherwise(tmp_path: Path) -> None:
    training = Training(tmp_path / "c", every=1000)
    learned_on = threading.Event()
    waited_in_vain: list[bool] = []
    training.before_write = lambda: waited_in_vain.append(not learned_on.wait(timeout=20))

    def note() -> bool:
        if training.model.num_timesteps >= 150:
            learned_on.set()
        return False

    training.exact._stop_asked = note
    training.learn(200)
    assert waited_in_vain == [False, False]
    assert training.saved() == [0, 200]


def test_a_run_that_is_asked_to_stop_does_so_between_two_steps_with_a_checkpoint(tmp_path: Path) -> None:
    training = Training(tmp_path / "c", every=1000, n_envs=2)

    def ask_at(steps: int) -> bool:
        return training.model.num_timesteps >= steps

    training.exact._stop_asked = lambda: ask_at(123)
    with pytest.raises(Stopped):
        training.learn(500)
    assert training.saved() == [0, 124]
    assert training.exact.saved_at == training.model.num_timesteps == 124


def test_a_run_without_checkpoints_stops_too(tmp_path: Path) -> None:
    training = Training(tmp_path / "c", every=100)
    training.exact.turn_off()
    assert not training.exact.is_on
    training.stop = True
    with pytest.raises(Stopped):
        training.learn(500)
    assert not training.path.exists()
    assert training.exact.saved_at is None


def test_none_at_all_if_so_told(tmp_path: Path) -> None:
    training = Training(tmp_path / "c", every=-1)
    training.learn(120)
    assert not training.path.exists()


def test_a_run_that_goes_on_does_not_save_what_is_there(tmp_path: Path) -> None:
    training = Training(tmp_path / "c", every=100)
    training.learn(100)
    checkpoint, _ = training.folder.newest()
    assert checkpoint is not None
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    later = Training(tmp_path / "c", every=100)
    later.model.num_timesteps = 100
    later.exact.go_on_from(checkpoint)
    assert later.exact.saved_at == 100
    later.exact.init_callback(later.model)
    later.exact.save()
    later.exact.wait()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == written


@pytest.mark.parametrize("where", ["in the snapshot", "in the config", "in the thread"])
def test_a_disk_that_refuses_is_reported_and_training_goes_on(where: str, tmp_path: Path) -> None:
    training = Training(tmp_path / "c", every=100)

    def refuse() -> None:
        blocked = training.path / "replay"
        if where == "in the snapshot":
            if training.model.num_timesteps == 200:
                raise OSError(errno.ENOSPC, "No space left on device")
        elif where == "in the config":
            if training.model.num_timesteps == 200:
                raise UserError("No space left on device")
        elif training.model.num_timesteps == 200:  # a file stands where the folder should
            blocked.rename(training.path / "aside")
            blocked.write_text("")
        elif training.model.num_timesteps == 300:
            blocked.unlink()
            (training.path / "aside").rename(blocked)

    training.before_snapshot = refuse
    training.learn(400)
    assert training.saved() == [0, 100, 300, 400]
    why = "File exists" if where == "in the thread" else "No space left on device"
    last = "the last one is of 100 agent steps"
    assert training.said == [f"warning: cannot write a checkpoint: {why}; {last}"]
    checkpoint, wrong = training.folder.newest()
    assert checkpoint is not None
    assert (checkpoint.agent_steps, wrong) == (400, [])


def test_a_first_checkpoint_that_cannot_be_written_says_that_there_is_none(tmp_path: Path) -> None:
    training = Training(tmp_path / "c", every=100)
    (tmp_path / "c").write_text("a file in the way")
    training.learn(50)
    assert len(training.said) == 2  # at the start and at the end
    assert all("there is none" in line for line in training.said)
    assert training.exact.saved_at is None


@pytest.mark.parametrize("vanishes_at", [100, 200])
def test_a_folder_that_has_vanished_ends_the_run(vanishes_at: int, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    training = Training(run / "c", every=100)

    def vanish() -> None:
        if training.model.num_timesteps == vanishes_at:
            shutil.rmtree(run)

    training.before_snapshot = vanish
    with pytest.raises(FileNotFoundError):
        training.learn(400)
    assert not run.exists()
    assert training.model.num_timesteps < vanishes_at + 200


def test_a_snapshot_can_be_written_twice_under_other_names(tmp_path: Path) -> None:
    """What a snapshot holds is its own: writing does not use it up, but for the best model."""
    training = Training(tmp_path / "c", every=-1)
    training.learn(60)
    snapshot = training._snapshot()
    training.folder.write(snapshot)
    training.folder.write(replace(snapshot, agent_steps=61, unsaved_row=60))
    one, other = (tmp_path / "c" / f"agent_steps_{steps:012d}" / "state.safetensors" for steps in (60, 61))
    assert one.read_bytes() == other.read_bytes()
