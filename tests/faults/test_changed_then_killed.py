"""A resume with an allowed change that comes to grief: the next one, with nothing more to type, works all the same."""

import shutil
from pathlib import Path

import at_step  # noqa: F401  # registers the callback
import pytest
from short_runs import CART_POLE, the_run

from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.train import main as train

_LONGER = ["-n", "900", "--allow-change", "n_timesteps"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    assert train([*CART_POLE, "callback:[at_step]", "-f", str(folder)]) == 0
    return the_run(folder)


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "double_dqn" / finished.name))


def test_before_the_next_checkpoint_it_is_as_if_it_had_never_been_allowed(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AT_STEP", "700 raise")  # the checkpoint of 750 is the next
    with pytest.raises(RuntimeError, match="as asked"):
        train(["--resume", str(run), *_LONGER])
    monkeypatch.delenv("AT_STEP")
    capsys.readouterr()
    assert train(["--resume", str(run)]) == 0
    printed = capsys.readouterr().out
    assert "changed: " not in printed
    assert read_results(run / "results.json").agent_steps == 600
    assert train(["--resume", str(run), *_LONGER]) == 0
    assert read_results(run / "results.json").agent_steps == 900


@pytest.mark.parametrize("what", ["SIGTERM", "raise"])
def test_after_it_the_change_stays(
    what: str, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AT_STEP", f"800 {what}")
    if what == "raise":
        with pytest.raises(RuntimeError, match="as asked"):
            train(["--resume", str(run), *_LONGER])
    else:
        assert train(["--resume", str(run), *_LONGER]) == 75
    monkeypatch.delenv("AT_STEP")
    capsys.readouterr()
    assert train(["--resume", str(run)]) == 0
    assert f"going on after {750 if what == 'raise' else 800} agent steps" in capsys.readouterr().out
    assert read_results(run / "results.json").agent_steps == 900
