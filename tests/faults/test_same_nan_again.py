"""A run that meets a NaN, is gone on with unchanged, and meets it again."""

import errno
import os
import re
from pathlib import Path

import at_step  # noqa: F401  # registers the callback
import pytest
from short_runs import CART_POLE, the_run

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.experiment import breakdowns
from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.exact.state_file import read_state
from dqn_zoo_ext.train import main as train


def failed(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        run_verb(train, words)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


CURE = "python -m dqn_zoo_ext.train --resume {} -params learning_rate:LOWER --allow-change learning_rate"


def test_the_second_time_it_names_the_evidence_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AT_STEP", "402 nan")
    first = failed([*CART_POLE, "callback:[at_step]", "-f", str(tmp_path)], capsys)
    run = the_run(tmp_path)
    (evidence,) = run.glob("not_finite_update_*")
    assert f"; the evidence lies in {evidence}; " in first
    assert first.endswith(f"; the last checkpoint is of 300 agent steps: {CURE.format(run)}")
    files = {path: path.read_bytes() for path in evidence.iterdir()}
    assert read_state(evidence)["what"] == "weight"
    second = failed(["--resume", str(run)], capsys)
    assert second.startswith(re.sub(r"; the evidence.*", "", first))
    assert f"; the evidence lies in {evidence}, as before; " in second
    assert second.endswith(f"; the last checkpoint is of 300 agent steps: {CURE.format(run)}")
    assert list(run.glob("not_finite_update_*")) == [evidence]
    assert {path: path.read_bytes() for path in evidence.iterdir()} == files
    checkpoint, wrong = CheckpointFolder(run / "checkpoints").newest()
    assert checkpoint is not None
    assert (checkpoint.agent_steps, wrong) == (300, [])


def test_evidence_that_the_disk_has_no_space_for_is_written_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: State, folder: Path) -> None:
        (folder / "state.safetensors").write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setenv("AT_STEP", "402 nan")
    with monkeypatch.context() as patch:
        patch.setattr(breakdowns, "write_state", full)
        line = failed([*CART_POLE, "callback:[at_step]", "-f", str(tmp_path)], capsys)
    assert "; the evidence lies in no file (No space left on device); " in line
    run = the_run(tmp_path)
    assert [path for path in run.iterdir() if "not_finite" in path.name] == []
    line = failed(["--resume", str(run)], capsys)
    (evidence,) = (path for path in run.iterdir() if "not_finite" in path.name)
    assert f"; the evidence lies in {evidence}; " in line
    assert read_state(evidence)["what"] == "weight"
    assert (evidence / "found.json").is_file()
