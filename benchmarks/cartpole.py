"""CartPole-v1 with every algorithm's shipped YAML, three seeds each: does the best network balance for 475 steps?

Or with a preset for it, by ``--preset``.

Each row is a training by the real command, and an evaluation of its best network over 20 fresh games. The file of
results is written after each row, and a row is made only if it is missing or its configuration has changed: the command
may be stopped and given again. Trainings run `--jobs` at a time, each with one thread.

Run: python benchmarks/cartpole.py [--algos dqn c51 ... | --preset cartpole-keras] [--seeds 1 2 3] [--jobs 2]
     [--output FILE] [--runs FOLDER]
"""

import argparse
import hashlib
import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import dqn_zoo_ext  # isort: skip  # before PyTorch, as in the commands
from one_core import run
from reporting import command, commit, machine

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext import registry
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.config.presets import find_preset
from dqn_zoo_ext.config.schema import Hyperparameters
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.atomic import write_atomically

GAME = resolve("CartPole-v1")
GOAL = 475.0
GAMES, SEED_OF_GAMES = 20, 12345
FOR_IMAGES = ("impala_dqn",)


@dataclass(frozen=True)
class Trained:
    """An algorithm with its shipped YAML, or a preset, which names its algorithm."""

    algo: str
    preset: str | None = None

    @classmethod
    def by_preset(cls, name: str) -> "Trained":
        """The preset called so; UserError if there is none, or if it is for another game."""
        head = find_preset(name).head
        if head.env != GAME.gym_id:
            raise UserError(f"--preset: '{name}' is for {head.env}, not for {GAME.gym_id}")
        return cls(head.algo, name)

    @property
    def configuration(self) -> Configuration:
        """What the YAML files say."""
        conf_file = None if self.preset is None else find_preset(self.preset).path
        return load(self.algo, GAME, conf_file=conf_file)

    @property
    def name(self) -> dict[str, str]:
        """What a row calls it."""
        return {"algo": self.algo} if self.preset is None else {"algo": self.algo, "preset": self.preset}

    @property
    def words(self) -> list[str]:
        """What ``train`` is told to make of it."""
        return ["--algo", self.algo, "--env", GAME.gym_id] if self.preset is None else ["--preset", self.preset]

    def configuration_hash(self) -> str:
        """Of everything that the YAML files say of it, but for what they need not say."""
        unsaid = {each.name: each.default for each in fields(Hyperparameters) if each.default is not MISSING}
        unsaid["reward"] = []  # as plain data has it
        said = {
            name: value
            for name, value in self.configuration.as_plain_data().items()
            if name not in unsaid or value != unsaid[name]
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]

    def is_of(self, row: dict[str, Any]) -> bool:
        """Whether a row is its: of this algorithm or preset, whatever the configuration was."""
        return self.name == {key: row[key] for key in ("algo", "preset") if key in row}

    def has_outdated(self, row: dict[str, Any]) -> bool:
        """Whether a row is its, and of a configuration that has changed since."""
        return self.is_of(row) and row["configuration"] != self.configuration_hash()


def measured(trained: Trained, seed: int, folder: Path, baselines: bool) -> dict[str, Any]:
    """A row: train, then evaluate the best network, with random play beside it if it is asked for."""
    where = ["-f", str(folder / f"seed_{seed}")]
    began = time.monotonic()
    run("train", [*trained.words, *where, "--seed", str(seed), "--save-freq", "-1"])
    seconds = time.monotonic() - began
    fresh = ["--load-best", "--episodes", str(GAMES), "--seed", str(SEED_OF_GAMES), "--json"]
    agent = ["--algo", trained.algo, "--env", GAME.gym_id, *where]
    score = json.loads(run("evaluate", [*agent, *fresh, *(["--baselines"] if baselines else [])]).splitlines()[-1])
    (results,) = (folder / f"seed_{seed}" / trained.algo).glob("*/results.json")
    best = json.loads(results.read_text(encoding="utf-8"))["best"]
    beside = {each["baseline"]: round(each["mean"], 1) for each in score.get("baselines", ())}
    return {
        **trained.name,
        "seed": seed,
        "mean": round(score["mean"], 1),
        "std": round(score["std"], 1),
        "reached": score["mean"] >= GOAL,
        "protocol": score["protocol"],
        **({"beside": beside} if beside else {}),
        "best_after_agent_steps": best["agent_steps"],
        "agent_steps": trained.configuration.hyperparameters.n_timesteps,
        "seconds": round(seconds),
        "configuration": trained.configuration_hash(),
        "commit": commit(),
    }


def main() -> None:
    """Make the rows that are missing."""
    ladder = [name for name in registry.algorithms.names() if name not in FOR_IMAGES and not name.startswith("sb3_")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algos", nargs="+", default=ladder, choices=ladder)
    parser.add_argument("--preset", help="train this preset, not algorithms; with random play measured beside it")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/cartpole.json, or the preset's name")
    parser.add_argument("--runs", type=Path, default=None, help="where the trainings lie; default: a temporary folder")
    arguments = parser.parse_args()
    given = [arguments.preset] if arguments.preset else []
    try:
        subjects = [Trained.by_preset(name) for name in given] or [Trained(algo) for algo in arguments.algos]
    except UserError as error:
        parser.error(str(error))
    name = arguments.preset.replace("-", "_") if arguments.preset else "cartpole"
    output = arguments.output or Path("benchmarks/results") / f"{name}.json"
    found = json.loads(output.read_text(encoding="utf-8")) if output.is_file() else {"rows": []}
    rows = [row for row in found["rows"] if not any(each.has_outdated(row) for each in subjects)]
    pairs = [(each, seed) for seed in arguments.seeds for each in subjects]
    missing = [(each, seed) for each, seed in pairs if not any(each.is_of(row) and row["seed"] == seed for row in rows)]
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(arguments.jobs) as pool:
        folder = arguments.runs or Path(temporary)
        jobs = [pool.submit(measured, each, seed, folder, bool(arguments.preset)) for each, seed in missing]
        for future in as_completed(jobs):
            rows.append(future.result())
            print(json.dumps(rows[-1]), flush=True)
            rows.sort(key=lambda row: (row["algo"], row["seed"]))
            facts = {"goal": GOAL, "games": GAMES, "rows": rows}
            if arguments.preset:
                facts |= {"command": command(), "machine": machine()}
            text = json.dumps({"benchmark": "cartpole", **facts}, indent=1)
            write_atomically(output, text + "\n")
    print(json.dumps({"rows": len(rows), "reached": sum(row["reached"] for row in rows)}))


if __name__ == "__main__":
    main()
