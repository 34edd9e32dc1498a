"""A training that goes on replaces its best agent: nothing may be told of one agent that another one has played."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from pushing import package_of, push, run_of

from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.experiment.agents import pack
from dqn_zoo_ext.experiment.agents.agent import Agent

REPLACED = r"best_model\.zip has been replaced meanwhile by a training that goes on: give the command again"


@pytest.fixture
def newer(packed: Path, tmp_path: Path) -> Path:
    """Another agent of the same shape."""
    path = tmp_path / "newer.zip"
    model = DQN.load(run_of(packed) / "best_model.zip", buffer_size=10)
    model.num_timesteps += 1
    model.save(path)
    return path


def test_an_evaluation_of_a_file_that_is_replaced_before_its_games(
    packed: Path, newer: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    venv = Agent.venv

    def replacing(self: Agent, *arguments: Any, **keywords: Any) -> Any:
        shutil.copyfile(newer, self.file)
        return venv(self, *arguments, **keywords)

    words = ["--algo", "dqn", "--env", "CartPole-v1", "-f", str(packed), "--load-best", "--episodes", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(Agent, "venv", replacing)
        with pytest.raises(UserError, match=REPLACED):
            evaluate(words)
    assert "mean" not in capsys.readouterr().out
    assert evaluate(words) == 0


@pytest.mark.parametrize("amid", ["_measure", "_film"])
def test_no_package_is_made_of_two_agents(
    packed: Path, newer: Path, amid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = getattr(pack, amid)

    def replacing(agent: Agent, *arguments: Any) -> Any:
        done = work(agent, *arguments)
        shutil.copyfile(newer, agent.file)
        return done

    words = ["--dry-run", "--load-best", "--repo-name", "best"]
    with monkeypatch.context() as patch:
        patch.setattr(pack, amid, replacing)
        with pytest.raises(UserError, match=REPLACED):
            push(packed, *words)
    assert [path.name for path in package_of(packed).parent.iterdir()] == ["dqn-CartPole-v1"]
    assert push(packed, *words) == 0
