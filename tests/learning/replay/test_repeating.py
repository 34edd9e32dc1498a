"""The buffer that stores transitions several times, against a list that does."""

import pickle
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from dqn_zoo_ext.learning.replay.repeating import RepeatingBuffer

KINDS = ["on", "on", "end", "on", "cut", "on", "on", "end", "end", "on"]


def buffer(capacity: int = 40, n_envs: int = 1, **keywords: Any) -> RepeatingBuffer:
    return RepeatingBuffer(capacity, spaces.Box(-9, 99, (2,)), spaces.Discrete(3), "cpu", n_envs, **keywords)


def fill(into: RepeatingBuffer, rows: int) -> list[tuple[float, float, bool]]:
    """Numbered transitions; returns (observation, reward, whether nothing follows) of each, stored as often as said."""
    twin = []
    for row in range(rows):
        kind = KINDS[row % len(KINDS)]
        obs = np.full((into.n_envs, 2), row, dtype=np.float32)
        done = np.full(into.n_envs, kind != "on")
        infos = [{"TimeLimit.truncated": kind == "cut"} for _ in range(into.n_envs)]
        into.add(obs, obs + 0.5, np.full(into.n_envs, row % 3), np.full(into.n_envs, row / 2), done, infos)
        twin += [(float(row), row / 2, kind == "end")] * (into.end_copies if kind == "end" else into.copies)
    return twin


@pytest.mark.parametrize(("copies", "end_copies"), [(1, 1), (2, None), (2, 5), (3, 1)])
@pytest.mark.parametrize("rows", [7, 60])
def test_it_holds_what_a_list_of_copies_holds(copies: int, end_copies: int | None, rows: int) -> None:
    kept = buffer(copies=copies, end_copies=end_copies)
    twin = fill(kept, rows)
    assert kept.rows_added == len(twin)
    newest = list(enumerate(twin))[-kept.buffer_size :]
    assert kept.size() == len(newest)
    for number, (obs, reward, ended) in newest:
        place = number % kept.buffer_size
        assert kept.observations[place, 0].tolist() == [obs, obs]
        assert kept.next_observations[place, 0].tolist() == [obs + 0.5, obs + 0.5]
        assert kept.rewards[place, 0] == reward
        assert bool(kept.dones[place, 0] * (1 - kept.timeouts[place, 0])) == ended


def test_the_law_of_draws() -> None:
    kept = buffer(capacity=1_000, copies=2, end_copies=6)
    twin = fill(kept, 50)
    np.random.seed(0)  # noqa: NPY002  # what Stable-Baselines3's buffers draw from
    drawn = kept.sample(100_000)
    counts = np.bincount(drawn.observations[:, 0].numpy().astype(int), minlength=50)
    expected = np.bincount([int(obs) for obs, _, _ in twin], minlength=50) * 100_000 / len(twin)
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    assert abs(chi_square - 49) < 5 * np.sqrt(2 * 49)
    assert sorted(np.unique(drawn.dones[:, 0].numpy())) == [0, 1]


def test_whole_rows_may_be_repeated_and_single_environments_not() -> None:
    kept = buffer(n_envs=3, copies=2)
    fill(kept, 5)
    assert (kept.rows_added, kept.size()) == (10, 10)
    buffer(n_envs=3, copies=2, end_copies=2)
    with pytest.raises(ValueError, match="end_copies 4 beside copies 2 needs n_envs: 1, not 3; frame_ring's"):
        buffer(n_envs=3, copies=2, end_copies=4)


def test_dictionaries_are_refused() -> None:
    space = spaces.Dict({"x": spaces.Box(0, 1, (2,))})
    with pytest.raises(ValueError, match="'repeating' does not keep dictionaries"):
        RepeatingBuffer(10, space, spaces.Discrete(2), "cpu", 1, copies=2)


def test_it_can_be_saved_as_stable_baselines3_saves_buffers() -> None:
    kept = buffer(copies=2, end_copies=5)
    fill(kept, 9)
    there = pickle.loads(pickle.dumps(kept))
    fill(kept, 9)
    fill(there, 9)
    assert np.array_equal(kept.observations, there.observations)
    assert there.rows_added == kept.rows_added
