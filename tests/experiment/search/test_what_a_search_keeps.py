"""What a search keeps: the runs that confirm its winner, and its study in a database or a journal."""

import os
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from small_searches import RANDOM, SMALL, Place

from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.storage.study_folder import remove_checkpoints


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_confirmation_that_fails_leaves_the_search_as_it_is(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    marks = place.folder / "marks"
    marks.mkdir()
    place.conf.write_text(
        f"{SMALL}callback: [{{fault_of_a_trial: {{kind: mistake, marks: '{marks}', after: 1, trials: 9}}}}]\n"
    )
    words = "--n-trials 1 --pruner none --gym-packages faults_of_trials --confirm-seeds 1"
    assert place.tune(words) == 0
    assert "the best trial cannot be confirmed: ZeroDivisionError: a mistake" in capsys.readouterr().out
    assert "# Not trained again with fresh seeds." in (place.path / "winner.yml").read_text()


def confirmed(path: Path) -> dict[Path, bytes]:
    """What came of the runs that confirm."""
    return {run: run.read_bytes() for run in sorted(path.glob("confirm/*/*/*/*/results.json"))}


@pytest.mark.parametrize("removed", [True, False])
def test_a_confirmation_that_is_killed_at_its_end_is_not_done_again(
    removed: bool, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(folder: Path) -> None:
        if removed:
            remove_checkpoints(folder)
        raise Killed

    words = f"--n-trials 1 {RANDOM} --confirm-seeds 1 --study-name cart"
    with monkeypatch.context() as patch:
        patch.setattr("dqn_zoo_ext.experiment.search.search.remove_checkpoints", killed)
        with pytest.raises(Killed):
            place.tune(words)
    before = confirmed(place.path)
    assert len(before) == 2
    assert bool(list(place.path.rglob("checkpoints"))) != removed
    assert place.tune(words) == 0
    assert confirmed(place.path) == before
    assert "with fresh seed 2 the mean is " in (place.path / "winner.yml").read_text()
    assert list(place.path.rglob("checkpoints")) == []


def test_new_studies_of_two_log_folders_in_one_database_are_two(place: Place) -> None:
    url = f"sqlite:///{place.folder}/search.db"
    kept, folders = place.folder / "kept", []
    for name in ("here", "there", "here"):
        place.logs = place.folder / name
        assert place.optimize(f"--n-trials 1 {RANDOM} --storage {url} --optimization-log-path {kept}") == 0
        folders.append(place.path.relative_to(place.folder))
    names = [f"dqn-CartPole-v1_{number}" for number in (1, 2, 3)]
    assert [str(folder) for folder in folders] == [
        f"{name}/studies/{study}" for name, study in zip(("here", "there", "here"), names, strict=True)
    ]
    assert sorted(optuna.get_all_study_names(url)) == names
    for study in names:  # and each has its own runs
        assert len(optuna.load_study(study_name=study, storage=url).trials) == 1
        assert (kept / study / "trial_0" / "dqn" / "CartPole-v1_1" / "results.json").is_file()
    assert sorted(path.name for path in place.folder.glob("there/studies/*")) == ["dqn-CartPole-v1_2"]


@pytest.mark.slow
def test_a_database_that_is_lost_amid_a_trial(place: Place) -> None:
    marks, database = place.folder / "marks", place.logs / "studies" / "cart" / "study.db"
    marks.mkdir()
    fault = f"{{kind: spoilt, marks: '{marks}', after: 1, database: '{database}'}}"
    place.conf.write_text(f"{SMALL}callback: [{{fault_of_a_trial: {fault}}}]\n")
    words = f"--algo dqn --env CartPole-v1 -conf {place.conf} -f {place.logs} --confirm-seeds 0 --n-evaluations 2"
    words += " --n-trials 2 --study-name cart --n-jobs 1 --gym-packages faults_of_trials --pruner none"
    command = [sys.executable, "-m", "dqn_zoo_ext.tune", *words.split()]
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[3])])

    def tuned() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)

    ended = tuned()
    assert ended.returncode == 2, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: --storage: study 'cart' can no longer be kept there: file is not a database (sqlite")
    assert line.endswith("once that is mended the same command with --study-name cart goes on")
    assert max(CheckpointFolder(place.run(1) / "checkpoints").unchecked()) == 100
    database.with_suffix(".whole").replace(database)
    ended = tuned()
    assert (ended.returncode, ended.stderr) == (0, "")
    trials = place.study.trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert trials[2].params == trials[1].params
    results = read_results(place.run(1) / "results.json")
    assert [each.agent_steps for each in results.evaluations] == [100, 200]  # from its checkpoint
    assert results.command.count(";") == 0


def test_a_journal(place: Place) -> None:
    journal = place.folder / "new" / "search.log"
    assert place.tune(f"--n-trials 3 {RANDOM} --storage {journal} --study-name two") == 0
    assert [row["state"] for row in place.rows()] == ["COMPLETE"] * 3
    assert journal.is_file()
