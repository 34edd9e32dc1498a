"""What each algorithm of the ladder costs beside DQN: time of an update and bytes of a transition; one JSON line last.

Each algorithm is built as its YAML file says for Space Invaders, but for `--batch-size` and a small replay filled with
random play. An update is drawing, loss, gradient, step and priorities. It is timed in turn with one of DQN, so that
other load on the machine falls on both alike; the ratio is the median over the pairs. Bytes are those of a full replay
of the size that the YAML file says, over the transitions that it holds.

Run: python benchmarks/ladder_speed.py [--pairs 15] [--batch-size 32] [--algos dqn c51 ...] [--output FILE]
"""

import argparse
import statistics
from typing import Any

import numpy as np
from built_models import GAME, built, seconds_of_updates
from gymnasium import spaces
from reporting import device_name, parser_of, publish, whole_number

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.learning.deep_q import DeepQ


def bytes_of_a_transition(algo: str) -> float:
    """In a full replay of the size that the YAML file says."""
    parameters = load(algo, GAME).hyperparameters
    screens = spaces.Box(0, 255, (parameters.frame_stack, 84, 84), np.uint8)
    replay = registry.replay_buffers.get(parameters.replay_buffer_class)
    size = parameters.buffer_size
    return float(replay.bytes_needed(size, screens, parameters.n_envs, parameters.n_steps)) / size


def compared(algo: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """A row of the table."""
    size = arguments.batch_size
    models = [built(name, arguments.device, batch_size=size) for name in (algo, "dqn")]
    for model in models:
        seconds_of_updates(model, size, 8)  # the first ones make what later ones find made
    pairs = [[seconds_of_updates(model, size) for model in models] for _ in range(arguments.pairs)]
    return {
        "algo": algo,
        "milliseconds": round(1000 * statistics.median(ours for ours, _ in pairs), 2),
        "times_dqn": round(statistics.median(ours / theirs for ours, theirs in pairs), 2),
        "bytes_of_a_transition": round(bytes_of_a_transition(algo), 1),
        "weights": sum(weight.numel() for weight in models[0].q_net.parameters()),
        "shipped_batch_size": load(algo, GAME).hyperparameters.batch_size,
    }


def main() -> None:
    """Measure, and write the result."""
    of_ladder = [name for name in registry.algorithms.names() if issubclass(registry.algorithms.get(name), DeepQ)]
    parser = parser_of("ladder_speed", __doc__)
    parser.add_argument("--pairs", type=whole_number(1), default=15)
    parser.add_argument("--batch-size", type=whole_number(1), default=32)
    parser.add_argument("--device", type=device_name, default="cpu")
    parser.add_argument("--algos", nargs="+", default=of_ladder, choices=of_ladder)
    arguments = parser.parse_args()
    rows = []
    for algo in arguments.algos:
        rows.append(compared(algo, arguments))
        print(f"{algo:24} {rows[-1]['milliseconds']:8.1f} ms, {rows[-1]['times_dqn']:.2f} times dqn", flush=True)
    found = {"batch_size": arguments.batch_size, "pairs": arguments.pairs, "rows": rows}
    publish("ladder_speed", found, arguments.output, arguments.device)


if __name__ == "__main__":
    main()
