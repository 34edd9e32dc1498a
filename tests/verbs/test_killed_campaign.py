"""A campaign that is killed twice, its runs with it the second time, comes to what each of its runs comes to alone."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dqn_zoo_ext.storage.agent_file import read_policy_weights
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.train import main as train

FILE = """\
algos: [dqn, double_dqn]
envs: [CartPole-v1, Acrobot-v1]
seeds: [1, 2, 3]
params:
  n_timesteps: 1100   # a checkpoint after 1,000
  eval_freq: 550
  eval_episodes: 1
  learning_starts: 100
  buffer_size: 500
  batch_size: 16
  train_freq: 4
  gradient_steps: 1
  replay_buffer_class: frame_ring
  exploration_begins: learning_starts
"""
RUNS = 12

Key = tuple[str, str, int]
Rows = dict[Key, dict[str, str]]


def start(file: Path, logs: Path) -> "subprocess.Popen[str]":
    words = [str(file), "-f", str(logs), "--n-jobs", "2", "--num-threads", "1", "--device", "cpu"]
    return subprocess.Popen(
        [sys.executable, "-m", "dqn_zoo_ext", "campaign", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that its runs can be killed with it
    )


def rows_of(logs: Path) -> Rows:
    path = logs / "campaigns" / "killed" / "runs.csv"
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {(row["variant"], row["env"], int(row["seed"])): row for row in csv.DictReader(file)}


def under_way(rows: Rows, pattern: str) -> list[Key]:
    """The runs that have begun, have not ended, and have such a file in their folder."""
    return [key for key, row in rows.items() if row["state"] == "begun" and any(Path(row["run_folder"]).glob(pattern))]


def finished(rows: Rows) -> int:
    return sum(row["state"] == "finished" for row in rows.values())


def wait_until(holds: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 300
    while not holds():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def same_weights(one: Path, other: Path, env: str) -> bool:
    first, second = (read_policy_weights(path / f"{env}.zip") for path in (one, other))
    return first.keys() == second.keys() and all(first[key].equal(second[key]) for key in first)


@pytest.mark.slow
def test_killed_twice_and_completed_by_the_same_command(tmp_path: Path) -> None:
    file, logs = tmp_path / "killed.yml", tmp_path / "logs"
    file.write_text(FILE)
    interrupted: list[Key] = []

    process = start(file, logs)
    wait_until(lambda: finished(rows_of(logs)) >= 1 and bool(under_way(rows_of(logs), "0.monitor.csv")), process)
    process.kill()  # its runs outlive it for as long as they need to save
    process.communicate(timeout=60)
    interrupted += under_way(rows_of(logs), "*")
    assert interrupted

    process = start(file, logs)
    done = finished(rows_of(logs))
    deep = "checkpoints/agent_steps_*"
    wait_until(lambda: finished(rows_of(logs)) >= done + 3 and bool(under_way(rows_of(logs), deep)), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    rows = rows_of(logs)
    assert finished(rows) < RUNS
    interrupted += under_way(rows, deep)

    process = start(file, logs)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    assert f"{finished(rows)} of {RUNS} runs are done already" in output
    rows = rows_of(logs)
    assert len(rows) == RUNS
    assert {row["state"] for row in rows.values()} == {"finished"}
    assert interrupted
    for key, row in rows.items():
        as_alone(key, row)


def as_alone(key: Key, row: dict[str, str]) -> None:
    """Train it once more by the command in its folder, and compare."""
    _, env, _ = key
    run = Path(row["run_folder"])
    words = (run / env / "command.txt").read_text().split()
    assert words[:3] == ["python", "-m", "dqn_zoo_ext.train"]
    assert words[words.index("--num-threads") + 1] == "1"
    there = set(run.parent.iterdir())
    assert train([*words[3:], "--verbose", "0"]) == 0
    (alone,) = set(run.parent.iterdir()) - there
    assert same_weights(run, alone, env), key
    final = read_results(alone / "results.json").final
    assert final is not None
    assert float(row["final_mean"]) == final.mean, key
