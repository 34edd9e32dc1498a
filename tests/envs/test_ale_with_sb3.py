"""Stock Stable-Baselines3 on AleVecEnv: learn, evaluate, read the log."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3 import DQN
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import get_monitor_files

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.rules import AtariRules


def test_stock_dqn_learns_on_it_and_evaluate_policy_counts_games(tmp_path: Path) -> None:
    path = tmp_path / "0.monitor.csv"
    venv = AleVecEnv("breakout", 2, seed=0, monitor_path=path)
    model = DQN("CnnPolicy", venv, buffer_size=500, learning_starts=100, batch_size=4, train_freq=100, seed=0)
    assert model.get_env() is venv  # no wrapper needed: channels first, monitored
    model.learn(700, log_interval=1)
    assert model.ep_info_buffer
    games = [episode["l"] for episode in model.ep_info_buffer]
    assert all(80 < agent_steps <= 350 for agent_steps in games)  # games of five lives, in agent steps
    venv.close()
    with path.open() as lines:
        header = json.loads(lines.readline().removeprefix("#"))
        rows = list(csv.DictReader(lines))
    assert header["env_id"] == "breakout"
    assert [int(row["l"]) for row in rows] == games
    assert [float(row["r"]) for row in rows] == [episode["r"] for episode in model.ep_info_buffer]
    assert get_monitor_files(str(tmp_path)) == [str(path)]

    rules = AtariRules(max_frames_per_game=400)
    evaluation = AleVecEnv("breakout", 2, rules, seed=0)
    scores, lengths = evaluate_policy(model, evaluation, n_eval_episodes=3, return_episode_rewards=True, warn=True)
    assert isinstance(lengths, list)
    assert len(scores) == 3  # type: ignore[arg-type]
    assert max(lengths) <= 100
    evaluation.close()


def test_sb3_reads_the_log(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    from stable_baselines3.common.monitor import load_results

    venv = AleVecEnv("pong", 2, AtariRules(max_frames_per_game=40), seed=0, monitor_path=tmp_path / "0.monitor.csv")
    venv.reset()
    for _ in range(25):
        venv.step(np.zeros(2, dtype=np.int64))
    venv.close()
    frame = load_results(str(tmp_path))
    assert frame["l"].tolist() == [10] * 4
