"""A trial's runs: each in a folder of its own, where nothing that has come to something is removed."""

from pathlib import Path

import pytest

from dqn_zoo_ext.experiment.search.problem import _folder
from dqn_zoo_ext.storage.run_folder import RunFolder


def folder_with(log_folder: Path, number: int, *files: str) -> RunFolder:
    run = RunFolder.claim(log_folder, "dqn", "CartPole-v1", number=number)
    for name in files:
        (run.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run.path / name).write_text("here")
    return run


def test_runs_of_a_trial_have_numbers(tmp_path: Path) -> None:
    assert [_folder(tmp_path, "dqn", "CartPole-v1", number, 2).path.name for number in (1, 2)] == [
        "CartPole-v1_1",
        "CartPole-v1_2",
    ]


@pytest.mark.parametrize(
    "files",
    [
        ("checkpoints/agent_steps_000000000100/manifest.json", "results.json"),
        ("checkpoints/agent_steps_000000000100/manifest.json",),
        ("0.monitor.csv",),  # of a run that was killed before its first checkpoint, or that has just begun
    ],
)
def test_a_run_that_can_go_on_is_gone_on_with_as_it_is(files: tuple[str, ...], tmp_path: Path) -> None:
    run = folder_with(tmp_path, 1, *files)
    assert _folder(tmp_path, "dqn", "CartPole-v1", 1, 2) == run
    assert all((run.path / name).read_text() == "here" for name in files)


def test_what_has_results_and_no_checkpoint_is_kept(tmp_path: Path) -> None:
    """No two runs of a trial come to share a folder by it."""
    ended = [folder_with(tmp_path, number, "results.json") for number in (1, 2, 3)]
    found = [_folder(tmp_path, "dqn", "CartPole-v1", number, 2) for number in (1, 2)]
    assert [folder.path.name for folder in found] == ["CartPole-v1_5", "CartPole-v1_4"]
    assert [_folder(tmp_path, "dqn", "CartPole-v1", number, 2) for number in (1, 2)] == found
    assert all(run.results.read_text() == "here" for run in ended)
