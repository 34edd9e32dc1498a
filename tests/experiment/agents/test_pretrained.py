"""Shipped agents: played again they are worth what they say, and one of a run becomes one that plays the same."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from stable_baselines3.dqn.policies import DQNPolicy

import dqn_zoo_ext.algorithms  # noqa: F401  # they register themselves
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.evaluate import Evaluation, evaluate
from dqn_zoo_ext.experiment.agents import pretrained
from dqn_zoo_ext.experiment.agents.agent import Agent
from dqn_zoo_ext.experiment.agents.filming import write_film
from dqn_zoo_ext.experiment.agents.pretrained import agent_of, ship
from dqn_zoo_ext.sharing import shipped
from dqn_zoo_ext.sharing.scores import Score
from dqn_zoo_ext.sharing.shipped import Shipped, find_shipped, shipped_names
from dqn_zoo_ext.storage.results import read_results, write_results
from dqn_zoo_ext.storage.run_folder import RunFolder

SCORE = Score("greedy", 2.0, 1.0, (1.0, 3.0), "for this package", 0)
OTHER_SEED = 1
"""Of games that are not those of the stated score (seed 0)."""


def played_again(found: Shipped, games: int) -> Evaluation:
    agent, protocol = agent_of(found), protocols.get(found.score.protocol)
    venv = agent.venv(protocol, 8, OTHER_SEED)
    try:
        return evaluate(agent.policy(venv, "cpu"), venv, protocol, games, OTHER_SEED)
    finally:
        venv.close()


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=[pytest.mark.slow] * (each != "SpaceInvaders")) for each in shipped_names()]
)
def test_a_few_other_games_agree_with_the_stated_score(name: str) -> None:
    """Eight games, so the mean may be off by three standard errors of eight games."""
    found = find_shipped(name)
    assert found.score.seed != OTHER_SEED
    again = played_again(found, 8)
    assert abs(again.mean - found.score.mean) < 3 * found.score.std / math.sqrt(8)


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_names())
def test_a_hundred_other_games_lie_in_the_stated_interval(name: str) -> None:
    found = find_shipped(name)
    again = played_again(found, 100)
    low, high = found.score.interval
    assert low < again.mean < high


def test_a_film_says_which_games_ended_in_it(logs: Path, tmp_path: Path) -> None:
    """Those that an evaluation plays: two whole ones and the beginning of a third."""
    agent, greedy = Agent.find(logs, "double_dqn", resolve("CartPole-v1")), protocols.get("greedy")
    venv = agent.venv(greedy, 1, 3)
    played = evaluate(agent.policy(venv, "cpu"), venv, greedy, 2, 3).lengths_in_agent_steps
    venv.close()
    steps = sum(played) + 2
    games = write_film(agent, greedy, 3, "cpu", tmp_path / "film.mp4", games=None, max_agent_steps=steps)
    assert [game.agent_steps for game in games] == list(played)
    assert [game.score for game in games] == list(played)  # a point for each


@pytest.fixture
def pong(logs: Path) -> Agent:
    return Agent.find(logs, "dqn", resolve("Pong"))


def test_an_agent_of_a_run_ships_and_plays_the_same(
    pong: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ship(pong, SCORE, tmp_path)
    assert path == tmp_path / "Pong"
    monkeypatch.setattr(shipped, "folder", lambda: tmp_path)
    found = find_shipped("pong")
    assert (found.agent_steps, found.score) == (600, SCORE)
    agent = agent_of(found)
    assert agent.configuration.hyperparameters == pong.configuration.hyperparameters
    assert q_values(agent).equal(q_values(pong))
    text = "".join(each.read_text() for each in path.iterdir() if each.suffix != ".safetensors")
    assert str(pong.run.path.parent) not in text  # nothing of this machine
    assert json.loads((path / "results.json").read_text())["run"]["command"].count("-f ") == 0
    assert [each.name for each in tmp_path.iterdir()] == ["Pong"]


def q_values(agent: Agent) -> torch.Tensor:
    venv = agent.venv(protocols.get("greedy"), 1, 0)
    policy = agent.policy(venv, "cpu")
    seen = venv.reset()
    venv.close()
    assert isinstance(policy, DQNPolicy)
    tensors, _ = policy.obs_to_tensor(seen)  # type: ignore[arg-type]  # one observation of screens
    with torch.no_grad():
        values: torch.Tensor = policy.q_net(tensors)
    return values


def test_one_that_is_too_large_is_refused(pong: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "MOST_BYTES", 1_000)
    with pytest.raises(UserError, match=r"its package has [\d,]+ bytes; one that ships has at most 1,000"):
        ship(pong, SCORE, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_for_exact_resume_is_refused(pong: Agent, tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    with pytest.raises(UserError, match="is a checkpoint for exact resume, no agent's zip"):
        ship(replace(pong, file=tmp_path / "checkpoint"), SCORE, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_a_command_that_is_of_one_machine_is_refused(pong: Agent, tmp_path: Path) -> None:
    run = read_results(pong.run.results)
    elsewhere = RunFolder(tmp_path / "run", pong.run.algo, pong.run.env)
    elsewhere.path.mkdir()
    write_results(replace(run, command=f"{run.command} -conf /home/me/dqn.yml"), elsewhere.results)
    with pytest.raises(UserError, match=r"names /home/me/dqn\.yml, which is nowhere else"):
        ship(replace(pong, run=elsewhere), SCORE, tmp_path / "into")
    assert not (tmp_path / "into").exists()
