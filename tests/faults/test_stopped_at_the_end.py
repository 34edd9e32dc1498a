"""Runs that are told to stop when they have just come to their end: the last evaluation is still to be played."""

from pathlib import Path

import at_step  # noqa: F401  # registers the callback
import pytest
from short_runs import CART_POLE, differences, the_run

from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.train import main as train

_GOOD_ENOUGH = [*CART_POLE, "callback:[{stop_at_score: {score: 15, games: 3}}, at_step]"]
_EVALUATED_ONCE = ["--eval-freq", "5000", *(word for word in CART_POLE if word not in ("--eval-freq", "250"))]


def ended_well(words: list[str], folder: Path) -> Path:
    assert train([*words, "-f", str(folder)]) == 0
    return the_run(folder)


def checkpoints_of(run: Path) -> list[int]:
    return sorted(CheckpointFolder(run / "checkpoints").unchecked())


def test_a_run_that_was_good_enough_and_is_stopped_in_its_last_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended amid a vector step, of which there can be no checkpoint: the resume comes to that step again."""
    undisturbed = ended_well(_GOOD_ENOUGH, tmp_path / "undisturbed")
    ended_at = read_results(undisturbed / "results.json").agent_steps
    assert ended_at < 600
    assert ended_at % 150 != 0
    monkeypatch.setenv("AT_STEP", f"{ended_at} SIGTERM")
    assert train([*_GOOD_ENOUGH, "-f", str(tmp_path / "stopped")]) == 143
    run = the_run(tmp_path / "stopped")
    results = read_results(run / "results.json")
    assert (results.agent_steps, results.finished, results.final) == (ended_at, False, None)
    assert ended_at not in checkpoints_of(run)
    assert checkpoints_of(run) == checkpoints_of(undisturbed)
    monkeypatch.delenv("AT_STEP")
    assert train(["--resume", str(run)]) == 0
    assert differences(undisturbed, run) == []


def test_stopped_in_its_only_evaluation_the_resume_plays_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*_EVALUATED_ONCE, "callback:[at_step]"]
    undisturbed = ended_well(words, tmp_path / "undisturbed")
    assert [each.agent_steps for each in read_results(undisturbed / "results.json").evaluations] == [600]
    monkeypatch.setenv("AT_STEP", "600 SIGTERM")
    assert train([*words, "-f", str(tmp_path / "stopped")]) == 75
    run = the_run(tmp_path / "stopped")
    assert read_results(run / "results.json").evaluations == ()
    assert checkpoints_of(run)[-1] == 600
    monkeypatch.delenv("AT_STEP")
    capsys.readouterr()
    assert train(["--resume", str(run)]) == 0
    assert "evaluation after 600 agent steps" in capsys.readouterr().out
    assert differences(undisturbed, run) == []


def test_a_run_that_was_good_enough_is_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ended_well(_GOOD_ENOUGH, tmp_path)
    ended_at = read_results(run / "results.json").agent_steps
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != ".lock"}
    for words in ([*_GOOD_ENOUGH, "-f", str(tmp_path), "--resume", "auto"], ["--resume", str(run)]):
        capsys.readouterr()
        assert train(words) == 0
        printed = capsys.readouterr().out
        assert f"the run was finished after {ended_at:,} agent steps; more: " in printed
        assert "updates in" not in printed
        assert "going on after" not in printed
    assert {path: path.read_bytes() for path in before} == before
    assert the_run(tmp_path) == run


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_without_checkpoints_there_is_nothing_to_go_on_from(
    number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for word in CART_POLE if word not in ("--save-freq", "150")]
    monkeypatch.setenv("AT_STEP", f"400 {number}")
    code = train(["--save-freq", "-1", *words, "callback:[at_step]", "-f", str(tmp_path)])
    assert code == {"SIGTERM": 143, "SIGINT": 130}[number]
    printed = capsys.readouterr().out
    assert "stopping after this step\n" in printed
    assert "--resume" not in printed
    run = the_run(tmp_path)
    assert not CheckpointFolder(run / "checkpoints").is_there()
    assert read_results(run / "results.json").agent_steps == 400
