"""Checkpoints that cannot be written: everything stays as it was, and the next one has all rows."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from checkpointed_ring import ENVS, Game, assert_equal_draws, everything_in, files_limited_to, newest

from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder


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
