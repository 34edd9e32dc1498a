"""A few of the kills that ``python tests/faults/kill_runs.py`` makes by the hundred, on the real Space Invaders."""

import inspect
import io
import random
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from kill_runs import ENV, Killed, kill_until_done, times_seeded, uninterrupted
from short_runs import differences

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.replaying.action_log import RESEED_AFTER

SHORT = ("--eval-episodes", "1")  # of the time for two, most goes into playing their games to the end


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return uninterrupted(tmp_path_factory.mktemp("reference"), *SHORT)


@pytest.mark.parametrize("kills", [2, pytest.param(6, marks=pytest.mark.slow)])
def test_a_run_that_was_killed_again_and_again_ends_as_if_it_had_never_been(
    kills: int, reference: Path, tmp_path: Path
) -> None:
    killed = Killed()
    kill_until_done(tmp_path, reference, random.Random(kills), killed, kills, *SHORT)
    assert killed.differences == []
    assert killed.kills == kills


def test_the_kills_are_of_runs_whose_consoles_are_seeded_anew(reference: Path) -> None:
    seeded = times_seeded(reference)
    assert len(seeded) == 4
    assert min(seeded) >= 2


def test_the_tests_own_consoles_are_not() -> None:
    """An import of the plug-in in this process changed the games of other tests, even where no kill was asked for."""
    assert inspect.signature(AleVecEnv).parameters["reseed_after"].default == RESEED_AFTER


def test_the_comparison_sees_a_single_weight_and_a_single_game(reference: Path, tmp_path: Path) -> None:
    other = shutil.copytree(reference, tmp_path / "run")
    assert differences(reference, other) == []
    lines = (other / "0.monitor.csv").read_text().splitlines()
    (other / "0.monitor.csv").write_text("\n".join(lines[:-1]) + "\n")
    assert differences(reference, other) == ["games"]
    for name in (f"{ENV}.zip", "best_model.zip"):
        change_one_weight(other / name)
    assert differences(reference, other) == [f"weights of {ENV}.zip", "weights of best_model.zip", "games"]


def change_one_weight(agent: Path) -> None:
    """The first weight of the last layer, by the least that a number can change."""
    with zipfile.ZipFile(agent) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    weights = torch.load(io.BytesIO(parts["policy.pth"]), weights_only=True)
    last = list(weights)[-1]
    first = weights[last].view(-1)[:1]
    first.copy_(torch.nextafter(first, torch.tensor(torch.inf)))
    changed = io.BytesIO()
    torch.save(weights, changed)
    with zipfile.ZipFile(agent, "w") as new:
        for name, content in {**parts, "policy.pth": changed.getvalue()}.items():
            new.writestr(name, content)
