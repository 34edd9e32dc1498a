"""Which agent a verb is to play with, and by which rules."""

import argparse
from dataclasses import replace

from dqn_zoo_ext.cli.verb import say_as_told
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.experiment.agents.agent import Agent, Which
from dqn_zoo_ext.experiment.agents.pretrained import agent_of
from dqn_zoo_ext.experiment.build import protocol_of
from dqn_zoo_ext.sharing.shipped import find_shipped

_OF_A_LOG_FOLDER = {"folder", "exp_id", "load_best", "load_checkpoint", "load_last_checkpoint"}


def find_agent(options: argparse.Namespace) -> Agent:
    """The agent that ``add_agent_options`` describe, or a shipped one, of which a line is said first.

    UserError, naming what is there, if there is none.
    """
    if getattr(options, "pretrained", None) is not None:
        return _pretrained_agent(options)
    which = Which(options.load_best, options.load_checkpoint, options.load_last_checkpoint)
    chosen = [name for name, value in vars(which).items() if value is not None and value is not False]
    if len(chosen) > 1:
        options_typed = " and ".join(f"--{name.replace('_', '-')}" for name in chosen)
        raise UserError(f"{options_typed} are different agents of a run; choose one")
    return Agent.find(options.folder, options.algo, resolve(options.env), options.exp_id, which)


def _pretrained_agent(options: argparse.Namespace) -> Agent:
    """The shipped agent; UserError if any other option chooses another one. ``options.pretrained`` is its name then."""
    shipped = find_shipped(options.pretrained)
    for typed in (typed for name, typed in options.given.items() if name in _OF_A_LOG_FOLDER):
        raise UserError(f"--pretrained {shipped.name} is an agent by itself: {typed} is for one of yours")
    algo = shipped.package.manifest.algo
    if "algo" in options.given and options.algo != algo:
        raise UserError(f"--pretrained {shipped.name} is of algorithm '{algo}', not of '{options.algo}'; omit --algo")
    if "env" in options.given and resolve(options.env).gym_id != shipped.env.gym_id:
        raise UserError(f"--pretrained {shipped.name} plays '{shipped.env.gym_id}', not '{options.env}'; omit --env")
    options.pretrained = shipped.name
    if getattr(options, "protocol", None) is not None:
        protocols.get(options.protocol)  # a mistake is said before anything is told of the agent
    say_as_told(options)(shipped.told)
    return agent_of(shipped)


def rules_to_play_by(options: argparse.Namespace, agent: Agent) -> Protocol:
    """``--protocol``, or the one of the agent's evaluations in training; epsilon 0 with ``--deterministic``."""
    name = options.protocol
    protocol = protocols.get(name) if name is not None else protocol_of(agent.configuration)
    return replace(protocol, epsilon=0.0) if getattr(options, "deterministic", False) else protocol
