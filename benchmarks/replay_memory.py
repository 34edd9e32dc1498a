"""A frame ring filled with Atari transitions: resident bytes, time of adding and of drawing a batch, as it fills.

Each size is measured in a process of its own. The ring is filled by 8 environments, and filled once more. Given are

- resident bytes for each transition, and bytes resident after each tenth of the filling;
- `from_a_line`: how far these stray from a straight line, as a share of the whole, and the largest jump within a
  hundredth of the filling, in transitions' worth of memory over those added in it (1: memory grows as it should);
- microseconds of an ``add`` (8 transitions), the mean over each tenth of the filling, and over the second filling,
  which takes no memory for the first time: the difference is what the system's pages cost;
- microseconds of drawing a batch, the median.

A million transitions of 84 x 84 must take at most 7.3 GB; the exit code is 1 if they do not. For other screens
(``--screen``) the limit grows with their pixels: 1.035 bytes for each.

Run: python benchmarks/replay_memory.py [--sizes 10000 100000 1000000] [--batch-size 32] [--draws 500]
     [--screen 105 80]
"""

import multiprocessing
import os
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from reporting import parser_of, publish, whole_number

from dqn_zoo_ext.experiment.doctor.resources import main_memory
from dqn_zoo_ext.learning.replay import FrameRing

ENVS, PARTS = 8, 100
LIMIT_PER_PIXEL, LIMIT_FROM = 7_300 / 84**2, 1_000_000  # bytes of a transition, in a ring of so many


def resident() -> int:
    """Bytes of main memory that this process has."""
    statm = Path("/proc/self/statm")
    if statm.is_file():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Filler:
    """Adds rows to a ring, each with a screen of its own, and knows how long that took."""

    def __init__(self, ring: FrameRing) -> None:
        self._ring = ring
        self._stacks = np.zeros((ENVS, *ring.obs_shape), dtype=np.uint8)
        self._row = 0

    def add(self, rows: int) -> float:
        """Seconds of adding so many; making the screens is not among them."""
        nothing, zeros = np.zeros(ENVS, dtype=bool), np.zeros(ENVS, dtype=np.float32)
        infos: list[dict[str, Any]] = [{}] * ENVS
        actions, seconds = np.zeros(ENVS, dtype=np.int64), 0.0
        for _ in range(rows):
            self._stacks[:, :-1] = self._stacks[:, 1:]
            self._stacks[:, -1] = self._row % 255 + 1
            began = time.perf_counter()
            self._ring.add(self._stacks, self._stacks, actions, zeros, nothing, infos)
            seconds += time.perf_counter() - began
            self._row += 1
        return seconds


def screens(height: int, width: int) -> spaces.Box:
    """What the agent sees."""
    return spaces.Box(0, 255, (4, height, width), np.uint8)


SCREENS = screens(84, 84)


def measured(size: int, seen: spaces.Box, batch_size: int, draws: int) -> dict[str, Any]:
    """A row of the table."""
    small = FrameRing(ENVS * PARTS, seen, spaces.Discrete(6), "cpu", ENVS)
    Filler(small).add(PARTS)  # what the first ring of a process makes the libraries take is not the ring's
    seconds_of_a_draw(small, batch_size, 10)
    del small
    before = resident()
    ring = FrameRing(size, seen, spaces.Discrete(6), "cpu", ENVS)
    filler, bounds = Filler(ring), [ring.rows * part // PARTS for part in range(PARTS + 1)]
    rows_of_parts = np.diff(bounds)
    seconds, memory = [], [resident()]
    for rows in rows_of_parts:
        seconds.append(filler.add(int(rows)))
        memory.append(resident())
    taken, cells = np.array(memory) - before, ring.rows * ENVS
    line = taken[0] + (taken[-1] - taken[0]) * np.array(bounds) / ring.rows
    parts = np.maximum(rows_of_parts, 1) * ENVS * (taken[-1] / cells)
    tenths = np.add.reduceat(seconds, range(0, PARTS, 10)) / np.diff(bounds[::10])
    return {
        "transitions": cells,
        "resident_gigabytes": round(int(taken[-1]) / 1e9, 4),
        "bytes_of_a_transition": round(float(taken[-1] / cells), 1),
        "resident_megabytes_at_each_tenth": [round(int(each) / 1e6, 1) for each in taken[::10]],
        "from_a_line": round(float(np.abs(taken - line).max() / taken[-1]), 4),
        "largest_jump": round(float((np.diff(taken) / parts).max()), 2),
        "microseconds_of_an_add_at_each_tenth": [round(1e6 * float(each), 1) for each in tenths],
        "microseconds_of_an_add_when_full": round(1e6 * filler.add(ring.rows) / ring.rows, 1),
        "microseconds_of_a_batch": round(1e6 * seconds_of_a_draw(ring, batch_size, draws), 1),
    }


def seconds_of_a_draw(ring: FrameRing, batch_size: int, draws: int) -> float:
    """The median over so many."""
    times = []
    for _ in range(draws):
        began = time.perf_counter()
        ring.sample_batch(batch_size)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> int:
    """Measure each size, and write the result; whether the largest keeps to the limit."""
    parser = parser_of("replay_memory", __doc__)
    default = [10_000, 100_000, 1_000_000]
    parser.add_argument("--sizes", nargs="+", type=whole_number(10 * PARTS), default=default, help="in transitions")
    parser.add_argument("--batch-size", type=whole_number(1), default=32)
    parser.add_argument("--draws", type=whole_number(1), default=500)
    parser.add_argument(
        "--screen", nargs=2, type=whole_number(1), default=[84, 84], metavar=("HEIGHT", "WIDTH"), help="default: 84 84"
    )
    arguments = parser.parse_args()
    seen = screens(*arguments.screen)
    limit = round(LIMIT_PER_PIXEL * arguments.screen[0] * arguments.screen[1])
    rows, notes = [], []
    for size in arguments.sizes:
        memory, needed = main_memory(), FrameRing.bytes_needed(size, seen, ENVS)
        if memory is not None and memory.free < needed:
            notes.append(f"{size} transitions need {needed / 1e9:.1f} GB, and {memory.free / 1e9:.1f} GB are free")
            print(f"left out: {notes[-1]}", flush=True)
            continue
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            row = pool.apply(measured, (size, seen, arguments.batch_size, arguments.draws))
        rows.append(row)
        print(
            f"{row['transitions']:9} transitions: {row['resident_gigabytes']:.3f} GB, a batch in "
            f"{row['microseconds_of_a_batch']:.0f} us, largest jump {row['largest_jump']}",
            flush=True,
        )
    judged = [row["bytes_of_a_transition"] <= limit for row in rows if row["transitions"] >= LIMIT_FROM]
    kept = all(judged) if judged else None
    found = {
        "batch_size": arguments.batch_size,
        "environments": ENVS,
        "screen": arguments.screen,
        "limit_bytes_of_a_transition": limit,
    }
    publish("replay_memory", {**found, "within_limit": kept, "rows": rows, "left_out": notes}, arguments.output)
    return 1 if kept is False else 0


if __name__ == "__main__":
    sys.exit(main())
