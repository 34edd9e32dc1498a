"""A study's folder: each trial has a log folder of its own, and no checkpoint of a live run is removed."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.run_lock import locked
from dqn_zoo_ext.storage.study_folder import claim_trial, remove_checkpoints


def test_a_trial_of_another_study_keeps_its_folder(tmp_path: Path) -> None:
    noted: list[str] = []
    trials = tmp_path / "kept" / "cart"
    made = [claim_trial(trials, 7, noted.append).name for _ in range(3)]
    assert made == noted == ["trial_7", "trial_7_2", "trial_7_3"]


def test_the_name_is_noted_before_there_is_a_folder(tmp_path: Path) -> None:
    there: list[bool] = []
    claim_trial(tmp_path, 0, lambda name: there.append((tmp_path / name).exists()))
    assert there == [False]


def test_two_trials_of_one_number_at_one_moment(tmp_path: Path) -> None:
    together = Barrier(8)

    def claimed(_: int) -> Path:
        noted: list[str] = []

        def note(name: str) -> None:
            if not noted:
                together.wait()  # all have seen that the first name is free
            noted.append(name)

        path = claim_trial(tmp_path, 0, note)
        assert noted[-1] == path.name
        return path

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(claimed, range(8)))) == 8


def test_where_no_folder_can_be_made_there_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot make a trial's folder in"):
        claim_trial(tmp_path / "file" / "trials", 0, lambda _: None)


def test_checkpoints_of_a_run_that_is_at_work_stay(tmp_path: Path) -> None:
    ended, live = (tmp_path / "dqn" / name for name in ("CartPole-v1_1", "CartPole-v1_2"))
    for run in (ended, live):
        (run / "checkpoints" / "agent_steps_000000000100").mkdir(parents=True)
    with locked(live):
        remove_checkpoints(tmp_path)
        assert not (ended / "checkpoints").exists()
        assert (live / "checkpoints" / "agent_steps_000000000100").is_dir()
    remove_checkpoints(tmp_path)
    assert not (live / "checkpoints").exists()
