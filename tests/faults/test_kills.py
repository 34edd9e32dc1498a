"""A few of the kills that ``python tests/faults/kill_runs.py`` makes by the hundred, on the real Space Invaders."""

import random
import shutil
from pathlib import Path

import pytest
from kill_runs import ENV, Killed, differences, kill_until_done, uninterrupted

from dqn_zoo_ext.storage.agent_file import read_policy_weights


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return uninterrupted(tmp_path_factory.mktemp("reference"))


def test_a_run_that_was_killed_again_and_again_ends_as_if_it_had_never_been(reference: Path, tmp_path: Path) -> None:
    killed = Killed()
    kill_until_done(tmp_path, reference, random.Random(1), killed, most=4)
    assert killed.differences == []
    assert killed.kills == 4


def test_the_comparison_sees_a_single_weight_and_a_single_game(reference: Path, tmp_path: Path) -> None:
    other = shutil.copytree(reference, tmp_path / "run")
    assert differences(reference, other) == []
    lines = (other / "0.monitor.csv").read_text().splitlines()
    (other / "0.monitor.csv").write_text("\n".join(lines[:-1]) + "\n")
    assert differences(reference, other) == ["games"]
    shutil.copy(other / "best_model.zip", other / f"{ENV}.zip")
    best, last = (read_policy_weights(reference / name) for name in ("best_model.zip", f"{ENV}.zip"))
    if any(not best[name].equal(last[name]) for name in last):
        assert f"weights of {ENV}.zip" in differences(reference, other)
