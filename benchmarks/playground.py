"""What DQN learns in the playground's games by their shipped YAML, beside random play: a row each, one JSON line last.

A row is a training by the real command with one seed, and its best evaluated network over 100 fresh games. The file of
results is written after every row; a second call makes only the rows that are missing in it, or are of another seed or
number of agent steps than it asks for. With `--runs`, a training that is finished there is only evaluated. A minute to
ten on one core each.

Run: python benchmarks/playground.py [--env ID ...] [--seed 1] [--runs FOLDER] [--output FILE]
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from one_core import run
from reporting import commit, parser_of, publish, whole_number

from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.storage.atomic import write_atomically

AGENT_STEPS = {"MinAtar/Breakout-v1": 100_000, "Acrobot-v1": None, "MountainCar-v0": None}
"""The games, and how long they are trained; None: as long as their YAML says."""
GAMES, SEED_OF_GAMES = 100, 12345


def measured(name: str, seed: int, folder: Path, agent_steps: int | None) -> dict[str, Any]:
    """The row of one game. agent_steps: None for as many as the YAML says."""
    length = [] if agent_steps is None else ["-n", str(agent_steps)]
    folder = folder / "_".join([f"seed_{seed}", *length[1:]])
    where = ["--algo", "dqn", "--env", name, "-f", str(folder)]
    results = folder / "dqn" / f"{resolve(name).folder_name}_1" / "results.json"
    if not results.is_file():
        run("train", [*where, *length, "--seed", str(seed), "--save-freq", "-1"])
    told = json.loads(results.read_text(encoding="utf-8"))
    fresh = ["--load-best", "--episodes", str(GAMES), "--seed", str(SEED_OF_GAMES), "--baselines", "--json"]
    score = json.loads(run("evaluate", [*where, *fresh]).splitlines()[-1])
    return {
        "algo": "dqn",
        "seed": told["seed"],
        "agent_steps": told["agent_steps"],
        "seconds": round(told["seconds"]),
        "best_after_agent_steps": told["best"]["agent_steps"],
        "games": GAMES,
        "protocol": score["protocol"],
        "mean": round(score["mean"], 2),
        "std": round(score["std"], 2),
        "beside": {each["baseline"]: round(each["mean"], 2) for each in score["baselines"]},
        "commit": commit(),
    }


def is_there(row: dict[str, Any] | None, seed: int, agent_steps: int | None) -> bool:
    """Whether a row is what is asked for. agent_steps: None for as many as it has."""
    return row is not None and row["seed"] == seed and agent_steps in (None, row["agent_steps"])


def main() -> None:
    """Make the rows that are missing."""
    parser = parser_of("playground", __doc__)
    parser.add_argument("--env", nargs="+", metavar="ID", default=list(AGENT_STEPS), help="default: three of them")
    parser.add_argument("--seed", type=whole_number(0), default=1)
    parser.add_argument("--agent-steps", type=whole_number(1), help="default: 100,000 in MinAtar, else the YAML's")
    parser.add_argument("--runs", type=Path, help="where the trainings lie; default: a temporary folder")
    arguments = parser.parse_args()
    output: Path = arguments.output
    rows = json.loads(output.read_text(encoding="utf-8"))["rows"] if output.exists() else {}
    with tempfile.TemporaryDirectory() as temporary:
        for name in arguments.env:
            agent_steps = arguments.agent_steps or AGENT_STEPS.get(name)
            if not is_there(rows.get(name), arguments.seed, agent_steps):
                rows[name] = measured(name, arguments.seed, arguments.runs or Path(temporary), agent_steps)
                print(name, rows[name], flush=True)
                output.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(output, json.dumps({"rows": rows}, indent=1) + "\n")
    publish("playground", {"rows": rows}, output)


if __name__ == "__main__":
    main()
