"""Checkpoints on the disk: rows written once, whole or not there, the last ones kept, damage named and set aside."""

import os
import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces

from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage import checkpoints
from dqn_zoo_ext.storage.checkpoints import Checkpoint, CheckpointFolder, Snapshot, no_checkpoint
from dqn_zoo_ext.storage.manifest import Segment, read_manifest
from dqn_zoo_ext.storage.state_file import copied

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


@pytest.mark.parametrize("stack", [1, 3])
@pytest.mark.parametrize(
    "saved_at", [[4], [20], [21], [3, 19, 20], [7, 20, 33, 39, 40], [30, 60, 90, 95], [7, 26], [5, 300]]
)
def test_a_ring_comes_back_and_goes_on_as_if_nothing_had_happened(
    saved_at: list[int], stack: int, tmp_path: Path
) -> None:
    game, folder = Game(20, stack), CheckpointFolder(tmp_path)
    for rows in saved_at:
        game.go_on(rows)
        game.save(folder)
    restored = Game(20, stack)
    restored.ring.generator.manual_seed(0)
    restored.load(newest(tmp_path))
    assert_equal_draws(game.ring, restored.ring)
    for _ in range(12):  # more than twice around: what was restored is overwritten and forgotten as it would have been
        for each in (game, restored):
            each.go_on(each.ring.rows_added + 4)
        assert_equal_draws(game.ring, restored.ring)


def test_rows_in_many_files_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "_SEGMENT_BYTES", 100)  # 28 bytes in a row
    game, folder = Game(20), CheckpointFolder(tmp_path)
    game.go_on(33)
    game.save(folder)
    assert len(segments_there(tmp_path)) == 7
    restored = Game(20)
    restored.load(newest(tmp_path))
    assert_equal_draws(game.ring, restored.ring)


def test_a_row_is_written_once(tmp_path: Path) -> None:
    game, folder = Game(20), CheckpointFolder(tmp_path, keep=2)
    before: dict[str, tuple[int, int, int]] = {}
    saved = 0
    for rows in (6, 11, 18, 20, 27, 41, 42, 55):
        game.go_on(rows)
        game.save(folder)
        there = segments_there(tmp_path)
        (new,) = there.keys() - before.keys()
        assert there[new][:2] == (max(saved, rows - 20), rows)
        assert all(before[name] == there[name] for name in before.keys() & there.keys())  # not touched again
        before, saved = there, rows


def test_nothing_new_in_the_replay_is_no_new_file(tmp_path: Path) -> None:
    game, folder = Game(20), CheckpointFolder(tmp_path)
    game.go_on(9)
    game.save(folder)
    there = segments_there(tmp_path)
    snapshot = game.snapshot(folder)
    folder.write(replace(snapshot, agent_steps=19))
    assert segments_there(tmp_path) == there
    assert newest(tmp_path).agent_steps == 19


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_last_ones_stay_and_the_disk_does_not_fill_up(keep: int, tmp_path: Path) -> None:
    game, folder = Game(20), CheckpointFolder(tmp_path, keep)
    every = 7
    for number in range(1, 40):
        game.go_on(number * every)
        game.save(folder)
        kept = [f"agent_steps_{n * every * ENVS:012d}" for n in range(max(1, number + 1 - keep), number + 1)]
        assert sorted(path.name for path in tmp_path.iterdir()) == [*kept, "replay"]
        rows_on_disk = sum(last - first for first, last, _ in segments_there(tmp_path).values())
        assert rows_on_disk <= 20 + keep * every  # the ring of the oldest, what came since, and a part of a file
    for name in kept:  # and every one of them is whole
        shutil.copytree(tmp_path, tmp_path / f"with {name}")
        for other in set(kept) - {name}:
            shutil.rmtree(tmp_path / f"with {name}" / other)
        restored = Game(20)
        restored.load(newest(tmp_path / f"with {name}"))
        assert restored.ring.rows_added * ENVS == int(name.removeprefix("agent_steps_"))


def test_it_goes_on_in_another_process_without_writing_anything_again(tmp_path: Path) -> None:
    game, folder = Game(20), CheckpointFolder(tmp_path)
    for rows in (8, 15):
        game.go_on(rows)
        game.save(folder)
    before = segments_there(tmp_path)
    later, checkpoint = CheckpointFolder(tmp_path), newest(tmp_path)
    restored = Game(20)
    restored.load(checkpoint)
    later.go_on_from(checkpoint)
    assert later.rows_saved == 15
    restored.go_on(19)
    restored.save(later)
    after = segments_there(tmp_path)
    assert {name: after[name] for name in before} == before
    assert [after[name][:2] for name in after.keys() - before.keys()] == [(15, 19)]
    again = Game(20)
    again.load(newest(tmp_path))
    assert_equal_draws(restored.ring, again.ring)


def test_a_run_without_a_replay_to_save(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.write(Snapshot(100, {"x": np.arange(3)}, None, 0, 0, 0, None))
    checkpoint = newest(tmp_path)
    assert checkpoint.state()["x"].tolist() == [0, 1, 2]
    assert (checkpoint.agent_steps, checkpoint.best_model, checkpoint.manifest.segments) == (100, None, ())


# -- which is the newest ----------------------------------------------------------------------------------------------


def test_where_nothing_lies_there_is_none(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "not there"):
        folder = CheckpointFolder(path)
        assert folder.newest() == (None, [])
        assert folder.unchecked() == {}
        assert not folder.is_there()
    assert not (tmp_path / "not there").exists()
    (tmp_path / "agent_steps_12").mkdir()
    (tmp_path / "damaged_agent_steps_000000000012_ab").mkdir()
    assert CheckpointFolder(tmp_path).newest() == (None, [])


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A folder with checkpoints of 16, 30 and 44 agent steps."""
    game, folder = Game(20), CheckpointFolder(tmp_path, keep=3)
    for rows in (8, 15, 22):
        game.go_on(rows)
        game.save(folder)
    return tmp_path


def test_the_newest_whole_one_is_found_and_those_that_are_not_are_named(three: Path) -> None:
    (three / "agent_steps_000000000044" / "state.json").unlink()
    state = three / "agent_steps_000000000030" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-1])
    (three / ".writing_agent_steps_000000000058_0a").mkdir()
    checkpoint, wrong = CheckpointFolder(three).newest()
    assert checkpoint is not None
    assert checkpoint.agent_steps == 16
    size = state.stat().st_size
    assert wrong == [
        ".writing_agent_steps_000000000058_0a: half-written",
        "agent_steps_000000000044: state.json is missing",
        f"agent_steps_000000000030: state.safetensors has {size} bytes, and should have {size + 1}",
    ]
    assert list(CheckpointFolder(three).unchecked())[-1] == 44
    assert CheckpointFolder(three).is_there()


def test_a_replay_file_counts_for_every_checkpoint_that_needs_it(three: Path) -> None:
    (newer,) = (three / "replay").glob("rows_*15_*22_*")
    newer.write_bytes(b"")
    checkpoint, wrong = CheckpointFolder(three).newest()
    assert checkpoint is not None
    assert checkpoint.agent_steps == 30
    assert wrong == [f"agent_steps_000000000044: {newer.name} has 0 bytes, and should have {_size_of(three, newer)}"]
    (oldest,) = (three / "replay").glob("rows_*00_*08_*")
    oldest.unlink()
    checkpoint, wrong = CheckpointFolder(three).newest()
    assert checkpoint is None
    assert [line.split(":")[0] for line in wrong] == [f"agent_steps_0000000000{steps}" for steps in (44, 30, 16)]


def _size_of(folder: Path, file: Path) -> int:
    segments = read_manifest(folder / "agent_steps_000000000044" / "manifest.json").segments
    return next(segment.content.bytes for segment in segments if segment.file == file.name)


def test_a_checkpoint_under_the_name_of_another_is_not_taken(three: Path) -> None:
    old, new = (three / f"agent_steps_0000000000{steps}" for steps in (16, 44))
    old.rename(three / "aside")
    new.rename(old)
    (three / "aside").rename(new)
    checkpoint, wrong = CheckpointFolder(three).newest()
    assert checkpoint is not None
    assert checkpoint.agent_steps == 30
    assert wrong == ["agent_steps_000000000044: its manifest is that of 16 agent steps"]


def test_looking_changes_nothing(three: Path) -> None:
    (three / ".writing_agent_steps_000000000058_0a").mkdir()
    (three / "agent_steps_000000000044" / "state.json").write_text("damaged")
    before = everything_in(three)
    CheckpointFolder(three).newest()
    assert everything_in(three) == before


def test_after_a_damaged_one_the_run_goes_on_from_the_older_and_writes_the_same_steps_again(three: Path) -> None:
    damaged = three / "agent_steps_000000000044" / "state.json"
    damaged.write_text("damaged")
    folder = CheckpointFolder(three, keep=3)
    checkpoint, _ = folder.newest()
    assert checkpoint is not None
    game, undisturbed = Game(20), Game(20)
    game.load(checkpoint)
    folder.set_aside_newer(checkpoint)
    folder.go_on_from(checkpoint)
    (aside,) = three.glob("damaged_agent_steps_000000000044_*")
    assert (aside / "state.json").read_text() == "damaged"
    for rows in (22, 29):
        game.go_on(rows)
        game.save(folder)
        assert newest(three).agent_steps == rows * ENVS
    restored = Game(20)
    restored.load(newest(three))
    undisturbed.go_on(29)
    undisturbed.ring.generator.set_state(restored.ring.generator.get_state())
    assert_equal_draws(restored.ring, undisturbed.ring)


def test_several_damaged_ones_are_set_aside_and_older_ones_stay(three: Path) -> None:
    for steps in (30, 44):
        (three / f"agent_steps_0000000000{steps}" / "manifest.json").unlink()
    folder = CheckpointFolder(three)
    checkpoint, _ = folder.newest()
    assert checkpoint is not None
    folder.set_aside_newer(checkpoint)
    assert len(list(three.glob("damaged_agent_steps_*"))) == 2
    assert newest(three).agent_steps == 16


def test_what_a_killed_process_left_is_removed_in_time(three: Path) -> None:
    checkpoint = newest(three)
    for name in (".writing_agent_steps_000000000058_0a", ".writing_agent_steps_000000000016_0b"):
        (three / name).mkdir()
        (three / name / "state.json").write_text("{")
    (three / ".held_0a.zip").write_bytes(b"best")
    (three / "replay" / ".writing_rows_000000000022_000000000029_0a.safetensors.gz").write_bytes(b"half")
    (three / "replay" / "rows_000000000022_000000000029_0a.safetensors.gz").write_bytes(b"whole, and named by nobody")
    game, folder = Game(20), CheckpointFolder(three, keep=3)
    game.load(checkpoint)
    folder.go_on_from(checkpoint)
    game.go_on(29)
    game.save(folder)
    assert not list(three.rglob(".*"))
    assert not list((three / "replay").glob("*_0a.*"))
    assert newest(three).agent_steps == 58


def test_nothing_of_the_replay_is_removed_on_the_word_of_a_damaged_manifest(three: Path) -> None:
    game, folder, before = Game(20), CheckpointFolder(three, keep=3), segments_there(three)
    checkpoint = newest(three)
    game.load(checkpoint)
    folder.go_on_from(checkpoint)
    (three / "agent_steps_000000000030" / "manifest.json").write_text("damaged since")
    game.go_on(60)
    game.save(folder)
    assert before.items() <= segments_there(three).items()
    assert newest(three).agent_steps == 120


# -- the best model ---------------------------------------------------------------------------------------------------


def test_the_best_model_is_the_one_of_the_moment_though_it_is_replaced_before_the_write(tmp_path: Path) -> None:
    best = tmp_path / "best_model.zip"
    folder, game = CheckpointFolder(tmp_path / "checkpoints"), Game(20)
    for rows, content in ((5, b"good"), (9, b"better")):
        game.go_on(rows)
        best.write_bytes(b"") if not best.exists() else None
        _replace(best, content)
        snapshot = game.snapshot(folder, best)
        _replace(best, b"newer than " + content)
        folder.write(snapshot)
        checkpoint = newest(tmp_path / "checkpoints")
        _replace(best, b"newest")
        assert checkpoint.best_model is not None
        assert checkpoint.best_model.read_bytes() == content
    best.unlink()
    assert not list((tmp_path / "checkpoints").glob(".held_*"))


def _replace(path: Path, content: bytes) -> None:
    path.with_suffix(".new").write_bytes(content)
    path.with_suffix(".new").replace(path)


def test_no_best_model_yet(tmp_path: Path) -> None:
    folder, game = CheckpointFolder(tmp_path / "checkpoints"), Game(20)
    game.go_on(5)
    folder.write(game.snapshot(folder, tmp_path / "best_model.zip"))
    assert newest(tmp_path / "checkpoints").best_model is None


def test_where_files_cannot_be_linked_it_is_copied(tmp_path: Path) -> None:
    best = tmp_path / "shm" / "best_model.zip"
    elsewhere = Path("/dev/shm") / f"dqn_zoo_ext_test_{os.getpid()}"  # another file system: os.link fails there
    elsewhere.mkdir()
    try:
        best = elsewhere / "best_model.zip"
        best.write_bytes(b"good")
        held = CheckpointFolder(tmp_path / "checkpoints").hold(best)
        best.write_bytes(b"newer")
        assert held is not None
        assert held.read_bytes() == b"good"
        with files_limited_to(2), pytest.raises(OSError, match="File too large"):
            CheckpointFolder(tmp_path / "others").hold(best)
        assert list((tmp_path / "others").iterdir()) == []
    finally:
        shutil.rmtree(elsewhere)


# -- writes that fail -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fails_at", "limit", "ring_rows", "state"),
    [
        ("rows_*", 3_000, 400, {}),
        ("state.safetensors", 50_000, 20, {"x": torch.zeros(100_000)}),
        ("state.json", 50_000, 20, {"x": "x" * 100_000}),
        ("manifest.json", 600, 20, {}),
    ],
)
def test_a_write_that_fails_leaves_everything_as_it_was(
    fails_at: str, limit: int, ring_rows: int, state: State, tmp_path: Path
) -> None:
    best, game = tmp_path / "best_model.zip", Game(ring_rows)
    best.write_bytes(b"best")
    folder = CheckpointFolder(tmp_path / "checkpoints")
    game.go_on(8)
    folder.write(game.snapshot(folder, best))
    before = everything_in(tmp_path)
    game.go_on(ring_rows - 5)
    too_large = replace(game.snapshot(folder, best), state=state)
    with files_limited_to(limit), pytest.raises(OSError, match="File too large"):
        folder.write(too_large)
    assert everything_in(tmp_path) == before
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["agent_steps_000000000016", "replay"]
    folder.write(replace(too_large, best_model=folder.hold(best)))
    assert max(path.stat().st_size for path in (tmp_path / "checkpoints").rglob(fails_at)) > limit
    assert newest(tmp_path / "checkpoints").agent_steps == (ring_rows - 5) * ENVS


def test_after_a_failed_write_the_next_one_has_all_rows(tmp_path: Path) -> None:
    folder, game = CheckpointFolder(tmp_path), Game(20)
    game.go_on(8)
    game.save(folder)
    game.go_on(15)
    with files_limited_to(100), pytest.raises(OSError, match="File too large"):
        game.save(folder)
    game.go_on(22)
    game.save(folder)
    restored = Game(20)
    restored.load(newest(tmp_path))
    assert_equal_draws(game.ring, restored.ring)


def test_nothing_is_written_into_a_folder_that_has_vanished(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    folder, game = CheckpointFolder(run / "checkpoints"), Game(20)
    game.go_on(8)
    game.save(folder)
    game.go_on(15)
    snapshot = game.snapshot(folder)
    shutil.rmtree(run)
    with pytest.raises(FileNotFoundError):
        folder.write(snapshot)
    with pytest.raises(FileNotFoundError):
        folder.hold(run / "best_model.zip")
    assert not run.exists()


def test_no_checkpoint_is_made_over_a_replay_that_has_vanished(tmp_path: Path) -> None:
    folder, game = CheckpointFolder(tmp_path / "checkpoints"), Game(20)
    game.go_on(8)
    game.save(folder)
    shutil.rmtree(tmp_path / "checkpoints")
    game.go_on(15)
    with pytest.raises(FileNotFoundError):
        game.save(folder)
    assert CheckpointFolder(tmp_path / "checkpoints").newest() == (None, [])


def test_a_segment_says_which_rows_it_holds(three: Path) -> None:
    segments = newest(three).manifest.segments
    assert [(each.first, each.last) for each in segments] == [(0, 8), (8, 15), (15, 22)]
    assert all(isinstance(each, Segment) for each in segments)


def test_why_a_run_cannot_go_on_is_one_line() -> None:
    assert str(no_checkpoint(Path("logs/dqn/Pong_1"), [])) == (
        "no checkpoint in 'logs/dqn/Pong_1': a run makes them every --save-freq agent steps"
    )
    assert str(no_checkpoint(Path("run"), ["a: cut", "b: gone"])) == "no usable checkpoint in 'run': a: cut; b: gone"
