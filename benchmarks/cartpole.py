"""CartPole-v1 with every algorithm's shipped YAML, three seeds each: does the best network balance for 475 steps?

Each row is a training by the real command, and an evaluation of its best network over 20 fresh games. The file of
results is written after each row, and a row is made only if it is missing or its configuration has changed: the command
may be stopped and given again. Trainings run `--jobs` at a time, each with one thread.

Run: python benchmarks/cartpole.py [--algos dqn c51 ...] [--seeds 1 2 3] [--jobs 2] [--output FILE] [--runs FOLDER]
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import dqn_zoo_ext  # isort: skip  # before PyTorch, as in the commands
from reporting import commit

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext import registry
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.config.schema import Hyperparameters
from dqn_zoo_ext.envs.ids import resolve

GAME = resolve("CartPole-v1")
GOAL = 475.0
GAMES, SEED_OF_GAMES = 20, 12345
FOR_IMAGES = ("impala_dqn",)


def configuration_hash(algo: str) -> str:
    """Of everything that the YAML files say of the algorithm on CartPole, but for what they need not say."""
    unsaid = {each.name: each.default for each in fields(Hyperparameters) if each.default is not MISSING}
    said = {
        name: value
        for name, value in load(algo, GAME).as_plain_data().items()
        if name not in unsaid or value != unsaid[name]
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]


def run(verb: str, words: list[str]) -> str:
    """What a command prints; CalledProcessError, with its complaint shown, if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", f"dqn_zoo_ext.{verb}", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        done.check_returncode()
    return done.stdout


def measured(algo: str, seed: int, folder: Path) -> dict[str, Any]:
    """A row: train, then evaluate the best network."""
    agent = ["--algo", algo, "--env", GAME.gym_id, "-f", str(folder / f"seed_{seed}")]
    began = time.monotonic()
    run("train", [*agent, "--seed", str(seed), "--save-freq", "-1"])
    seconds = time.monotonic() - began
    fresh = [*agent, "--load-best", "--episodes", str(GAMES), "--seed", str(SEED_OF_GAMES), "--json"]
    score = json.loads(run("evaluate", fresh).splitlines()[-1])
    (results,) = (folder / f"seed_{seed}" / algo).glob("*/results.json")
    best = json.loads(results.read_text(encoding="utf-8"))["best"]
    return {
        "algo": algo,
        "seed": seed,
        "mean": round(score["mean"], 1),
        "std": round(score["std"], 1),
        "reached": score["mean"] >= GOAL,
        "protocol": score["protocol"],
        "best_after_agent_steps": best["agent_steps"],
        "agent_steps": load(algo, GAME).hyperparameters.n_timesteps,
        "seconds": round(seconds),
        "configuration": configuration_hash(algo),
        "commit": commit(),
    }


def main() -> None:
    """Make the rows that are missing."""
    ladder = [name for name in registry.algorithms.names() if name not in FOR_IMAGES and not name.startswith("sb3_")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algos", nargs="+", default=ladder, choices=ladder)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/cartpole.json"))
    parser.add_argument("--runs", type=Path, default=None, help="where the trainings lie; default: a temporary folder")
    arguments = parser.parse_args()
    found = json.loads(arguments.output.read_text(encoding="utf-8")) if arguments.output.is_file() else {"rows": []}
    rows = [row for row in found["rows"] if row["configuration"] == configuration_hash(row["algo"])]
    done = {(row["algo"], row["seed"]) for row in rows}
    missing = [(algo, seed) for seed in arguments.seeds for algo in arguments.algos if (algo, seed) not in done]
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(arguments.jobs) as pool:
        folder = arguments.runs or Path(temporary)
        for future in as_completed([pool.submit(measured, algo, seed, folder) for algo, seed in missing]):
            rows.append(future.result())
            print(json.dumps(rows[-1]), flush=True)
            rows.sort(key=lambda row: (row["algo"], row["seed"]))
            text = json.dumps({"benchmark": "cartpole", "goal": GOAL, "games": GAMES, "rows": rows}, indent=1)
            arguments.output.write_text(text + "\n", encoding="utf-8")
    print(json.dumps({"rows": len(rows), "reached": sum(row["reached"] for row in rows)}))


if __name__ == "__main__":
    main()
