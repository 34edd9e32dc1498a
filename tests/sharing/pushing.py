"""Helpers for the tests of sharing: the commands with short games, and Q-values to compare."""

from pathlib import Path

import numpy as np
import torch
from stable_baselines3.dqn.policies import DQNPolicy

from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.experiment.agents.agent import Agent
from dqn_zoo_ext.load_from_hub import main as load_from_hub
from dqn_zoo_ext.push_to_hub import main as push_to_hub

CARTPOLE = ("--algo", "dqn", "--env", "CartPole-v1")
SHORT = ("--episodes", "2", "-n", "30")
"""Two games for each protocol, and a film of 30 agent steps."""


def push(logs: Path, *more: str, agent: tuple[str, ...] = CARTPOLE, seconds: int = 20) -> int:
    return push_to_hub([*agent, "-f", str(logs), *SHORT, "-orga", "ann", "--retry-seconds", str(seconds), *more])


def load(logs: Path, *more: str, agent: tuple[str, ...] = CARTPOLE, seconds: int = 20) -> int:
    return load_from_hub([*agent, "-f", str(logs), "-orga", "ann", "--retry-seconds", str(seconds), *more])


def package_of(logs: Path) -> Path:
    """The package of the agent on CartPole."""
    return logs / "dqn" / "CartPole-v1_1" / "hub" / "ann" / "dqn-CartPole-v1"


def run_of(logs: Path) -> Path:
    return logs / "dqn" / "CartPole-v1_1"


def observations(agent: Agent, agent_steps: int = 20) -> np.ndarray:
    """(agent_steps, ...) what the agent's policy sees in a game, whatever it would have done."""
    venv = agent.venv(protocols.get("greedy"), 1, seed=3)
    venv.seed(3)
    seen = [np.array(venv.reset())]
    for step in range(agent_steps - 1):
        observation, _, _, _ = venv.step(np.array([step % 2]))
        seen.append(np.array(observation))  # the environment has to be stepped in order
    venv.close()
    return np.concatenate(seen)


def q_values(logs: Path, agent: tuple[str, ...] = CARTPOLE) -> torch.Tensor:
    """(20, A) of the agent in these logs."""
    _, algo, _, env = agent
    found = Agent.find(logs, algo, resolve(env))
    venv = found.venv(protocols.get("greedy"), 1, seed=3)
    policy = found.policy(venv, "cpu")
    venv.close()
    assert isinstance(policy, DQNPolicy)
    seen, _ = policy.obs_to_tensor(observations(found))
    with torch.no_grad():
        values: torch.Tensor = policy.q_net(seen)
    return values
