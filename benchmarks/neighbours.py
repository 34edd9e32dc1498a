"""How much two networks of one training differ that are a few updates apart: what luck an agent's score is.

An agent's file holds the network that learned and its target network, a copy of it from up to a target update interval
before. Both are compared on the screens of the first one's games, at the protocol's epsilon: how often the greedy
actions are the same, how far the best two action values lie apart, and how far the two networks' values. Then both play
the same games, by the protocol.

Run: python benchmarks/neighbours.py --algo dqn --env SpaceInvaders -f logs [--episodes 100] [--protocol course-unit3]
"""

from pathlib import Path
from typing import Any

import dqn_zoo_ext  # isort: skip  # noqa: F401  # before PyTorch, as in the commands
import numpy as np
import torch
from reporting import publish
from stable_baselines3.dqn.policies import DQNPolicy

from dqn_zoo_ext.cli.agents import find_agent
from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.cli.values import whole_number
from dqn_zoo_ext.cli.verb import prepare, run_verb
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.evaluate import MOST_ENVS, evaluate
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.experiment.agents.agent import Agent
from dqn_zoo_ext.learning.exploration import epsilon_greedy


def compared(agent: Agent, protocol: Protocol, vector_steps: int) -> dict[str, Any]:
    """On the screens of the online network's games."""
    venv = agent.venv(protocol, MOST_ENVS, seed=0)
    policy, rng = policy_of(agent, venv), np.random.default_rng(0)
    rows: list[np.ndarray] = []
    obs = venv.reset()
    for _ in range(vector_steps):
        assert isinstance(obs, np.ndarray)
        with torch.no_grad():
            online, target = (net(torch.from_numpy(obs)) for net in (policy.q_net, policy.q_net_target))
        best, second = online.topk(2).values.unbind(1)
        alike = online.argmax(1) == target.argmax(1)
        rows.append(torch.stack([alike, best - second, (online - target).abs().mean(1)], 1).numpy())
        obs, *_ = venv.step(epsilon_greedy(online.argmax(1).numpy(), protocol.epsilon, online.shape[1], rng))
    venv.close()
    alike, gap, apart = np.concatenate(rows).T
    return {
        "screens": len(alike),
        "same_greedy_action": round(float(alike.mean()), 3),
        "median_gap_between_best_two_values": round(float(np.median(gap)), 4),
        "mean_difference_of_values": round(float(apart.mean()), 4),
    }


def score(agent: Agent, protocol: Protocol, episodes: int, of_target: bool) -> dict[str, Any]:
    """Of one of the two, over whole games."""
    venv = agent.venv(protocol, min(episodes, MOST_ENVS), seed=0)
    policy = policy_of(agent, venv)
    if of_target:
        policy.q_net = policy.q_net_target
    found = evaluate(policy, venv, protocol, episodes, seed=0)
    venv.close()
    return {"network": "target" if of_target else "online", "mean": round(found.mean, 2), "std": round(found.std, 2)}


def policy_of(agent: Agent, venv: Any) -> DQNPolicy:
    """With both networks; on the CPU."""
    policy = agent.policy(venv, "cpu")
    assert isinstance(policy, DQNPolicy)
    policy.set_training_mode(False)
    return policy


def main(arguments: list[str] | None = None) -> int:
    """Compare, play, publish."""
    assert __doc__ is not None
    parser = Parser("neighbours", __doc__)
    parser.prog = "python benchmarks/neighbours.py"
    parser.add_agent_options()
    parser.add_argument("--protocol", default="course-unit3", help="how to play (default: course-unit3)")
    parser.add_argument("--episodes", type=whole_number(1), default=100, metavar="GAMES", help="default: 100")
    parser.add_argument("--vector-steps", type=whole_number(1), default=500, help="of the comparison (default: 500)")
    parser.add_argument("--output", type=Path, help="where the result is written")
    options = parser.parse(arguments)
    prepare(options)
    agent, protocol = find_agent(options), protocols.get(options.protocol)
    result = {
        "run": {name: getattr(options, name) for name in ("algo", "env", "protocol", "episodes")},
        "agent_steps": agent.agent_steps,
        "compared": compared(agent, protocol, options.vector_steps),
        "scores": [score(agent, protocol, options.episodes, of_target) for of_target in (False, True)],
    }
    publish("neighbours", result, options.output)
    return 0


if __name__ == "__main__":
    run_verb(main)
