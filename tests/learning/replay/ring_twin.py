"""A slow, obvious twin of the frame ring: a list that keeps every observation whole. And what to feed both with."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from gymnasium import spaces
from hypothesis import strategies as st

from dqn_zoo_ext.envs.screens.stacking import Stacking
from dqn_zoo_ext.learning.replay import FrameRing

Event = list[str]
"""A row: "go" or "reset" before it, then "on", "end" or "cut" for each environment."""

PLAIN = Stacking()
GAMMA = 0.5  # a power of two: sums of discounted rewards are exact


@dataclass
class Twin:
    """Every row as it was handed over, nothing shared, nothing overwritten."""

    n_envs: int
    n_steps: int
    observations: list[np.ndarray] = field(default_factory=list)
    actions: list[np.ndarray] = field(default_factory=list)
    rewards: list[np.ndarray] = field(default_factory=list)
    ends: list[np.ndarray] = field(default_factory=list)
    cuts: list[np.ndarray] = field(default_factory=list)

    def drawable(self, oldest_row: int, stack: int) -> list[tuple[int, int]]:
        first = oldest_row + (stack - 1 if oldest_row > 0 else 0)
        rows = range(first, len(self.observations) - self.n_steps)
        return [(row, env) for row in rows for env in range(self.n_envs) if not self.cuts[row][env]]

    def window(self, row: int, env: int) -> tuple[np.ndarray, int, float, float, np.ndarray]:
        """Observation, action, n-step reward, discount, next observation, by the definition."""
        reward, discount, here = 0.0, 1.0, row
        for step in range(self.n_steps):
            here = row + step
            if step > 0 and self.cuts[here][env]:
                break
            reward += discount * self.rewards[here][env]
            discount *= GAMMA
            here += 1
            if self.ends[here - 1][env]:
                discount = 0.0
                break
        return self.observations[row][env], self.actions[row][env], reward, discount, self.observations[here][env]


class Screens:
    """Environments of numbered 2 x 2 frames, stacked as `stacking` says; by default as ``VecFrameStack`` does."""

    def __init__(self, n_envs: int, stack: int, stacking: Stacking = PLAIN) -> None:
        self.frames: list[list[np.ndarray]] = [[] for _ in range(n_envs)]
        self.stack, self.stacking = stack, stacking
        self.count = 0
        self.show(np.ones(n_envs, dtype=bool))

    def show(self, begins: np.ndarray) -> None:
        for env, frames in enumerate(self.frames):
            if begins[env]:
                frames.clear()
            self.count += 1
            planes = [[[self.count % 256, self.count // 256], [env + 1, 7 + p]] for p in range(self.stacking.planes)]
            frames.append(np.array(planes, dtype=np.uint8))

    @property
    def stacks(self) -> np.ndarray:
        return np.stack([self._stack(frames[-self.stack :]) for frames in self.frames])

    def _stack(self, frames: list[np.ndarray]) -> np.ndarray:
        before = frames[0] if self.stacking.stack_start == "repeat" else np.zeros_like(frames[0])
        return np.concatenate([*[before] * (self.stack - len(frames)), *frames])


def empty(n_envs: int, stack: int, n_steps: int, capacity: int, stacking: Stacking = PLAIN) -> FrameRing:
    space = spaces.Box(0, 255, (stack * stacking.planes, 2, 2), np.uint8)
    return FrameRing(
        capacity, space, spaces.Discrete(9), "cpu", n_envs, n_steps=n_steps, gamma=GAMMA, **stacking._asdict()
    )


def play(
    n_envs: int, stack: int, n_steps: int, capacity: int, events: list[Event], stacking: Stacking = PLAIN
) -> tuple[FrameRing, Twin]:
    """A ring and its twin that were fed with the same rows."""
    ring, twin = empty(n_envs, stack, n_steps, capacity, stacking), Twin(n_envs, n_steps)
    for _ in feed(ring, twin, events):
        pass
    return ring, twin


def feed(ring: FrameRing, twin: Twin, events: list[Event]) -> Iterator[int]:
    """Feed both with the same rows, each of which is yielded. An event is a row, see ``Event``."""
    n_envs, screens = ring.n_envs, Screens(ring.n_envs, ring.stack, Stacking(ring.planes, ring.stack_start))
    for row, event in enumerate(events):
        if event[0] == "reset" and row > 0:
            ring.cut()
            twin.cuts[-1] = twin.cuts[-1] | ~twin.ends[-1]
            screens.show(np.ones(n_envs, dtype=bool))
        ends, cuts = (np.array([e == kind for e in event[1:]]) for kind in ("end", "cut"))
        action, reward = np.arange(n_envs) + row % 5, np.arange(n_envs) * 8.0 + row
        observation = screens.stacks
        screens.show(ends | cuts)
        infos = [{"TimeLimit.truncated": bool(cut)} for cut in cuts]
        ring.add(observation, screens.stacks, action, reward, ends | cuts, infos)
        twin.observations.append(observation)
        for kept, value in ((twin.actions, action), (twin.rewards, reward), (twin.ends, ends), (twin.cuts, cuts)):
            kept.append(value)
        yield row


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, int, int, int, list[Event]]:
    n_envs, stack, n_steps = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    event = st.sampled_from(["on", "on", "on", "end", "cut"])
    row = st.tuples(st.sampled_from(["go", "go", "go", "reset"]), *[event] * n_envs).map(list)
    return n_envs, stack, n_steps, draw(st.integers(1, 40)), draw(st.lists(row, min_size=1, max_size=40))
