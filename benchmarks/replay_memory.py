"""Fill a frame ring with a million Atari transitions and print what it really takes: one JSON line last.

Run: python benchmarks/replay_memory.py
"""

import json
import resource
import time

import numpy as np
from gymnasium import spaces

from dqn_zoo_ext.learning.replay import FrameRing

TRANSITIONS, ENVS = 1_000_000, 8


def main() -> None:
    """Measure and print."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ring = FrameRing(TRANSITIONS, spaces.Box(0, 255, (4, 84, 84), np.uint8), spaces.Discrete(6), "cpu", ENVS)
    stacks = np.zeros((ENVS, 4, 84, 84), dtype=np.uint8)
    nothing = np.zeros(ENVS, dtype=bool)
    started = time.monotonic()
    for row in range(TRANSITIONS // ENVS):
        stacks = np.roll(stacks, -1, axis=1)
        stacks[:, -1] = row % 255 + 1
        ring.add(stacks, stacks, nothing.astype(np.int64), nothing.astype(np.float32), nothing, [{}] * ENVS)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    seconds = round(time.monotonic() - started, 1)
    print(
        json.dumps(
            {"transitions": ring.rows * ENVS, "resident_gigabytes": round(grown * 1024 / 1e9, 3), "seconds": seconds}
        )
    )


if __name__ == "__main__":
    main()
