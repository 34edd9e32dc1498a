"""How the cost of training DQN grows with environments, with the replay and with runs side by side on one machine.

DQN is built as its YAML files say for Space Invaders, and learns by its own ``learn``: acting, stepping, storing and
one update for four agent steps. Evaluations, logs and checkpoints are left out.

- ``environments``: 1 to 128 of them in a run, and the agent steps per second of playing alone (no updates) and of
  learning;
- ``replay``: agent steps per second of learning from a full replay of 10,000 to 1,000,000 transitions;
- ``runs``: 1 to 16 at the same time, at most one for each core, each a process with one thread for PyTorch: agent
  steps per second of learning, of all together. Their windows begin together; each is timed by itself.

Environments and replays are measured a window of `--agent-steps` each in turn, in alternating order, so that noise
falls on all alike; given is the median over `--rounds`.

Run: python benchmarks/scaling.py [--quick] [--parts environments replay runs] [--agent-steps 600] [--rounds 3]
"""

import multiprocessing
import statistics
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from queue import Empty
from typing import TYPE_CHECKING, Any, TypeVar

import dqn_zoo_ext  # isort: skip  # noqa: F401  # before PyTorch, as in the commands
import torch
from built_models import built, finish
from replay_memory import SCREENS, Filler
from reporting import device_name, machine, parser_of, publish, whole_number

from dqn_zoo_ext.experiment.doctor.resources import main_memory
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.replay import FrameRing

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

SIZES = {
    "environments": [1, 2, 4, 8, 16, 32, 64, 128],
    "replay": [10_000, 30_000, 100_000, 300_000, 1_000_000],
    "runs": [1, 2, 4, 8, 16],
}
QUICK = {"environments": [1, 8], "replay": [2_000, 10_000], "runs": [1, 2]}
FILLED = 500  # agent steps of random play before it learns
ENVS = 8  # where their number is not what grows
BYTES_BESIDE_THE_REPLAY = 2_000_000_000
Rows = list[dict[str, Any]]
T = TypeVar("T")


def rate(model: DeepQ, agent_steps: int) -> float:
    """Agent steps per second over so many, until the device has finished."""
    before, began = model.num_timesteps, time.perf_counter()
    model.learn(agent_steps, log_interval=None, reset_num_timesteps=False)
    finish(model.device)
    return (model.num_timesteps - before) / (time.perf_counter() - began)


def learning(arguments: Namespace, **overrides: Any) -> DeepQ:
    """DQN that has begun to learn."""
    model = built("dqn", arguments.device, FILLED, learning_starts=FILLED, **overrides)
    rate(model, 2 * max(model.n_envs, 32))
    return model


def in_turn(measures: Mapping[int, Callable[[], float]], rounds: int) -> dict[int, float]:
    """The median of each over the rounds."""
    found: dict[int, list[float]] = {size: [] for size in measures}
    for number in range(rounds):
        for size in list(measures) if number % 2 == 0 else list(measures)[::-1]:
            found[size].append(measures[size]())
    return {size: round(statistics.median(rates), 1) for size, rates in found.items()}


def environments(sizes: list[int], arguments: Namespace) -> Rows:
    """Of each number of environments."""
    steps = {n: n * max(1, round(arguments.agent_steps / n)) for n in sizes}
    models = {n: learning(arguments, n_envs=n, buffer_size=10_000) for n in sizes}
    windows = {n: partial(rate, models[n], steps[n]) for n in sizes}
    learned = in_turn(windows, arguments.rounds)
    for model in models.values():
        model.gradient_steps = 0
    played = in_turn(windows, arguments.rounds)
    return [
        {"environments": n, "playing_agent_steps_per_second": played[n], "learning_agent_steps_per_second": learned[n]}
        for n in sizes
    ]


def replay(sizes: list[int], arguments: Namespace) -> Rows:
    """Of each replay that fits into what memory is free beside those before it."""
    models: dict[int, DeepQ] = {}
    left_out: Rows = []
    for size in sizes:
        memory, needed = main_memory(), FrameRing.bytes_needed(size, SCREENS, ENVS)
        if memory is not None and memory.free < needed + BYTES_BESIDE_THE_REPLAY:
            left_out.append({"transitions": size, "left_out": f"{memory.free / 1e9:.1f} GB of memory are free"})
            continue
        models[size] = learning(arguments, n_envs=ENVS, buffer_size=size)
        ring = models[size].replay_buffer
        assert isinstance(ring, FrameRing)
        Filler(ring).add(ring.rows)
    windows = {size: partial(rate, model, arguments.agent_steps) for size, model in models.items()}
    found = in_turn(windows, arguments.rounds)
    return [{"transitions": size, "learning_agent_steps_per_second": found[size]} for size in models] + left_out


def one_run(arguments: Namespace, together: Barrier, answers: "Queue[list[float]]") -> None:
    """A run of several: its rates, in windows that all begin at the same time."""
    try:
        torch.set_num_threads(1)
        model = learning(arguments, n_envs=ENVS, buffer_size=10_000)
        rates = []
        for _ in range(arguments.rounds):
            together.wait()
            rates.append(rate(model, arguments.agent_steps))
        answers.put(rates)
    except BaseException:
        together.abort()  # or the others would wait for ever
        raise


def answers_of(processes: Sequence[BaseProcess], answers: "Queue[T]") -> "list[T]":
    """One answer of each process, taken before its end is waited for: until then a large one keeps it from ending.

    RuntimeError if a process fails; the others are ended.
    """
    found = []
    while len(found) < len(processes):
        try:
            found.append(answers.get(timeout=0.5))
        except Empty:
            if any(process.exitcode not in (None, 0) for process in processes):
                break
    if len(found) < len(processes):
        for process in processes:
            process.terminate()
    for process in processes:
        process.join()
    if any(process.exitcode != 0 for process in processes):
        raise RuntimeError("a run failed; its error stands above")
    return found


def runs(sizes: list[int], arguments: Namespace) -> Rows:
    """Of each number of runs."""
    spawn = multiprocessing.get_context("spawn")
    rows = []
    for number in sizes:
        together, answers = spawn.Barrier(number), spawn.Queue()
        processes = [spawn.Process(target=one_run, args=(arguments, together, answers)) for _ in range(number)]
        for process in processes:
            process.start()
        rates = answers_of(processes, answers)
        together_in_round = [sum(found) for found in zip(*rates, strict=True)]
        rows.append({"runs": number, "learning_agent_steps_per_second": round(statistics.median(together_in_round), 1)})
    return rows


Part = Callable[[list[int], Namespace], Rows]
PARTS: dict[str, Part] = {
    "environments": environments,
    "replay": replay,
    "runs": runs,
}


def options() -> Namespace:
    """Of the command line."""
    parser = parser_of("scaling", __doc__)
    parser.add_argument("--quick", action="store_true", help="two small sizes of each")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--agent-steps", type=whole_number(ENVS), default=600, help="of a window")
    parser.add_argument("--rounds", type=whole_number(1), default=3)
    parser.add_argument("--device", type=device_name, default="cpu")
    return parser.parse_args()


def main() -> None:
    """Measure, and write the result."""
    arguments = options()
    found: dict[str, Rows] = {}
    for part in arguments.parts:
        sizes = (QUICK if arguments.quick else SIZES)[part]
        if part == "runs":
            sizes = [number for number in sizes if number <= machine()["cores"]]
        found[part] = PARTS[part](sizes, arguments)
        for row in found[part]:
            print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in row.items()), flush=True)
    result = {"quick": arguments.quick, "agent_steps": arguments.agent_steps, "rounds": arguments.rounds, **found}
    publish("scaling", result, arguments.output, arguments.device)


if __name__ == "__main__":
    main()
