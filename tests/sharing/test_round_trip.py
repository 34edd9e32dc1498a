"""What is pushed is what is loaded, through the real client."""

from pathlib import Path

import pytest
import torch
from hub_server import Hub
from pushing import CARTPOLE, load, push, q_values

from dqn_zoo_ext.enjoy import main as enjoy
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.train import main as train


def test_cartpole(packed: Path, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert push(packed) == 0
    assert "pushed: " in capsys.readouterr().out
    assert [commit.summary for commit in hub.store.repos["ann/dqn-CartPole-v1"].commits][1:] == [
        "Agent, scores, video and card"
    ]
    loaded = tmp_path / "elsewhere"
    assert load(loaded) == 0
    assert torch.equal(q_values(packed), q_values(loaded))
    agent = [*CARTPOLE, "-f", str(loaded)]
    assert enjoy([*agent, "--no-render", "-n", "50"]) == 0
    assert evaluate([*agent, "--episodes", "1"]) == 0
    zip_file = loaded / "dqn" / "CartPole-v1_1" / "CartPole-v1.zip"
    assert train([*agent, "-n", "200", "--eval-freq", "-1", "-i", str(zip_file)]) == 0
