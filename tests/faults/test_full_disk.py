"""A disk that fills up, turns read-only or loses the run's folder: one line, the last good checkpoint kept, a resume.

The disk is a small tmpfs; the fault comes at a chosen agent step through the plug-in in ``bad_disk.py``.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import bad_disk
import pytest
from short_runs import CART_POLE, differences, the_run

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.experiment import options
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.train import main as train

AT = 200  # agent steps: the checkpoint of 150 is written, the evaluation of 250 and the checkpoint of 300 are due
WORDS = [*CART_POLE, f"callback:[{{bad_disk: {{at: {AT}}}}}]", "policy_kwargs.net_arch:[64,64]"]
_SILENT = [word for word in WORDS if word not in ("--save-freq", "150")]  # without files of the agent in between


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAD_DISK", str(folder))
        assert train([*WORDS, "-f", str(folder / "logs")]) == 0
    return the_run(folder / "logs")


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty disk of 8 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", path], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    monkeypatch.setenv("BAD_DISK", str(path))
    yield path
    while subprocess.run(["umount", "-l", path], capture_output=True).returncode == 0:
        pass


def fail(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[str, list[str]]:
    """The one line on stderr, and what was printed before; exit code 2."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        run_verb(train, words)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    return line, captured.out.splitlines()


def assert_goes_on(run: Path, undisturbed: Path) -> None:
    """From the checkpoint that is left, to the same end."""
    assert train(["--resume", str(run)]) == 0
    assert differences(undisturbed, run) == []
    checkpoint, wrong = CheckpointFolder(run / "checkpoints").newest()
    assert checkpoint is not None
    assert (checkpoint.agent_steps, wrong) == (600, [])


def _cannot_write(run: Path) -> str:
    return rf"cannot write (event files in )?{re.escape(str(run))}/\S+"


def _last_checkpoint(run: Path) -> str:
    return rf"the last checkpoint is of 150 agent steps: python -m dqn_zoo_ext.train --resume {re.escape(str(run))}"


def nothing_half_written(run: Path) -> bool:
    there = [path for path in run.rglob(".*") if path.name != ".lock"]
    return there == [] and CheckpointFolder(run / "checkpoints").newest()[1] == []


def test_checkpoints_that_do_not_fit_are_reported_and_training_goes_on(
    disk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log still fits, and nothing else is written before the end."""
    monkeypatch.setattr(options, "DEFAULT_SAVE_FREQ", 150)
    silent = [*_SILENT, "--eval-freq", "10000", "-f", str(disk / "logs")]
    (disk / "armed").write_text("leave 49152")
    line, said = fail(silent, capsys)
    run = the_run(disk / "logs")
    warnings = [each for each in said if each.startswith("warning: cannot write a checkpoint: ")]
    assert warnings == [
        "warning: cannot write a checkpoint: No space left on device; the last one is of 150 agent steps"
    ] * len(warnings)
    assert 3 <= len(warnings) <= 4  # of 300, 450 and 600 agent steps
    assert line.startswith("error: cannot write ")
    assert line.endswith(
        "No space left on device; the last checkpoint is of 150 agent steps: "
        f"python -m dqn_zoo_ext.train --resume {run}"
    )
    assert nothing_half_written(run)
    (disk / "ballast").unlink()
    monkeypatch.setattr(options, "DEFAULT_SAVE_FREQ", 150)
    assert train(["--resume", str(run)]) == 0
    assert train([*_SILENT, "--eval-freq", "10000", "-f", str(disk.parent / "alone")]) == 0
    assert differences(the_run(disk.parent / "alone"), run) == []


def test_space_that_is_freed_in_time_is_used(
    disk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One checkpoint fails, later ones do not: they hold what the one that failed would have held."""
    monkeypatch.setattr(options, "DEFAULT_SAVE_FREQ", 150)
    remove = CheckpointFolder.write

    def write(self: CheckpointFolder, snapshot: object) -> None:
        try:
            remove(self, snapshot)  # type: ignore[arg-type]
        finally:
            if (disk / "ballast").exists():
                (disk / "ballast").unlink()

    monkeypatch.setattr(CheckpointFolder, "write", write)
    (disk / "armed").write_text("leave 49152")
    assert train([*_SILENT, "--eval-freq", "10000", "-f", str(disk / "logs")]) == 0
    assert capsys.readouterr().out.count("warning: cannot write a checkpoint: No space left on device") == 1
    checkpoint, wrong = CheckpointFolder(the_run(disk / "logs") / "checkpoints").newest()
    assert checkpoint is not None
    assert (checkpoint.agent_steps, wrong) == (600, [])
    shutil.rmtree(checkpoint.path)
    assert train(["--resume", str(the_run(disk / "logs"))]) == 0
    assert train([*_SILENT, "--eval-freq", "10000", "-f", str(disk.parent / "alone")]) == 0
    assert differences(the_run(disk.parent / "alone"), the_run(disk / "logs")) == []


@pytest.mark.parametrize(
    "leave", [0, 8192, *(pytest.param(each, marks=pytest.mark.slow) for each in (4096, 12288, 49152))]
)
def test_a_full_disk_ends_the_run_in_a_line_and_it_goes_on_when_there_is_space(
    leave: int, disk: Path, undisturbed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With nothing left a log fails first (progress.csv or TensorBoard's); with little, the best agent's file."""
    (disk / "armed").write_text(f"leave {leave}")
    line, _ = fail([*WORDS, "-f", str(disk / "logs")], capsys)
    run = the_run(disk / "logs")
    assert re.fullmatch(rf"error: {_cannot_write(run)}: No space left on device; {_last_checkpoint(run)}", line), line
    if leave > 40_000:
        assert "best_model.zip" in line
    assert nothing_half_written(run)
    line, _ = fail(["--resume", str(run)], capsys)  # still full
    assert "No space left on device" in line
    (disk / "ballast").unlink()
    assert_goes_on(run, undisturbed)


def test_a_full_disk_that_the_log_of_games_meets_first(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else is written: no lines of the log, no evaluations, no updates."""
    (disk / "armed").write_text("leave 0")
    never = ["learning_starts:6900" if word.startswith("learning_starts") else word for word in _SILENT]
    words = ["-n", "7000", "--log-interval", "-2", "--eval-freq", "-1", "-f", str(disk / "logs")]
    words = [word for word in never if word not in ("--log-interval", "1", "-n", "600")] + words
    line, _ = fail(words, capsys)
    run = the_run(disk / "logs")
    assert line.startswith(
        f"error: cannot write {run}/0.monitor.csv: No space left on device; the last checkpoint is of 0 "
    )
    assert nothing_half_written(run)
    (disk / "ballast").unlink()
    assert train(["--resume", str(run)]) == 0


def test_a_disk_that_is_full_from_the_start_is_one_line_and_no_folder(
    disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad_disk.fill(disk, 0)
    line, _ = fail([*WORDS, "-f", str(disk / "logs")], capsys)
    assert "No space left on device" in line
    assert not (disk / "logs").exists()


def test_a_disk_that_turns_read_only(disk: Path, undisturbed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (disk / "armed").write_text("read-only")
    line, _ = fail([*WORDS, "-f", str(disk / "logs")], capsys)
    run = the_run(disk / "logs")
    assert re.fullmatch(rf"error: {_cannot_write(run)}: Read-only file system; {_last_checkpoint(run)}", line), line
    line, _ = fail(["--resume", str(run)], capsys)
    assert line == f"error: cannot lock {run}: Read-only file system"
    subprocess.run(["umount", disk], check=True)
    assert nothing_half_written(run)
    assert_goes_on(run, undisturbed)


def test_a_log_folder_on_a_read_only_disk(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad_disk.read_only(disk)
    line, _ = fail([*WORDS, "-f", str(disk / "logs")], capsys)
    assert "Read-only file system" in line


@pytest.mark.parametrize("with_agent_files", [True, False])
def test_a_run_folder_that_vanishes(
    with_agent_files: bool, disk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "DEFAULT_SAVE_FREQ", 150)
    (disk / "armed").write_text("vanish")
    words = WORDS if with_agent_files else [*_SILENT, "--eval-freq", "10000"]
    line, _ = fail([*words, "-f", str(disk / "logs")], capsys)
    assert "No such file or directory" in line
    assert "CartPole-v1_1" in line
    assert not (disk / "logs").exists()
    assert "train --resume" not in line  # there is nothing left to resume
