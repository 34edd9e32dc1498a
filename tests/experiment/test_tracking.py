"""`train --track` with the real wandb, offline; and without it."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import dqn_zoo_ext
from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.doctor import main as doctor
from dqn_zoo_ext.train import main as train

WORDS = "--env CartPole-v1 -n 300 --seed 7 --eval-episodes 2 --verbose 0 --track"
needs_wandb = pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="the extra wandb is not installed")


def in_a_process(words: str, folder: Path, mode: str) -> subprocess.CompletedProcess[str]:
    """Its own process: wandb changes TensorBoard's writers for good."""
    keyless = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    root = str(Path(dqn_zoo_ext.__path__[0]).parent)
    return subprocess.run(
        [sys.executable, "-m", "dqn_zoo_ext.train", *words.split()],
        cwd=folder,
        env={**keyless, "PYTHONPATH": root, "HOME": str(folder), "WANDB_MODE": mode},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@needs_wandb
def test_an_offline_run_holds_scores_and_configuration(tmp_path: Path) -> None:
    done = in_a_process(
        f"{WORDS} --wandb-project-name atoms --wandb-group bohr -tags one two -params gamma:0.875", tmp_path, "offline"
    )
    assert done.returncode == 0, done.stderr
    assert "eval/mean_reward" in done.stderr  # in the summary that wandb prints at the end
    (run,) = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    record = run.read_bytes()
    for expected in (b"atoms", b"bohr", b"one", b"two", b"CartPole-v1__dqn__7__", b"target_update_interval", b"0.875"):
        assert expected in record
    assert b"rollout/ep_rew_mean" in record
    assert (tmp_path / "logs" / "dqn" / "CartPole-v1_1" / "results.json").is_file()


@needs_wandb
def test_a_run_that_cannot_be_begun_is_one_line(tmp_path: Path) -> None:
    done = in_a_process(WORDS, tmp_path, "online")  # no key, nobody to ask for one
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: --track: No API key configured")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("verb", [train, doctor])
@pytest.mark.parametrize("left_behind", [False, True])
def test_without_wandb_one_line_names_the_extra(
    verb: Callable[[Sequence[str] | None], int],
    left_behind: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "wandb", None)  # import fails, as if it were not there
    if left_behind:
        # the folder of an earlier run, which Python takes for a package without modules
        (tmp_path / "wandb").mkdir()
        spec = importlib.machinery.PathFinder.find_spec("wandb", [str(tmp_path)])
        assert spec is not None
        monkeypatch.setitem(sys.modules, "wandb", importlib.util.module_from_spec(spec))
    with pytest.raises(SystemExit) as exit_:
        run_verb(verb, WORDS.split())
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        line
        == "error: --track: Weights & Biases is not installed; install the extra with: pip install 'dqn_zoo_ext[wandb]'"
    )
    assert not (tmp_path / "logs").exists()
