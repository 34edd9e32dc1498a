"""What belongs to another algorithm: a line of epsilon where noise explores, a key that this one has not."""

from pathlib import Path

import pytest

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError

PONG = resolve("PongNoFrameskip-v4")


def test_edits_of_an_epsilon_that_the_algorithm_has_made_a_constant(tmp_path: Path) -> None:
    path = tmp_path / "mygame.yml"
    path.write_text("gamma: 0.99\nexploration: {agent_steps: 400, end: 0.05}\n")
    assert load("dqn", PONG, conf_file=path).hyperparameters.exploration.arguments["agent_steps"] == 400
    with pytest.raises(UserError) as caught:
        load("rainbow", PONG, conf_file=path)
    assert str(caught.value) == (
        f"{path}:2: exploration: 'agent_steps' has no line to change, for exploration is 0.0 here (algorithm "
        "'rainbow'), as noisy layers explore; leave the block out, or add schedule: linear and all that a line needs"
    )
    path.write_text("exploration: {schedule: linear, start: 1.0, end: 0.05, agent_steps: 400}\n")
    assert load("rainbow", PONG, conf_file=path).hyperparameters.exploration.name == "linear"
    path.write_text("exploration: {schedule: constant, end: 0.05}\n")  # here the user said it
    with pytest.raises(UserError, match="unknown keyword 'end' of schedule 'constant'"):
        load("rainbow", PONG, conf_file=path)


def test_a_key_of_other_algorithms_is_said_to_be_theirs() -> None:
    with pytest.raises(UserError) as caught:
        load("dueling_dqn", PONG, overrides={"next_action": "online"})
    message = str(caught.value)
    assert message.startswith("-params: unknown key 'next_action' for algorithm 'dueling_dqn'; ")
    assert {"c51", "qrdqn", "iqn", "rainbow"} <= set(message.partition("; ")[2].removesuffix(" have it").split(", "))
    with pytest.raises(UserError) as caught:  # what is far is not asked for
        load("dqn", PONG, overrides={"next_actions": "online"})
    assert str(caught.value) == "-params: unknown key 'next_actions' for algorithm 'dqn'"
