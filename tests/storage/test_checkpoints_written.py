"""Checkpoints as they are written: rows once, the last ones kept, the best model that of the moment."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from checkpointed_ring import (
    ENVS,
    Game,
    assert_equal_draws,
    files_limited_to,
    newest,
    segments_there,
)

from dqn_zoo_ext.storage.exact import checkpoints
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder, Snapshot


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
