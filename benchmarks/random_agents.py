"""What random play scores in every game of ours, by the protocol of the game's YAML: one JSON line last.

Each game is `evaluate --algo baselines` of its YAML: actions drawn uniformly, the protocol that the YAML names. The
file of results is written after every game, and a second call measures only what is missing in it, has fewer games
there, or another protocol or seed; the other rows stay. About an hour on two free cores. Seeds are fixed, so another
machine finds the same numbers.

Run: python benchmarks/random_agents.py [--games 30] [--env ID ...] [--output FILE]
"""

import json
from pathlib import Path
from typing import Any

from reporting import parser_of, publish, whole_number
from shipped_games import every_game

from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.evaluation.baselines import RANDOM
from dqn_zoo_ext.experiment.agents.baselines import baseline_of
from dqn_zoo_ext.experiment.build import frames_per_agent_step, protocol_of
from dqn_zoo_ext.experiment.plug_ins import load_plug_ins
from dqn_zoo_ext.storage.atomic import write_atomically

SEED = 0


def kept(output: Path) -> dict[str, Any]:
    """The rows that earlier calls have written, by game."""
    if not output.exists():
        return {}
    rows: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))["random"]
    return rows


def answers(row: dict[str, Any] | None, configuration: Configuration, games: int) -> bool:
    """Whether a row is what would be measured, by as many games or more."""
    asked = {"protocol": protocol_of(configuration).name, "seed": SEED}
    return row is not None and asked.items() <= row.items() and row["games"] >= games


def measured(configuration: Configuration, games: int) -> dict[str, Any]:
    """The row of one environment."""
    found = baseline_of(RANDOM, configuration.env, protocol_of(configuration), games, SEED, configuration=configuration)
    evaluation = found.baseline.evaluation
    frames = frames_per_agent_step(configuration)
    return {
        "protocol": evaluation.protocol,
        "games": games,
        "seed": SEED,
        "mean": round(evaluation.mean, 3),
        "std": round(evaluation.std, 3),
        "lowest": min(evaluation.scores),
        "highest": max(evaluation.scores),
        "mean_length": round(frames * sum(evaluation.lengths_in_agent_steps) / games),
        "seconds": found.seconds,
    }


def main() -> None:
    """Measure and print."""
    parser = parser_of("random_agents", __doc__)
    parser.add_argument("--games", type=whole_number(2), default=30)
    parser.add_argument("--env", nargs="+", metavar="ID", help="default: every game that has a YAML")
    arguments = parser.parse_args()
    load_plug_ins(())
    rows = kept(arguments.output)
    for name in arguments.env or every_game():
        configuration = load("dqn", resolve(name))
        key = configuration.env.game or configuration.env.gym_id
        if not answers(rows.get(key), configuration, arguments.games):
            rows[key] = measured(configuration, arguments.games)
            print(f"{key}: {rows[key]['mean']:g} +- {rows[key]['std']:g} in {rows[key]['seconds']:g} s", flush=True)
            write(rows, arguments.output)
    found = {"std": "over games, as a population", "random": dict(sorted(rows.items()))}
    publish("random_agents", found, arguments.output)


def write(rows: dict[str, Any], output: Path) -> None:
    """What there is so far."""
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(output, json.dumps({"random": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
