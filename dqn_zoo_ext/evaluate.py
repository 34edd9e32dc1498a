"""``python -m dqn_zoo_ext.evaluate``: measure a trained agent by a named protocol."""

import json
from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress

from dqn_zoo_ext.command_line import (
    Parser,
    check_device,
    find_agent,
    prepare,
    rules_to_play_by,
    run_verb,
    seed_or_random,
    whole_number,
)
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.evaluate import Evaluation, evaluate
from dqn_zoo_ext.experiment.agent import Agent

_DESCRIPTION = """\
Measure a trained agent: whole games with the game's own score, under the rules of a named protocol."""

_EXAMPLES = f"""\
examples:
  python -m dqn_zoo_ext.evaluate --algo dqn --env SpaceInvadersNoFrameskip-v4 --load-best
  python -m dqn_zoo_ext.evaluate --algo dqn --env CartPole-v1 -f runs --episodes 20 --json

protocols: {", ".join(protocols.PROTOCOLS)}
With --json the last line is one object: mean, std (over games), result (mean - std), protocol, and episodes, the raw
score of each game."""

_MOST_ENVS = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, play, print."""
    parser = Parser("evaluate", _DESCRIPTION, _EXAMPLES)
    parser.add_agent_options()
    parser.add_argument("--protocol", help="how to measure (default: the one the agent was evaluated by in training)")
    parser.add_argument("--episodes", type=whole_number(1), metavar="GAMES", help="default: the protocol's number")
    parser.add_argument("--n-envs", type=whole_number(1), metavar="N", help="games side by side (default: up to 8)")
    parser.add_argument(
        "--seed", type=int, default=0, help="of starts and random actions (default: 0; -1: a random one)"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON, in the last line")
    options = parser.parse(arguments)
    prepare(options)
    agent = find_agent(options)
    protocol = rules_to_play_by(options, agent)
    episodes = options.episodes or protocol.episodes
    seed = seed_or_random(options.seed)
    venv = agent.venv(protocol, options.n_envs or min(episodes, _MOST_ENVS), seed)
    policy = agent.policy(venv, check_device(options.device))
    console = Console(stderr=True, quiet=options.verbose < 1 or not Console(stderr=True).is_terminal)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("games", total=episodes)
        evaluation = evaluate(policy, venv, protocol, episodes, seed, on_game=lambda *_: bar.advance(task))
    venv.close()
    if options.verbose > 0:
        for line in _report(agent, evaluation, protocol.pass_mark):
            print(line)
    if options.json:
        facts = {"algo": options.algo, "env": agent.configuration.env.gym_id, "agent": str(agent.file)}
        print(json.dumps({**evaluation.as_dict(), **facts}))
    return 0


def _report(agent: Agent, evaluation: Evaluation, pass_mark: float | None) -> list[str]:
    lines = [
        f"{agent.file}",
        f"{len(evaluation.scores)} games by protocol {evaluation.protocol}, seed {evaluation.seed}: "
        f"mean {evaluation.mean:.2f} +/- {evaluation.std:.2f} (mean - std: {evaluation.result:.2f})",
    ]
    if pass_mark is not None:
        verdict = "passed" if evaluation.result >= pass_mark else "not passed"
        lines.append(f"the course asks for mean - std of at least {pass_mark:g}: {verdict}")
    return lines


if __name__ == "__main__":
    run_verb(main)
