import os
from pathlib import Path

import numpy as np
import pytest

from dqn_zoo_ext.storage.state_folder import StateFolder


def test_the_newest_state_is_read_and_the_older_one_gone(tmp_path: Path) -> None:
    place = StateFolder(tmp_path / "unfinished" / "key")
    assert place.read() is None
    assert place.write({"games": 1, "frames": np.arange(3)})
    assert place.write({"games": 2, "frames": np.arange(4)})
    state = place.read()
    assert state is not None
    assert state["games"] == 2
    assert state["frames"].tolist() == [0, 1, 2, 3]
    assert [path.name for path in (tmp_path / "unfinished" / "key").iterdir()] == ["state_000001"]


def test_a_process_killed_while_it_wrote_leaves_the_last_whole_state(tmp_path: Path) -> None:
    place = StateFolder(tmp_path / "key")
    place.write({"games": 1})
    (tmp_path / "key" / ".writing_0123abcd").mkdir()
    (tmp_path / "key" / ".writing_0123abcd" / "state.json").write_text('{"games"')
    assert place.read() == {"games": 1}
    assert place.write({"games": 2})
    assert place.read() == {"games": 2}


def test_between_the_new_state_and_the_removal_of_the_old_one(tmp_path: Path) -> None:
    """Killed there, both lie in the folder: the newer one counts, and the older one if that is damaged."""
    place = StateFolder(tmp_path / "key")
    place.write({"games": 9})
    newer = tmp_path / "key" / "state_000010"
    (tmp_path / "key" / "state_000000").rename(newer)
    place_of_older = StateFolder(tmp_path / "other")
    place_of_older.write({"games": 8})
    (tmp_path / "other" / "state_000000").rename(tmp_path / "key" / "state_000009")
    assert place.read() == {"games": 9}
    (newer / "state.json").write_text("{")
    assert place.read() == {"games": 8}


@pytest.mark.parametrize("damage", ["", "{", "[]", "\x00"])
def test_a_damaged_state_is_none(damage: str, tmp_path: Path) -> None:
    place = StateFolder(tmp_path / "key")
    place.write({"games": 1})
    (tmp_path / "key" / "state_000000" / "state.json").write_text(damage)
    assert place.read() is None


def test_what_cannot_be_written_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert not StateFolder(tmp_path / "file" / "key").write({"games": 1})
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208  # names are what is compared


def test_removing_takes_the_folder_above_when_it_is_empty(tmp_path: Path) -> None:
    one, other = StateFolder(tmp_path / "unfinished" / "one"), StateFolder(tmp_path / "unfinished" / "other")
    one.write({"games": 1})
    other.write({"games": 2})
    one.remove()
    assert other.read() == {"games": 2}
    other.remove()
    assert not (tmp_path / "unfinished").exists()
    other.remove()
