"""What each algorithm of the ladder costs beside DQN: time of an update and bytes of a transition; one JSON line last.

Each algorithm is built as its YAML file says for Space Invaders, but for `--batch-size` and a small replay filled with
random play. An update is drawing, loss, gradient, step and priorities. It is timed in turn with one of DQN, so that
other load on the machine falls on both alike; the ratio is the median over the pairs. Bytes are those of a full replay
of the size that the YAML file says, over the transitions that it holds.

Run: python benchmarks/ladder_speed.py [--pairs 15] [--batch-size 32] [--algos dqn c51 ...] [--output FILE]
"""

import argparse
import json
import platform
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext import registry
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.experiment.build import build_model, build_venv
from dqn_zoo_ext.learning.deep_q import DeepQ

GAME = resolve("SpaceInvadersNoFrameskip-v4")
FILLED = 2_000  # agent steps of random play


def built(algo: str, batch_size: int, device: str) -> DeepQ:
    """The algorithm as configured, its replay filled and one update made."""
    small = {"buffer_size": 4_000, "batch_size": batch_size, "n_envs": 1, "learning_starts": 10 * FILLED}
    configuration = load(algo, GAME, overrides=small)
    model = build_model(configuration, build_venv(configuration, 1, seed=1), seed=1, device=device)
    model.learn(FILLED)
    model.train(1, batch_size)
    return model


def seconds(model: DeepQ, batch_size: int) -> float:
    """Of one update, until the device has finished."""
    started = time.perf_counter()
    model.train(1, batch_size)
    if model.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def bytes_of_a_transition(algo: str) -> float:
    """In a full replay of the size that the YAML file says."""
    parameters = load(algo, GAME).hyperparameters
    screens = spaces.Box(0, 255, (parameters.frame_stack, 84, 84), np.uint8)
    replay = registry.replay_buffers.get(parameters.replay_buffer_class)
    size = parameters.buffer_size
    return float(replay.bytes_needed(size, screens, parameters.n_envs, parameters.n_steps)) / size


def compared(algo: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """A row of the table."""
    model, dqn = (built(name, arguments.batch_size, arguments.device) for name in (algo, "dqn"))
    pairs = [(seconds(model, arguments.batch_size), seconds(dqn, arguments.batch_size)) for _ in range(arguments.pairs)]
    return {
        "algo": algo,
        "milliseconds": round(1000 * statistics.median(ours for ours, _ in pairs), 2),
        "times_dqn": round(statistics.median(ours / theirs for ours, theirs in pairs), 2),
        "bytes_of_a_transition": round(bytes_of_a_transition(algo), 1),
        "weights": sum(weight.numel() for weight in model.q_net.parameters()),
        "shipped_batch_size": load(algo, GAME).hyperparameters.batch_size,
    }


def commit() -> str:
    """Of the working tree."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def main() -> None:
    """Measure, and write the result."""
    of_ladder = [name for name in registry.algorithms.names() if issubclass(registry.algorithms.get(name), DeepQ)]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--algos", nargs="+", default=of_ladder, choices=of_ladder)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/ladder_speed.json"))
    arguments = parser.parse_args()
    rows = []
    for algo in arguments.algos:
        rows.append(compared(algo, arguments))
        print(f"{algo:24} {rows[-1]['milliseconds']:8.1f} ms, {rows[-1]['times_dqn']:.2f} times dqn", flush=True)
    result = {
        "benchmark": "ladder_speed",
        "batch_size": arguments.batch_size,
        "pairs": arguments.pairs,
        "device": arguments.device if arguments.device == "cpu" else torch.cuda.get_device_name(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, PyTorch {torch.__version__}",
        "commit": commit(),
        "rows": rows,
    }
    arguments.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
