"""What campaigns and searches cost beside the trainings they are made of, and what runs side by side gain.

- ``overhead``: the same trainings by ``train``, one after the other; by a ``campaign`` with --n-jobs 1; and as a trial
  each of a ``tune`` whose search has one point, with --n-jobs 1, with three rungs. Seconds of the whole commands, from
  start to exit, and their ratio to those of ``train``. ``training`` is the same of the seconds that the runs' own
  results name, in which starting PyTorch has no part.
- ``side_by_side``: the same trainings by a campaign, one at a time with a thread for each core, and one for each core
  with one thread: the ratio of the whole commands' seconds.

All are repeated `--rounds` times in turn, in alternating order, so that noise falls on all alike; given is the median.

Run: python benchmarks/many_runs.py [--runs 4] [--agent-steps 4000] [--rounds 3] [--env CartPole-v1]
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reporting import parser_of, publish, whole_number

from dqn_zoo_ext.storage.results import read_results

if TYPE_CHECKING:
    from collections.abc import Callable

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
SEARCH = "search: {gamma: {type: float, low: 0.99, high: 0.99}}\n"


def command(verb: str, words: str) -> float:
    """Seconds of a whole command. CalledProcessError if it fails."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", f"dqn_zoo_ext.{verb}", *words.split(), "--verbose", "0"],
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    return time.perf_counter() - began


def by_train(arguments: Namespace, folder: Path) -> float:
    """One after the other."""
    common = f"--algo dqn --env {arguments.env} -n {arguments.agent_steps} -f {folder} --num-threads 1"
    return sum(command("train", f"{common} --seed {seed}") for seed in range(arguments.runs))


def by_campaign(arguments: Namespace, folder: Path, jobs: int = 1, threads: int = 1) -> float:
    """The same as a campaign's."""
    seeds = " ".join(map(str, range(arguments.runs)))
    common = f"--algos dqn --envs {arguments.env} -n {arguments.agent_steps} -f {folder} --num-threads {threads}"
    return command("campaign", f"{common} --seeds {seeds} --n-jobs {jobs}")


def by_tune(arguments: Namespace, folder: Path) -> float:
    """As many trainings as trials, all with the first seed."""
    conf = folder / "one_point.yml"
    conf.parent.mkdir(parents=True, exist_ok=True)
    conf.write_text(SEARCH, encoding="utf-8")
    common = f"--algo dqn --env {arguments.env} -n {arguments.agent_steps} -f {folder} --num-threads 1 --n-jobs 1"
    search = f"--seeds 0 --n-trials {arguments.runs} --sampler random --pruner none --n-evaluations 3 --confirm-seeds 0"
    return command("tune", f"{common} {search} -conf {conf}")


def seconds_of_training(folder: Path) -> float:
    """As the runs' own results have them."""
    return sum(read_results(path).seconds for path in folder.rglob("results.json"))


def measure(arguments: Namespace) -> dict[str, Any]:
    """Ratios and seconds, by part."""
    ways: dict[str, Callable[[Namespace, Path], float]] = {"train": by_train, "campaign": by_campaign, "tune": by_tune}
    if CORES > 1 and not arguments.only_overhead:
        ways["one at a time, all cores"] = lambda given, folder: by_campaign(given, folder, 1, CORES)
        ways["one for each core"] = lambda given, folder: by_campaign(given, folder, CORES, 1)
    whole: dict[str, list[float]] = {name: [] for name in ways}
    training: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(arguments.rounds):
        for name in list(ways) if number % 2 == 0 else reversed(ways):
            with tempfile.TemporaryDirectory() as made:
                folder = Path(made) / "logs"
                whole[name].append(ways[name](arguments, folder))
                training[name].append(seconds_of_training(folder))
            print(f"{name}: {whole[name][-1]:.1f} s, training {training[name][-1]:.1f} s", file=sys.stderr)
    return {
        "seconds": {name: statistics.median(each) for name, each in whole.items()},
        "seconds_of_training": {name: statistics.median(each) for name, each in training.items()},
        "overhead": {
            name: {"whole": _ratio(whole[name], whole["train"]), "training": _ratio(training[name], training["train"])}
            for name in ("campaign", "tune")
        },
        "side_by_side": _ratio(whole["one at a time, all cores"], whole["one for each core"])
        if CORES > 1 and not arguments.only_overhead
        else None,
    }


def _ratio(above: list[float], below: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(above, below, strict=True))


def main() -> None:
    """Parse, measure, publish."""
    parser = parser_of("many_runs", __doc__)
    parser.add_argument("--runs", type=whole_number(1), default=4, help="trainings (default: 4)")
    parser.add_argument("--agent-steps", type=whole_number(1), default=4_000, help="of each (default: 4000)")
    parser.add_argument("--rounds", type=whole_number(1), default=3, help="repetitions (default: 3)")
    parser.add_argument("--env", default="CartPole-v1", help="default: CartPole-v1")
    parser.add_argument("--only-overhead", action="store_true", help="leave side_by_side out")
    arguments = parser.parse_args()
    found = measure(arguments)
    publish("many_runs", {"env": arguments.env, "runs": arguments.runs, **found}, arguments.output)


if __name__ == "__main__":
    main()
