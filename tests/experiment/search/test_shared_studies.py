"""Two workers on one study, one of them killed: every trial is accounted for, none twice, none left running."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest
import yaml
from optuna.trial import TrialState

from dqn_zoo_ext.experiment.search.liveness import CONTINUES
from dqn_zoo_ext.experiment.search.storage import open_storage
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.train import main as train

CONF = """\
n_timesteps: 400
learning_starts: 50
train_freq: 8
gradient_steps: 1
eval_episodes: 2
policy_kwargs: {net_arch: [16]}
search:
  batch_size: null
  exploration.end: null
  target_update_interval: null
"""
TRIALS = 12


def start(folder: Path, storage: str) -> "subprocess.Popen[str]":
    words = f"--algo dqn --env CartPole-v1 --seeds 1 --n-trials {TRIALS} --n-jobs 1 --n-evaluations 4 --sampler random"
    words += f" --pruner none --confirm-seeds 0 --heartbeat 2 --study-name shared --storage {storage}"
    command = [sys.executable, "-m", "dqn_zoo_ext.tune", *words.split(), "-conf", "mine.yml", "-f", "logs"]
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until_under_way(storage: str, process: "subprocess.Popen[str]", ended: int) -> None:
    """Until so many trials have ended and one of the process is at its second rung or beyond."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        try:
            trials = optuna.load_study(study_name="shared", storage=open_storage(storage)).get_trials(deepcopy=False)
        except (KeyError, optuna.exceptions.StorageInternalError):
            trials = []
        mine = [
            trial
            for trial in trials
            if trial.state == TrialState.RUNNING and trial.user_attrs.get("worker", {}).get("process") == process.pid
        ]
        if sum(trial.state == TrialState.COMPLETE for trial in trials) >= ended and any(
            len(trial.intermediate_values) >= 2 for trial in mine
        ):
            return
        time.sleep(0.02)
    raise AssertionError("no trial got under way")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_worker_is_killed_midway(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    storage = f"sqlite:///{tmp_path}/study.db" if kind == "sqlite" else request.getfixturevalue("database")
    (tmp_path / "mine.yml").write_text(CONF)
    first, second = start(tmp_path, storage), start(tmp_path, storage)
    wait_until_under_way(storage, first, ended=2)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    output, _ = second.communicate(timeout=400)
    assert second.returncode == 0, output
    assert "Traceback" not in output

    study = optuna.load_study(study_name="shared", storage=open_storage(storage))
    trials = study.get_trials(deepcopy=False)
    states = Counter(trial.state.name for trial in trials)
    assert states["COMPLETE"] == TRIALS
    assert states["RUNNING"] == states["WAITING"] == 0
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    assert len({tuple(trial.params.items()) for trial in complete}) == TRIALS  # none twice
    (lost,) = [trial for trial in trials if CONTINUES in trial.user_attrs]
    dead = trials[lost.user_attrs[CONTINUES]]
    assert dead.state == TrialState.FAIL
    assert lost.params == dead.params
    assert dead.intermediate_values.items() <= lost.intermediate_values.items()
    # its run went on from the checkpoint: one evaluation at each rung, no agent step twice
    runs = tmp_path / "logs" / "studies" / "shared" / "trials"
    assert not (runs / f"trial_{lost.number}").exists()
    results = read_results(runs / f"trial_{dead.number}" / "dqn" / "CartPole-v1_1" / "results.json")
    assert [each.agent_steps for each in results.evaluations] == [100, 200, 300, 400]
    for trial in complete:  # the values are those of the runs
        path = runs / f"trial_{trial.user_attrs.get(CONTINUES, trial.number)}" / "dqn" / "CartPole-v1_1"
        final = read_results(path / "results.json").final
        assert final is not None
        assert final.mean == trial.value
    # the best YAML trains to the score it claims
    winner = tmp_path / "logs" / "studies" / "shared" / "winner.yml"
    assert f"# Trial {study.best_trial.number} of study 'shared'" in winner.read_text()
    assert yaml.safe_load(winner.read_text())["gamma"] == study.best_trial.params["gamma"]
    words = f"--algo dqn --env CartPole-v1 --seed 1 -conf {winner} -f {tmp_path / 'alone'} --num-threads 2 --verbose 0"
    assert train(words.split()) == 0
    final = read_results(tmp_path / "alone" / "dqn" / "CartPole-v1_1" / "results.json").final
    assert final is not None
    assert final.mean == study.best_value
