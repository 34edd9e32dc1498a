"""A trace of a training: a file that viewers open, with the activities under their names."""

import json
from pathlib import Path

from stable_baselines3.common.env_util import make_vec_env

from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.callbacks import Trace


def trained(trace: Trace, agent_steps: int) -> DQN:
    model = DQN("MlpPolicy", make_vec_env("CartPole-v1"), learning_starts=20, batch_size=8, train_freq=1, seed=0)
    return model.learn(agent_steps, callback=trace)


def test_it_records_some_steps_amid_learning(tmp_path: Path) -> None:
    said: list[str] = []
    path = tmp_path / "trace.json"
    trained(Trace(path, said.append, vector_steps=5), 100)
    assert said == [f"trace: {path}"]
    events = json.loads(path.read_text())["traceEvents"]
    names = [event.get("name") for event in events]
    for activity in ("acting", "learning", "emulating", "storing", "callbacks"):
        assert activity in names
    # each step of five shows its learning once, and the calls of PyTorch beneath it
    assert sum(event.get("name") == "learning" and event.get("cat") == "user_annotation" for event in events) == 5
    assert any("addmm" in str(name) for name in names)


def test_it_goes_on_until_it_has_seen_a_round_of_updates(tmp_path: Path) -> None:
    model = DQN("MlpPolicy", make_vec_env("CartPole-v1"), learning_starts=20, batch_size=8, train_freq=50, seed=0)
    model.gradient_steps = 16
    model.learn(200, callback=Trace(tmp_path / "trace.json", print, vector_steps=3))
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert sum(event.get("name") == "learning" and event.get("cat") == "user_annotation" for event in events) == 1


def test_a_run_that_ends_amid_it_leaves_what_there_was(tmp_path: Path) -> None:
    said: list[str] = []
    trained(Trace(tmp_path / "trace.json", said.append, vector_steps=1_000), 60)
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"]


def test_a_run_that_hardly_learns_says_that_there_is_none(tmp_path: Path) -> None:
    said: list[str] = []
    trained(Trace(tmp_path / "trace.json", said.append), 30)
    assert said == ["no trace: it begins after 16 updates, and there were fewer"]
    assert not list(tmp_path.iterdir())
