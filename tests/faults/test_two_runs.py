"""Two trainings that meet: each has a folder of its own, and none goes on with what another is at work on."""

import shutil
import threading
import time
from pathlib import Path

import pytest
from short_runs import CART_POLE, differences, finish, start, the_run

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.run_lock import locked
from dqn_zoo_ext.train import main as train


def test_started_at_the_same_moment_they_never_mix(tmp_path: Path) -> None:
    """Equal words, equal seeds: so both must end as one that was alone."""
    assert train([*CART_POLE, "-f", str(tmp_path / "alone")]) == 0
    processes = [start(*CART_POLE, "-f", tmp_path / "together") for _ in range(2)]
    for process in processes:
        code, output = finish(process)
        assert code == 0, output
    runs = sorted((tmp_path / "together" / "double_dqn").iterdir())
    assert [run.name for run in runs] == ["CartPole-v1_1", "CartPole-v1_2"]
    for run in runs:
        assert differences(the_run(tmp_path / "alone"), run) == []
        checkpoint, wrong = CheckpointFolder(run / "checkpoints").newest()
        assert checkpoint is not None
        assert (checkpoint.agent_steps, wrong) == (600, [])


def test_a_run_at_work_is_not_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dqn_zoo_ext.train._SECONDS_TO_WAIT", 0.5)  # a minute, for users
    process = start(*CART_POLE, "-n", "100000", "-f", tmp_path)
    while not any(tmp_path.glob("*/*/checkpoints/agent_steps_000000000150")):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    run = the_run(tmp_path)
    written_at_the_start = [run / ".lock", *(run / "CartPole-v1").iterdir()]
    before = [path.read_bytes() for path in written_at_the_start]
    for words in (["--resume", str(run)], [*CART_POLE, "-n", "100000", "-f", str(tmp_path), "--resume"]):
        with pytest.raises(SystemExit) as ended:
            run_verb(train, words)
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {str(run)!r} is being trained in by process {process.pid} on ")
    assert [path.read_bytes() for path in written_at_the_start] == before
    assert process.poll() is None
    process.kill()
    finish(process)
    with locked(run):  # it has let go
        pass


def test_a_requeued_job_waits_for_the_one_before_it(tmp_path: Path) -> None:
    """Which still saves what it has."""
    words = [*CART_POLE, "-f", str(tmp_path)]
    assert train(words) == 0
    run = the_run(tmp_path)
    (run / "results.json").unlink()
    saved = threading.Event()
    held = threading.Event()

    def save() -> None:
        with locked(run):
            held.set()
            time.sleep(1.5)
            saved.set()

    before = threading.Thread(target=save)
    before.start()
    assert held.wait(timeout=20)
    assert train([*words, "--resume", "auto"]) == 0
    assert saved.is_set()
    before.join()
    assert the_run(tmp_path) == run
    assert (run / "results.json").is_file()


def test_two_runs_that_write_their_events_into_one_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each has a folder of its own there; going on with one leaves the other's files as they are."""
    events, others = tmp_path / "tb", [*CART_POLE, "--seed", "4", "-tb", str(tmp_path / "tb")]
    assert train([*CART_POLE, "-tb", str(events), "-f", str(tmp_path / "one")]) == 0
    of_one = set(events.rglob("events.*"))
    capsys.readouterr()
    assert train([*others, "-f", str(tmp_path / "other")]) == 0
    second = events / "double_dqn" / "CartPole-v1_1_2"
    said = capsys.readouterr().out.splitlines()
    assert f"event files: {second}, as another run has CartPole-v1_1 there" in said
    of_other = {path: path.read_bytes() for path in set(events.rglob("events.*")) - of_one}
    assert len(of_one) == len(of_other) == 1
    assert {path.parent for path in of_one} == {events / "double_dqn" / "CartPole-v1_1"}
    assert {path.parent for path in of_other} == {second}
    run = the_run(tmp_path / "one")
    (run / "results.json").unlink()
    shutil.rmtree(run / "checkpoints" / "agent_steps_000000000600")
    before = next(iter(of_one)).stat().st_size
    assert train(["--resume", str(run)]) == 0
    assert {path: path.read_bytes() for path in of_other} == of_other
    assert next(iter(of_one)).stat().st_size < before  # cut back to the checkpoint; the rest is in a new one
    assert len(set(events.rglob("events.*"))) == 3
    assert train(["--resume", str(the_run(tmp_path / "other")), "-n", "700", "--allow-change", "n_timesteps"]) == 0
    assert {path.parent for path in set(events.rglob("events.*")) - of_one} == {second.with_name(run.name), second}
    assert len(list(second.iterdir())) == 2


def test_a_run_from_before_goes_on_in_the_folder_that_has_its_name(tmp_path: Path) -> None:
    """It says nowhere which one is its own."""
    events = tmp_path / "tb"
    assert train([*CART_POLE, "-tb", str(events), "-f", str(tmp_path / "logs")]) == 0
    run = the_run(tmp_path / "logs")
    (run / "CartPole-v1" / "tensorboard.txt").unlink()
    assert train(["--resume", str(run), "-n", "700", "--allow-change", "n_timesteps"]) == 0
    assert [path.name for path in (events / "double_dqn").iterdir()] == ["CartPole-v1_1"]


def test_event_files_and_a_run_that_were_moved_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    monkeypatch.chdir(before)
    assert train([*CART_POLE, "-tb", "tb", "-f", "logs"]) == 0
    before.rename(after)
    monkeypatch.chdir(after)
    assert train(["--resume", str(the_run(Path("logs"))), "-n", "700", "--allow-change", "n_timesteps"]) == 0
    assert [path.name for path in (after / "tb" / "double_dqn").iterdir()] == ["CartPole-v1_1"]


def test_event_files_of_a_run_that_does_not_begin_are_nobodys(tmp_path: Path) -> None:
    words = [*CART_POLE, "policy_kwargs.net_arch:[8]", "-tb", str(tmp_path / "tb"), "-f", str(tmp_path / "logs")]
    assert train([*CART_POLE, "-f", str(tmp_path / "others")]) == 0
    with pytest.raises(UserError, match="does not fit"):
        train([*words, "--trained-agent", str(the_run(tmp_path / "others") / "CartPole-v1.zip")])
    assert list((tmp_path / "tb" / "double_dqn").iterdir()) == []


def test_event_files_elsewhere_from_a_resume_on(tmp_path: Path) -> None:
    """Where another run has a folder of the same name."""
    events = tmp_path / "tb"
    assert train([*CART_POLE, "-f", str(tmp_path / "one")]) == 0
    assert train([*CART_POLE, "-f", str(tmp_path / "other"), "-tb", str(events)]) == 0
    more = ["-n", "700", "--allow-change", "n_timesteps", "-tb", str(events)]
    assert train(["--resume", str(the_run(tmp_path / "one")), *more]) == 0
    assert sorted(path.name for path in (events / "double_dqn").iterdir()) == ["CartPole-v1_1", "CartPole-v1_1_2"]


@pytest.mark.slow
def test_a_killed_run_with_environments_in_processes_can_be_gone_on_with_at_once(tmp_path: Path) -> None:
    """Its children live a moment longer; they must not hold the lock."""
    words = [*CART_POLE, "n_envs:2", "--vec-env", "subproc"]
    process = start(*words, "-f", tmp_path / "killed")
    while not any(tmp_path.glob("killed/*/*/checkpoints/agent_steps_000000000150")):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    process.kill()
    process.wait()
    run = the_run(tmp_path / "killed")
    with locked(run):
        pass
    assert train(["--resume", str(run)]) == 0
    assert train([*words, "-f", str(tmp_path / "alone")]) == 0
    assert differences(the_run(tmp_path / "alone"), run) == []
    if process.stdout is not None:
        process.stdout.close()
