"""A damaged file of the replay: without it the run goes on with its weights and an empty replay, if it is told to."""

import re
from pathlib import Path

import at_step  # noqa: F401  # registers the callback
import pytest
from short_runs import CART_POLE, differences, the_run

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.train import main as train

WORDS = [*CART_POLE, "callback:[at_step]"]
SB3 = [word.replace("frame_ring", "sb3") for word in WORDS]
STOPPED_AT, LEARNING_STARTS, UPDATES_BEFORE, UPDATES_AFTER = 400, 100, 75, 25
"""Agent steps, and updates after each fourth of them, once learning has started."""


def stopped(words: list[str], at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AT_STEP", f"{at} SIGTERM")
    assert train(words) == 75
    monkeypatch.delenv("AT_STEP")


def damaged(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was stopped, and then lost its replay."""
    stopped([*words, "-f", str(folder)], STOPPED_AT, monkeypatch)
    run = the_run(folder)
    for file in (run / "checkpoints" / "replay").iterdir():
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    return run


@pytest.mark.parametrize("words", [WORDS, SB3], ids=["frame_ring", "sb3"])
def test_it_goes_on_with_an_empty_one(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = damaged(words, tmp_path, monkeypatch)
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        run_verb(train, ["--resume", str(run)])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: no usable checkpoint in {str(run)!r}: agent_steps_000000000400: rows_")
    assert re.search(r"only the replay is lost at 400 agent steps: --allow-change replay fills a new one$", line)
    assert train(["--resume", str(run), "--allow-change", "replay"]) == 0
    assert "going on after 400 agent steps: " in capsys.readouterr().out
    results = read_results(run / "results.json")
    assert (results.agent_steps, results.finished) == (600, True)
    assert results.updates == UPDATES_BEFORE + UPDATES_AFTER
    checkpoint, wrong = CheckpointFolder(run / "checkpoints").newest()
    assert checkpoint is not None
    assert (checkpoint.agent_steps, wrong) == (600, [])
    assert checkpoint.manifest.segments[0].first == 0
    assert checkpoint.manifest.segments[-1].last == 600 - STOPPED_AT


@pytest.mark.parametrize(
    "stopped_again_at", [STOPPED_AT + LEARNING_STARTS // 2, pytest.param(560, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("words", [WORDS, SB3], ids=["frame_ring", "sb3"])
def test_then_it_can_be_stopped_and_gone_on_with_as_any_run(
    words: list[str], stopped_again_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, run = (damaged(words, tmp_path / name, monkeypatch) for name in ("undisturbed", "stopped"))
    assert train(["--resume", str(undisturbed), "--allow-change", "replay"]) == 0
    stopped(["--resume", str(run), "--allow-change", "replay"], stopped_again_at, monkeypatch)
    assert train(["--resume", str(run)]) == 0
    assert differences(undisturbed, run) == []
