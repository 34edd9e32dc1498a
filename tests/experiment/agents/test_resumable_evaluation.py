"""An evaluation that was interrupted ends with the scores of one that was not."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.evaluation import evaluate_policy

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.envs.replaying.replayable_env import ReplayableEnv
from dqn_zoo_ext.evaluation.evaluate import Evaluation, evaluate
from dqn_zoo_ext.evaluation.play import Policy, seed_of_games
from dqn_zoo_ext.evaluation.protocols import get
from dqn_zoo_ext.experiment.agents.agent import Agent
from dqn_zoo_ext.experiment.agents.resumable_evaluation import FOLDER, evaluate_agent
from dqn_zoo_ext.storage.state_folder import StateFolder

AGENTS = {"CartPole-v1": "double_dqn", "PongNoFrameskip-v4": "dqn"}


class Stop(Exception):  # noqa: N818
    """In place of Ctrl-C."""


def play(
    agent: Agent, episodes: int, every: float = 0.01, stop_after: int | None = None, seed: int = 3
) -> tuple[Evaluation, list[int], list[str]]:
    heard: list[int] = []
    said: list[str] = []

    def on_games(played: int) -> None:
        heard.append(played)
        if stop_after is not None and played >= stop_after:
            raise Stop

    protocol = get("course-unit3")
    found = evaluate_agent(agent, protocol, episodes, seed, 2, "cpu", on_games, said.append, every)
    return found, heard, said


@pytest.mark.parametrize(("env", "episodes", "every"), [("CartPole-v1", 6, 0.02), ("PongNoFrameskip-v4", 2, 0.2)])
def test_interrupted_twice_and_the_same_to_the_last_score(env: str, episodes: int, every: float, logs: Path) -> None:
    agent = Agent.find(logs, AGENTS[env], resolve(env))
    protocol = get("course-unit3")
    venv = agent.venv(protocol, 2, 3)
    never_stopped = evaluate(agent.policy(venv, "cpu"), venv, protocol, episodes, seed=3)
    venv.close()
    for games in {1, episodes - 1}:
        with pytest.raises(Stop):
            play(agent, episodes, every, stop_after=games)
        assert len(list((agent.run.path / FOLDER).iterdir())) == 1
    found, heard, said = play(agent, episodes, every)
    assert found == never_stopped
    assert heard[-1] == episodes
    assert said == [f"goes on after {heard[0]} of {episodes} games that were played before"]
    assert not (agent.run.path / FOLDER).exists()


def test_another_seed_begins_anew(logs: Path) -> None:
    agent = Agent.find(logs, "double_dqn", resolve("CartPole-v1"))
    with pytest.raises(Stop):
        play(agent, 4, stop_after=2)
    _, heard, said = play(agent, 4, seed=4)
    assert (heard[0], said) == (1, [])
    play(agent, 4)


def test_a_damaged_state_begins_anew(logs: Path) -> None:
    agent = Agent.find(logs, "double_dqn", resolve("CartPole-v1"))
    with pytest.raises(Stop):
        play(agent, 4, stop_after=2)
    (state,) = (agent.run.path / FOLDER).glob("*/state_*/state.json")
    state.write_text(state.read_text()[:-20])
    found, heard, said = play(agent, 4)
    assert (heard, said) == ([1, 2, 3, 4], [])
    assert len(found.scores) == 4
    assert not (agent.run.path / FOLDER).exists()


def test_a_state_that_does_not_fit_begins_anew(logs: Path) -> None:
    """Whole, but of a version that wrote something else."""
    agent = Agent.find(logs, "double_dqn", resolve("CartPole-v1"))
    with pytest.raises(Stop):
        play(agent, 4, stop_after=2)
    (place,) = (agent.run.path / FOLDER).iterdir()
    assert StateFolder(place).write({"something": "else"})
    found, heard, said = play(agent, 4)
    assert (heard, said) == ([1, 2, 3, 4], [])
    assert len(found.scores) == 4


def test_environments_that_came_back_before_another_did_not_play_no_other_games(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = ReplayableEnv.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "reseed_after", 40)
    agent = Agent.find(logs, "double_dqn", resolve("CartPole-v1"))
    never_stopped, _, _ = play(agent, 12)
    with pytest.raises(Stop):
        play(agent, 12, every=0.0, stop_after=4)
    (place,) = map(StateFolder, (agent.run.path / FOLDER).iterdir())
    state = place.read()
    assert state is not None
    state["player"]["environments"]["environments"]["replays"]["1"]["log"]["seeds"][0] += 1
    assert place.write(state)
    assert play(agent, 12) == (never_stopped, list(range(1, 13)), [])


class SameCoins:
    """For SB3's loop: `policy` with the coins that a protocol of `epsilon` throws, drawn here once more."""

    def __init__(self, policy: Policy, n_actions: int, epsilon: float, seed: int) -> None:
        self._policy, self._n_actions, self._epsilon = policy, n_actions, epsilon
        self._random = np.random.default_rng(seed)
        self.random_actions = 0

    def predict(self, observation: Any, *_: Any, **__: Any) -> tuple[np.ndarray, None]:
        greedy, _state = self._policy.predict(observation, deterministic=True)
        uniform = self._random.integers(self._n_actions, size=len(greedy))
        explores = self._random.random(len(greedy)) < self._epsilon
        self.random_actions += int(explores.sum())
        return np.where(explores, uniform, greedy), None


def test_course_unit3_agrees_with_sb3s_evaluate_policy_on_the_same_seeds(logs: Path) -> None:
    """A trained agent of Pong, whole games: SB3's own loop counts the same scores and lengths."""
    agent = Agent.find(logs, "dqn", resolve("PongNoFrameskip-v4"))
    protocol = get("course-unit3")
    venv = agent.venv(protocol, 2, seed=0)
    policy = agent.policy(venv, "cpu")
    ours = evaluate(policy, venv, protocol, 2, seed=9)
    venv.seed(seed_of_games(9))
    coins = SameCoins(policy, 6, 0.01, seed=9)
    scores, lengths = evaluate_policy(coins, venv, 2, deterministic=False, return_episode_rewards=True)
    venv.close()
    assert coins.random_actions > 5
    assert list(ours.scores) == scores
    assert list(ours.lengths_in_agent_steps) == lengths
    assert [ours.mean, ours.std] == [float(np.mean(scores)), float(np.std(scores))]


def test_ctrl_c_says_where_the_games_are_kept(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent = Agent.find(logs, "double_dqn", resolve("CartPole-v1"))

    def interrupted(every: float) -> str:
        def on_games(played: int) -> None:
            if played >= 2:
                signal.raise_signal(signal.SIGINT)

        def verb(_: object) -> None:
            evaluate_agent(agent, get("course-unit3"), 4, 3, 2, "cpu", on_games, print, every)

        with pytest.raises(SystemExit) as ended:
            run_verb(verb)
        assert ended.value.code == 130
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert interrupted(every=1000) == "stopped"
    line = interrupted(every=0.01)
    (kept,) = (agent.run.path / FOLDER).iterdir()
    assert line == f"stopped; the same command goes on with the games kept in {kept}"
    play(agent, 4)
