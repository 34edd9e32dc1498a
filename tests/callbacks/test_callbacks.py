"""Callbacks with a real model on CartPole: when they act, what they write, that they disturb nothing."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import load_results
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.callbacks import AgentFiles, Pace, Progress, ProtocolEvaluation, StopAtScore
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.storage.agent_file import read_counters, read_policy_weights
from dqn_zoo_ext.train import main as train


def cart_poles(n_envs: int = 1, seed: int = 0) -> VecEnv:
    return make_vec_env("CartPole-v1", n_envs=n_envs, seed=seed)


def model(n_envs: int = 1) -> DQN:
    return DQN("MlpPolicy", cart_poles(n_envs), learning_starts=20, policy_kwargs={"net_arch": [8]}, seed=0)


def evaluation(tmp_path: Path, every: int = 100) -> ProtocolEvaluation:
    return ProtocolEvaluation(
        make_venv=cart_poles,
        protocol=protocols.get("greedy"),
        every=every,
        episodes=2,
        seed=5,
        best_model=tmp_path / "best_model.zip",
        evaluations=tmp_path / "evaluations.npz",
    )


def test_pace_counts_agent_steps_whatever_the_stride() -> None:
    pace = Pace(10)
    assert [steps for steps in range(0, 50, 4) if pace.due(steps)] == [12, 20, 32, 40]
    assert not any(Pace(0).due(steps) for steps in range(100))
    resumed = Pace(10)
    resumed.begin(25)
    assert [steps for steps in range(25, 45) if resumed.due(steps)] == [30, 40]


@pytest.mark.parametrize("n_envs", [1, 3])
def test_evaluations_come_in_agent_steps_and_at_the_end(tmp_path: Path, n_envs: int) -> None:
    callback = evaluation(tmp_path)
    model(n_envs).learn(250, callback=callback)
    expected = [100, 200, 250] if n_envs == 1 else [102, 201, 252]
    assert [record.agent_steps for record in callback.records] == expected
    history = np.load(tmp_path / "evaluations.npz")
    assert history["timesteps"].tolist() == expected
    assert history["results"].tolist() == [list(record.episodes) for record in callback.records]


def test_the_best_agent_is_kept_and_of_equals_the_later(tmp_path: Path) -> None:
    callback = evaluation(tmp_path, every=50)
    trained = model().learn(300, callback=callback)
    best = max(callback.records, key=lambda record: (record.mean, record.agent_steps))
    assert callback.best == best
    assert read_counters(tmp_path / "best_model.zip").num_timesteps == best.agent_steps
    assert trained.num_timesteps == 300


def test_evaluations_do_not_disturb_the_training(tmp_path: Path) -> None:
    disturbed = model().learn(200, callback=evaluation(tmp_path, every=30))
    alone = model().learn(200)
    for one, other in zip(disturbed.policy.parameters(), alone.policy.parameters(), strict=True):
        assert one.equal(other)


def test_checkpoints(tmp_path: Path) -> None:
    trained = model(2).learn(100, callback=AgentFiles(40, lambda steps: tmp_path / f"rl_model_{steps}_steps.zip"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rl_model_40_steps.zip", "rl_model_80_steps.zip"]
    assert read_policy_weights(tmp_path / "rl_model_40_steps.zip").keys() == trained.policy.state_dict().keys()


def test_progress_in_a_log_file_and_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dqn_zoo_ext.callbacks.progress._SECONDS_BETWEEN_LINES", 0.0)
    text = io.StringIO()
    model().learn(60, callback=Progress(Console(file=text, width=200)))
    lines = text.getvalue().splitlines()
    assert lines[-1].startswith("60 / 60 agent steps, ")
    assert "epsilon" in lines[-1]
    assert "left" in lines[-1]
    text = io.StringIO()
    model().learn(60, callback=Progress(Console(file=text, width=200, force_terminal=True)))
    assert "60 / 60 agent steps" in text.getvalue()


@pytest.mark.parametrize("on_a_terminal", [False, True])
def test_before_learning_starts_no_time_left_is_told(on_a_terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dqn_zoo_ext.callbacks.progress._SECONDS_BETWEEN_LINES", 0.0)
    monkeypatch.setattr("dqn_zoo_ext.callbacks.progress._SECONDS_BETWEEN_REFRESHES", 0.0)
    console = Console(file=io.StringIO(), width=200, force_terminal=on_a_terminal)
    trained, shown = model(), dict[int, str]()
    trained.learning_starts = 1000

    class Seen(Progress):
        def _status(self) -> str:
            status = super()._status()
            shown[self.num_timesteps] = status
            return status

    trained.learn(1050, callback=Seen(console))
    assert {steps: "learning starts at 1,000" in status for steps, status in shown.items()} == {
        steps: steps <= 1000 for steps in range(1, 1051)
    }
    assert not any("left" in status for steps, status in shown.items() if steps <= 1000)
    assert "0:00:00 left" in shown[1050]


def test_stop_at_score_is_named_in_yaml(tmp_path: Path) -> None:
    words = f"--algo dqn --env CartPole-v1 -n 3000 --seed 1 -f {tmp_path} --eval-freq -1 --verbose 0 -params"
    assert train([*words.split(), "callback:[{stop_at_score: {score: 10, games: 5}}]"]) == 0
    games = load_results(str(tmp_path / "dqn" / "CartPole-v1_1"))["r"].tolist()
    first = next(n for n in range(5, len(games) + 1) if np.mean(games[n - 5 : n]) >= 10)
    assert len(games) == first


def test_stop_at_score_waits_for_all_its_games() -> None:
    trained = model().learn(60, callback=StopAtScore(score=1, games=1000))
    assert trained.num_timesteps == 60
