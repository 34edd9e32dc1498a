"""An agent of a run into the package: measured by a protocol, packed into dqn_zoo_ext/pretrained/GAME.

It plays 100 games of `course-unit3` first, unless told otherwise: some minutes on two free cores. Interrupted, the same
command goes on. Of several agents ship the one with the best mean - std, which `evaluate` says of each.

Run: python benchmarks/ship_agent.py --algo dqn --env SpaceInvaders -f logs --exp-id 2 --load-best
"""

import sys
from pathlib import Path

from dqn_zoo_ext.cli.agents import find_agent
from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.cli.values import check_device, whole_number
from dqn_zoo_ext.cli.verb import prepare, run_verb, say_as_told
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.evaluate import MOST_ENVS
from dqn_zoo_ext.experiment.agents.pretrained import run_of_shippable, ship
from dqn_zoo_ext.experiment.agents.resumable_evaluation import evaluate_agent
from dqn_zoo_ext.experiment.build import played_stickiness
from dqn_zoo_ext.sharing.scores import Score
from dqn_zoo_ext.sharing.shipped import folder, stated


def main(arguments: list[str] | None = None) -> int:
    """Parse, measure, pack, say what was packed."""
    assert __doc__ is not None
    parser = Parser("ship_agent", __doc__)
    parser.prog = "python benchmarks/ship_agent.py"
    parser.add_agent_options()
    parser.add_argument("--protocol", default="course-unit3", help="how to measure it (default: course-unit3)")
    parser.add_argument("--episodes", type=whole_number(1), default=100, metavar="GAMES", help="default: 100")
    parser.add_argument("--seed", type=whole_number(0), default=0, help="of the games (default: 0)")
    parser.add_argument("--into", type=Path, default=folder(), help="where to (default: the package's folder)")
    options = parser.parse(sys.argv[1:] if arguments is None else arguments)
    prepare(options)
    say = say_as_told(options)
    agent, protocol = find_agent(options), protocols.get(options.protocol)
    run_of_shippable(agent)  # a mistake is said before the games are played
    n_envs = min(options.episodes, MOST_ENVS)
    device = check_device(options.device)
    evaluation = evaluate_agent(agent, protocol, options.episodes, options.seed, n_envs, device, say=say)
    score = Score.now(evaluation, played_stickiness(agent.configuration, protocol))
    path = ship(agent, score, options.into)
    say(f"{path}: {stated(score)}, mean - std {score.result:.2f}")
    return 0


if __name__ == "__main__":
    run_verb(main)
