"""``python -m dqn_zoo_ext.evaluate``: measure a trained agent, or a baseline, by a named protocol."""

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from dqn_zoo_ext import registry
from dqn_zoo_ext.cli.agents import find_agent, rules_to_play_by
from dqn_zoo_ext.cli.games_bar import games_bar
from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.cli.values import check_device, seed_or_random, whole_number
from dqn_zoo_ext.cli.verb import command_of, prepare, run_verb
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.config.schema import MOST_SIDE_BY_SIDE
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.baselines import BASELINES
from dqn_zoo_ext.evaluation.evaluate import MOST_ENVS, Evaluation
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.evaluation.scores import human_normalised_of, in_context
from dqn_zoo_ext.experiment.agents.agent import Agent
from dqn_zoo_ext.experiment.agents.baselines import MeasuredBaseline, baseline_of
from dqn_zoo_ext.experiment.agents.resumable_evaluation import evaluate_agent
from dqn_zoo_ext.experiment.build import played_stickiness, protocol_of
from dqn_zoo_ext.keywords import shown
from dqn_zoo_ext.report.score_table import Measured, score_table
from dqn_zoo_ext.storage.results import Machine, Versions
from dqn_zoo_ext.words import counted

_DESCRIPTION = """\
Measure a trained agent, or a baseline: whole games with the game's own score, under the rules of a named protocol."""

_EXAMPLES = f"""\
examples:
  python -m dqn_zoo_ext.evaluate --algo dqn --env SpaceInvadersNoFrameskip-v4 --load-best
  python -m dqn_zoo_ext.evaluate --pretrained SpaceInvaders
  python -m dqn_zoo_ext.evaluate --algo dqn --env CartPole-v1 -f runs --episodes 20 --json
  python -m dqn_zoo_ext.evaluate --algo dqn --env Pong --baselines
  python -m dqn_zoo_ext.evaluate --algo baselines --env SpaceInvaders --protocol nature-2015 --episodes 100

protocols: {", ".join(protocols.PROTOCOLS)}
--algo random, best-constant-action, or baselines for both, needs no agent. Baselines are measured once and kept in the
user's cache folder ($DQN_ZOO_EXT_CACHE); --baselines puts them beside the agent's score.
An evaluation that is interrupted goes on where it was, to the same scores, when the command is given again.
With --json the last line is one object: mean, std (over games), result (mean - std), protocol, and episodes, the raw
score of each game; of an agent also its file's SHA-256, and how often actions repeated (null if unknown, or not Atari);
with baselines it has them under baselines, with the versions and the machine."""

_BOTH = "baselines"
_MOST_PUBLISHED = 6
_DIGITS = 12  # of a SHA-256, for people


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, play, print."""
    options = _parse(arguments)
    prepare(options)
    if options.pretrained is None:
        if options.algo in (_BOTH, *BASELINES):
            return _measure_baselines(options, command_of("evaluate", arguments))
        _check_algo(options)
    agent = find_agent(options)
    protocol = rules_to_play_by(options, agent)
    episodes, seed = options.episodes or protocol.episodes, seed_or_random(options.seed)
    n_envs = options.n_envs or min(episodes, MOST_ENVS)
    facts = _facts(agent, protocol)  # before the games: a training that goes on may replace the file
    with games_bar(options, "games") as bar:
        bar.total(episodes)
        evaluation = evaluate_agent(
            agent,
            protocol,
            episodes,
            seed,
            n_envs,
            check_device(options.device),
            on_games=bar.played,
            say=lambda words: print(words, file=sys.stderr) if options.verbose > 0 else None,
        )
    configuration = agent.configuration
    if options.verbose > 0:
        for line in _report(agent, facts, evaluation, protocol) + _context(
            options, configuration, evaluation, protocol
        ):
            print(line)
        if episodes < protocol.episodes:
            print(_too_few(episodes, protocol))
    if options.baselines:
        found = _baselines(options, BASELINES, configuration, protocol, episodes, seed)
        players = [Measured(agent.run.algo, evaluation), *_rows(found)]
        _print_table(options, configuration, protocol, episodes, seed, players)
        facts["baselines"] = [each.as_dict() for each in found]
    if options.json:
        print(json.dumps({**evaluation.as_dict(), **_normalised(configuration, evaluation), **facts}))
    return 0


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = Parser("evaluate", _DESCRIPTION, _EXAMPLES)
    parser.add_agent_options(also=(*BASELINES, _BOTH))
    parser.add_pretrained_option()
    parser.add_argument("--protocol", help="how to measure (default: the one the agent was evaluated by in training)")
    parser.add_argument("--episodes", type=whole_number(1), metavar="GAMES", help="default: the protocol's number")
    parser.add_argument(
        "--n-envs",
        type=whole_number(1, MOST_SIDE_BY_SIDE),
        metavar="N",
        help="games side by side (default: up to 8)",
    )
    parser.add_argument(
        "--seed", type=whole_number(), default=0, help="of starts and random actions (default: 0; -1: a random one)"
    )
    parser.add_argument("--baselines", action="store_true", help="random play and the best constant action beside it")
    parser.add_argument(
        "--all-published", action="store_true", help="every comparable published score, not the nearest"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON, in the last line")
    return parser.parse(arguments)


def _check_algo(options: Namespace) -> None:
    if options.algo not in registry.algorithms and not (options.folder / options.algo).is_dir():
        known = [*registry.algorithms.names(), *BASELINES, _BOTH]
        raise UserError(f"unknown algorithm {shown(options.algo)}{nearest(options.algo, known)}")


def _measure_baselines(options: Namespace, command: str) -> int:
    for option in ("load_best", "load_checkpoint", "load_last_checkpoint"):
        if getattr(options, option):
            raise UserError(f"--{option.replace('_', '-')} is for trained agents; '{options.algo}' needs none")
    if options.baselines:
        raise UserError(f"--baselines measures them beside a trained agent; by themselves it is --algo {_BOTH}")
    check_device(options.device)
    configuration = load("dqn", resolve(options.env))
    protocol = protocol_of(configuration) if options.protocol is None else protocols.get(options.protocol)
    episodes, seed = options.episodes or protocol.episodes, seed_or_random(options.seed)
    names = BASELINES if options.algo == _BOTH else (options.algo,)
    found = _baselines(options, names, configuration, protocol, episodes, seed)
    _print_table(options, configuration, protocol, episodes, seed, _rows(found))
    if options.json:
        facts = {"env": configuration.env.gym_id, "protocol": protocol.name, "command": command}
        print(json.dumps({**facts, "baselines": [each.as_dict() for each in found], **_circumstances()}))
    return 0


def _baselines(
    options: Namespace,
    names: Sequence[str],
    configuration: Configuration,
    protocol: Protocol,
    episodes: int,
    seed: int,
) -> list[MeasuredBaseline]:
    found, env = [], configuration.env
    for name in names:
        with games_bar(options, name, f"measuring {name}, which is kept for the next time") as bar:
            n_envs = options.n_envs
            found.append(baseline_of(name, env, protocol, episodes, seed, n_envs, configuration, bar.total, bar.game))
    return found


def _rows(found: Sequence[MeasuredBaseline]) -> list[Measured]:
    return [Measured(each.baseline.name, each.baseline.evaluation, each.action_name or "") for each in found]


def _print_table(
    options: Namespace,
    configuration: Configuration,
    protocol: Protocol,
    episodes: int,
    seed: int,
    players: Sequence[Measured],
) -> None:
    if options.verbose > 0:
        env, sticky = configuration.env, played_stickiness(configuration, protocol)
        title = f"{env.gym_id}: {counted(episodes, 'game')} each by protocol {protocol.name}, seed {seed}"
        console = Console(width=None if sys.stdout.isatty() else 120)
        console.print(score_table(title, env.game, players, protocol, sticky))
        if episodes < protocol.episodes and options.algo in (_BOTH, *BASELINES):  # for an agent it has been said
            console.print(_too_few(episodes, protocol), highlight=False, soft_wrap=True)


def _facts(agent: Agent, protocol: Protocol) -> dict[str, Any]:
    """Who plays, and what the protocol alone does not say of the games."""
    return {
        "algo": agent.run.algo,
        "env": agent.configuration.env.gym_id,
        "agent": str(agent.file),
        "agent_sha256": agent.sha256,
        "agent_steps": agent.agent_steps,
        "repeat_action_probability": played_stickiness(agent.configuration, protocol),
    }


def _report(agent: Agent, facts: Mapping[str, Any], evaluation: Evaluation, protocol: Protocol) -> list[str]:
    agent_steps = facts["agent_steps"]
    after = "" if agent_steps is None else f", after {agent_steps:,} agent steps"
    lines = [
        f"{agent.file}",
        f"sha256 {facts['agent_sha256'][:_DIGITS]}{after}",
        f"{counted(len(evaluation.scores), 'game')} by protocol {evaluation.protocol}, seed {evaluation.seed}: "
        f"mean {evaluation.mean:.2f} +/- {evaluation.std:.2f} (mean - std: {evaluation.result:.2f})",
    ]
    verdict = protocol.verdict(agent.configuration.env.game, evaluation.result, len(evaluation.scores), agent.updates)
    return lines if verdict is None else [*lines, verdict]


def _too_few(episodes: int, protocol: Protocol) -> str:
    return (
        f"{counted(episodes, 'game')} of the {protocol.episodes} that {protocol.name} asks for: so few say little, and "
        "another seed may well turn the order round"
    )


def _context(options: Namespace, configuration: Configuration, evaluation: Evaluation, protocol: Protocol) -> list[str]:
    """Published scores beside it; without those if a table with published scores will follow."""
    sticky = played_stickiness(configuration, protocol)
    context = in_context(configuration.env.game, evaluation.mean, protocol, sticky)
    if context is None:
        return []
    if options.baselines and not options.all_published:
        return [context.head()]
    return context.lines(None if options.all_published else _MOST_PUBLISHED)


def _normalised(configuration: Configuration, evaluation: Evaluation) -> dict[str, float]:
    game = configuration.env.game
    normalised = None if game is None else human_normalised_of(game, evaluation.mean)
    return {} if normalised is None else {"human_normalised": normalised}


def _circumstances() -> dict[str, object]:
    return {"versions": vars(Versions.here()), "machine": vars(Machine.here())}


if __name__ == "__main__":
    run_verb(main)
