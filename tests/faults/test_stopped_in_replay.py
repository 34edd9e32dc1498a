"""A resume that is told to stop while it plays the environments' actions again: at once, and nothing is touched."""

import signal
from collections.abc import Iterator
from pathlib import Path

import at_step  # noqa: F401  # registers the callback
import pytest
from short_runs import CART_POLE, SPACE_INVADERS, differences, the_run

from dqn_zoo_ext.envs.replaying.action_log import ActionLog, Moment
from dqn_zoo_ext.train import main as train

AT = 200  # agent steps, at which the run was stopped the first time
STEP = 11  # of the replay
moments = ActionLog.moments


def files_of(run: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(run)): file.read_bytes()
        for file in run.rglob("*")
        if file.is_file() and file.name != ".lock" and file.parent.name != "tensorboard"
    }


@pytest.mark.parametrize(
    ("words", "number"),
    [(CART_POLE, signal.SIGINT), (CART_POLE, signal.SIGTERM), (SPACE_INVADERS, signal.SIGINT)],
    ids=["dummy", "dummy, SIGTERM", "ale"],
)
def test_it_stops_at_once_and_goes_on_later_as_if_it_had_not_been(
    words: list[str],
    number: signal.Signals,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [*words, "callback:[at_step]"]
    monkeypatch.setenv("AT_STEP", f"{AT} SIGTERM")
    assert train([*words, "-f", str(tmp_path / "stopped")]) == 75
    monkeypatch.delenv("AT_STEP")
    run = the_run(tmp_path / "stopped")
    before, played = files_of(run), []

    def interrupted(log: ActionLog) -> Iterator[Moment]:
        for step, moment in enumerate(moments(log)):
            played.append(step)
            if step == STEP:
                signal.raise_signal(number)
            yield moment

    capsys.readouterr()
    with monkeypatch.context() as replaying:
        replaying.setattr(ActionLog, "moments", interrupted)
        assert train(["--resume", str(run)]) == 75
    out = capsys.readouterr().out
    assert played == list(range(STEP + 1))  # not one step more
    assert f"playing the environments' last {AT} agent steps again" in out
    assert f"stopped by {number.name} before it went on: its last checkpoint is as it was; go on with: " in out
    assert out.rstrip().endswith(f"-m dqn_zoo_ext.train --resume {run}")
    assert "going on after" not in out
    assert files_of(run) == before
    assert train(["--resume", str(run)]) == 0
    assert f"going on after {AT} agent steps" in capsys.readouterr().out
    assert train([*words, "-f", str(tmp_path / "undisturbed")]) == 0
    assert differences(the_run(tmp_path / "undisturbed"), run) == []
