"""Checkpoints as they are found: the newest whole one, and what is said of those that are damaged."""

from pathlib import Path

import pytest
from checkpointed_ring import (
    ENVS,
    Game,
    assert_equal_draws,
    everything_in,
    newest,
    segments_there,
)

from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.exact.manifest import Segment, read_manifest


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A folder with checkpoints of 16, 30 and 44 agent steps."""
    game, folder = Game(20), CheckpointFolder(tmp_path, keep=3)
    for rows in (8, 15, 22):
        game.go_on(rows)
        game.save(folder)
    return tmp_path


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


def test_a_segment_says_which_rows_it_holds(three: Path) -> None:
    segments = newest(three).manifest.segments
    assert [(each.first, each.last) for each in segments] == [(0, 8), (8, 15), (15, 22)]
    assert all(isinstance(each, Segment) for each in segments)
