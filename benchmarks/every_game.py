"""Trains every game that has a YAML for 200 agent steps, as `train` does: a row for each, and one JSON line last.

What is shrunk, so that updates happen within 200 agent steps: the replay, the random play before learning, the number
of environments. Everything else is the game's YAML: its environments, its network, its optimizer. A game that cannot be
built or trained stops nothing: its row says why, and the exit code is 1.

Run: python benchmarks/every_game.py [--env ID ...] [--algo dqn] [--agent-steps 200] [--output FILE]
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from reporting import parser_of, publish, whole_number
from shipped_games import every_game

from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.train import main as train

SMALL = {"buffer_size": 1_000, "learning_starts": 100, "n_envs": 2, "train_freq": 4, "gradient_steps": 1}


def trained(name: str, algo: str, agent_steps: int, folder: Path) -> dict[str, Any]:
    """The row of one game: what its run wrote down, or why there is none."""
    words = ["--algo", algo, "--env", name, "--seed", "0", "-n", str(agent_steps), "-f", str(folder), "--verbose", "0"]
    quick = ["--eval-freq", "-1", "--save-freq", "-1", "--device", "cpu"]
    began = time.perf_counter()
    try:
        code = train([*words, *quick, "-params", *(f"{key}:{value}" for key, value in SMALL.items())])
        run = folder / algo / f"{resolve(name).folder_name}_1"
        results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    except (UserError, OSError, RuntimeError, ValueError) as error:
        return {"error": str(error).splitlines()[0]}
    found = {key: results[key] for key in ("agent_steps", "updates", "finished")}
    return {**found, "exit_code": code, "seconds": round(time.perf_counter() - began, 1)}


def is_well(row: dict[str, Any], agent_steps: int) -> bool:
    """Whether all was played, and something learned."""
    return "error" not in row and row["agent_steps"] >= agent_steps and row["updates"] > 0 and row["exit_code"] == 0


def main() -> int:
    """Train and print; 1 if a game failed."""
    parser = parser_of("every_game", __doc__)
    parser.add_argument("--env", nargs="+", metavar="ID", help="default: every game that has a YAML")
    parser.add_argument("--algo", default="dqn")
    parser.add_argument("--agent-steps", type=whole_number(150), default=200)
    arguments = parser.parse_args()
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    rows: dict[str, Any] = {}
    for name in arguments.env or every_game():
        with tempfile.TemporaryDirectory() as folder:
            rows[name] = trained(name, arguments.algo, arguments.agent_steps, Path(folder))
        print(name, rows[name], flush=True)
    failed = [name for name, row in rows.items() if not is_well(row, arguments.agent_steps)]
    publish("every_game", {"algo": arguments.algo, "changed": SMALL, "failed": failed, "rows": rows}, arguments.output)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
