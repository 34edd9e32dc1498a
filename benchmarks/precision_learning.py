"""What bf16 does to learning: trainings on Space Invaders by the real command, several seeds in each precision.

They are trained as the preset pong-quick says, which plays better than chance after 100,000 agent steps on this game
too. The last network is evaluated over a hundred games, and beside it stands the mean score of the last fifty games of
the training. Runs of the same seed begin with the same weights and the same random play; once an action has come out
otherwise they are runs like any other two, so seeds, not pairs, are compared.

A row is one training. The file of results is written after every row; a second call makes only the rows that are
missing in it. Eight minutes a row; `--jobs` of them beside each other, with one thread of PyTorch's each. `--params`
gives all of them what else shall be looked at, a number of environments for example; it wants a file of its own.

Run: python benchmarks/precision_learning.py [--seeds 1 2 3] [--precision fp32 bf16] [--agent-steps 100000] [--jobs 2]
     [--params n_envs:16 --output FILE]
"""

import json
import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import product
from pathlib import Path
from typing import Any

from one_core import run
from reporting import commit, parser_of, publish, whole_number

from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.storage.atomic import write_atomically

GAME = resolve("SpaceInvadersNoFrameskip-v4")
GAMES, SEED_OF_GAMES, LAST_OF_TRAINING = 100, 12345, 50


def row_of(precision: str, seed: int, agent_steps: int, params: list[str]) -> dict[str, Any]:
    """A training and its evaluation. params: KEY:VALUE, besides the precision."""
    with tempfile.TemporaryDirectory() as folder:
        agent = ["--algo", "dqn", "--env", GAME.gym_id, "-f", folder]
        length = ["-n", str(agent_steps), "--save-freq", "-1", "--eval-freq", "-1"]
        given = ["-params", f"precision:{precision}", *params]
        run("train", ["--preset", "pong-quick", *agent, *length, "--seed", str(seed), *given])
        of_run = Path(folder) / "dqn" / f"{GAME.folder_name}_1"
        fresh = ["--episodes", str(GAMES), "--seed", str(SEED_OF_GAMES), "--json"]
        score = json.loads(run("evaluate", [*agent, *fresh]).splitlines()[-1])
        monitor = (of_run / "0.monitor.csv").read_text(encoding="utf-8").splitlines()[2:]
    of_games = [float(line.split(",")[0]) for line in monitor][-LAST_OF_TRAINING:]
    return {
        "precision": precision,
        "seed": seed,
        "agent_steps": agent_steps,
        "training_mean": round(statistics.mean(of_games), 1),
        "mean": round(score["mean"], 1),
        "std": round(score["std"], 1),
        "protocol": score["protocol"],
        "commit": commit(),
    }


def summary(rows: list[dict[str, Any]], precision: str, agent_steps: int) -> dict[str, Any]:
    """Over the seeds of one precision, and of trainings of this length."""
    of_seeds = [row for row in rows if (row["precision"], row["agent_steps"]) == (precision, agent_steps)]
    found: dict[str, Any] = {"precision": precision, "seeds": len(of_seeds)}
    for key in ("training_mean", "mean"):
        numbers = [row[key] for row in of_seeds]
        found[key] = round(statistics.mean(numbers), 1)
        found[f"{key}_least_and_most"] = [min(numbers), max(numbers)]
    return found


def main() -> None:
    """Make the rows that are missing."""
    parser = parser_of("precision_learning", __doc__)
    parser.add_argument("--seeds", nargs="+", type=whole_number(0), default=[1, 2, 3])
    parser.add_argument("--precision", nargs="+", choices=["fp32", "bf16"], default=["fp32", "bf16"])
    parser.add_argument("--agent-steps", type=whole_number(1), default=100_000)
    parser.add_argument("--params", nargs="+", default=[], metavar="KEY:VALUE", help="more for all, e.g. n_envs:16")
    parser.add_argument("--jobs", type=whole_number(1), default=2, help="trainings beside each other")
    arguments = parser.parse_args()
    output: Path = arguments.output
    written = json.loads(output.read_text(encoding="utf-8")) if output.exists() else {}
    if written and (others := written.get("params", [])) != arguments.params:
        parser.error(f"--output: {output} holds trainings with other --params ({' '.join(others) or 'none'})")
    rows: list[dict[str, Any]] = written.get("rows", [])
    there = {(row["precision"], row["seed"]) for row in rows if row["agent_steps"] == arguments.agent_steps}
    asked = [(name, seed) for seed, name in product(arguments.seeds, arguments.precision)]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for done in as_completed(
            [pool.submit(row_of, *pair, arguments.agent_steps, arguments.params) for pair in asked if pair not in there]
        ):
            rows.append(done.result())
            print(rows[-1], flush=True)
            output.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(output, json.dumps({"params": arguments.params, "rows": rows}, indent=1) + "\n")
    found = [summary(rows, name, arguments.agent_steps) for name in arguments.precision]
    publish("precision_learning", {"params": arguments.params, "found": found, "rows": rows}, output)


if __name__ == "__main__":
    main()
