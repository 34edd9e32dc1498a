"""A campaign on a real Ray cluster of two nodes, one of which is killed under a run."""

import csv
import threading
import time
from pathlib import Path

import pytest

from dqn_zoo_ext.campaign import main as campaign
from dqn_zoo_ext.storage.agent_file import read_policy_weights
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder

FILE = """\
algos: [dqn, double_dqn]
envs: [CartPole-v1, Acrobot-v1]
seeds: [1, 2, 3]
params:
  n_timesteps: 2000
  learning_starts: 100
  buffer_size: 1000
  batch_size: 16
  train_freq: 4
  gradient_steps: 1
  policy_kwargs.net_arch: [16]
  eval_episodes: 1
  eval_freq: 2000
"""


@pytest.mark.slow
def test_a_node_is_lost_and_the_campaign_completes(tmp_path: Path) -> None:
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    import ray

    file, logs = tmp_path / "compare.yml", tmp_path / "logs"
    file.write_text(FILE)
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    lost = cluster.add_node(num_cpus=1)
    codes: list[int] = []
    words = [str(file), "-f", str(logs), "--ray", cluster.address, "--verbose", "0"]
    work = threading.Thread(target=lambda: codes.append(campaign(words)))
    try:
        work.start()
        deadline = time.monotonic() + 180
        while len(list(logs.glob("*/*/checkpoints/agent_steps_*"))) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)  # two runs under way, one on each node
        cluster.remove_node(lost, allow_graceful=False)
        work.join(400)
        assert codes == [0]
    finally:
        ray.shutdown()
        cluster.shutdown()
    with (logs / "campaigns" / "compare" / "runs.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 12
    assert {row["state"] for row in rows} == {"finished"}
    assert {row["agent_steps"] for row in rows} == {"2000"}
    # all alone, on no cluster
    alone = tmp_path / "alone"
    assert campaign([str(file), "-f", str(alone), "--verbose", "0"]) == 0
    with (alone / "campaigns" / "compare" / "runs.csv").open(newline="") as table:
        others = list(csv.DictReader(table))
    for row, other in zip(rows, others, strict=True):
        assert row["final_mean"] == other["final_mean"]
        paths = [Path(each["run_folder"]) / f"{each['env']}.zip" for each in (row, other)]
        here, there = (read_policy_weights(path) for path in paths)
        assert all(here[name].equal(there[name]) for name in here)
        assert CheckpointFolder(Path(row["run_folder"]) / "checkpoints").is_there()
