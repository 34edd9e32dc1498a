"""Replay buffers as rows: taken out, put into a fresh buffer, they draw the same batches, whatever class it is."""

from itertools import pairwise
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import DictReplayBuffer, NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv

from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.learning.replay.prioritized_ring import PrioritizedRing
from dqn_zoo_ext.learning.replay.repeating import RepeatingBuffer
from dqn_zoo_ext.learning.saved.stored_rows import Pieces, StoredRows, rows_of


class Numbers(gym.Env[Any, np.int64]):
    """Random numbers; every seventh episode ends by a time limit. as_dict: shown under two keys, of unlike types."""

    action_space = spaces.Discrete(3)

    def __init__(self, as_dict: bool) -> None:
        box = spaces.Box(-1, 1, (3,))
        bytes_ = spaces.Box(0, 255, (5,), np.uint8)
        self.observation_space = spaces.Dict({"numbers": box, "bytes": bytes_}) if as_dict else box

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return self._observation(), {}

    def step(self, action: np.int64) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        terminated, truncated = bool(self.np_random.random() < 0.15), bool(self.np_random.random() < 0.1)
        return self._observation(), float(self.np_random.random()) + int(action), terminated, truncated, {}

    def _observation(self) -> Any:
        numbers = self.np_random.random(3, dtype=np.float32)
        if isinstance(self.observation_space, spaces.Dict):
            return {"numbers": numbers, "bytes": self.np_random.integers(256, size=5, dtype=np.uint8)}
        return numbers


def dqn(as_dict: bool = False, n_envs: int = 2, seed: int = 1, **changes: Any) -> DQN:
    arguments: dict[str, Any] = {"learning_starts": 1_000_000, "buffer_size": 60, "seed": seed, **changes}
    policy = "MultiInputPolicy" if as_dict else "MlpPolicy"
    kwargs = {} if as_dict else {"net_arch": [4]}
    venv = DummyVecEnv([lambda: Numbers(as_dict) for _ in range(n_envs)])
    return DQN(policy, venv, policy_kwargs=kwargs, **arguments)


CASES: dict[str, tuple[type, dict[str, Any]]] = {
    "plain": (ReplayBuffer, {}),
    "one environment": (ReplayBuffer, {"n_envs": 1}),
    "n-step": (NStepReplayBuffer, {"n_steps": 3}),
    "dict": (DictReplayBuffer, {"as_dict": True}),
    "ring": (FrameRing, {"replay_buffer_class": "frame_ring"}),
    "ring, n-step": (FrameRing, {"replay_buffer_class": "frame_ring", "n_steps": 3}),
    "priorities": (PrioritizedRing, {"replay_buffer_class": "prioritized_ring", "n_steps": 3}),
    "ring, copies of ends": (
        FrameRing,
        {"replay_buffer_class": "frame_ring", "replay_buffer_kwargs": {"end_copies": 4}},
    ),
    "ranks": (PrioritizedRing, {"replay_buffer_class": "prioritized_ring", "replay_buffer_kwargs": {"law": "rank"}}),
}


def filled(case: str, rows: int, seed: int = 1) -> tuple[DQN, StoredRows]:
    """A model that has stored so many rows of play, and its replay."""
    kind, changes = CASES[case]
    model = dqn(seed=seed, **changes)
    assert type(model.replay_buffer) is kind
    if rows > 0:
        model.learn(rows * model.n_envs)
    stored = rows_of(model)
    assert stored is not None
    assert stored.rows_added == rows
    return model, stored


def joined(pieces: Pieces) -> dict[str, torch.Tensor]:
    """As they come back from a file: of their own memory."""
    return {name: torch.cat(parts) for name, parts in pieces.items()}


def move(source: StoredRows, target: StoredRows, parts: int) -> None:
    """All rows there are, in so many files, then the rest."""
    first, last = max(0, source.rows_added - source.rows), source.rows_added
    edges = np.linspace(first, last, parts + 1).astype(int)
    for begin, end in pairwise(edges):
        target.load_rows(int(begin), joined(source.pieces(int(begin), int(end))))
    target.load_rest(source.rest())


def draw(model: DeepQ, seed: int) -> Batch:
    np.random.seed(seed)  # noqa: NPY002  # what Stable-Baselines3's buffers draw from
    return model._draw(100)


def assert_equal(one: Batch, other: Batch) -> None:
    for name, here, there in zip(one._fields, one, other, strict=True):
        if isinstance(here, dict):
            assert here.keys() == there.keys()
            assert all(torch.equal(here[key], there[key]) for key in here), name
        else:
            assert torch.equal(here, there), name


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rows", [10, 30, 31, 75])  # 30 fill all but the buffer of one environment
@pytest.mark.parametrize("parts", [1, 3])
def test_a_fresh_buffer_draws_the_same_batches(case: str, rows: int, parts: int) -> None:
    model, stored = filled(case, rows)
    other, fresh = filled(case, 0, seed=5)
    move(stored, fresh, parts)
    assert fresh.rows_added == rows
    for seed in range(5):
        assert_equal(draw(model, seed), draw(other, seed))
    model.learn(7 * model.n_envs, reset_num_timesteps=False)
    # the same new rows go into both, through the model, as they do in a run
    before = rows_of(model)
    assert before is not None
    fresh.load_rows(rows, joined(before.pieces(rows, rows + 7)))
    fresh.load_rest(before.rest())
    for seed in range(5):
        assert_equal(draw(model, seed), draw(other, seed))


@pytest.mark.parametrize("agent_steps", [6, 14, 40])
@pytest.mark.parametrize(("n_envs", "keywords"), [(1, {"copies": 2, "end_copies": 5}), (2, {"copies": 2})])
def test_copies_are_rows_like_any_other(agent_steps: int, n_envs: int, keywords: dict[str, int]) -> None:
    """With several rows for a vector step, which the buffer counts and the model does not."""
    changes: dict[str, Any] = {"n_envs": n_envs, "replay_buffer_class": "repeating", "replay_buffer_kwargs": keywords}
    model, other = dqn(**changes), dqn(seed=5, **changes)
    model.learn(agent_steps)
    stored, fresh = rows_of(model), rows_of(other)
    assert stored is not None
    assert fresh is not None
    assert isinstance(model.replay_buffer, RepeatingBuffer)
    assert stored.rows_added == model.replay_buffer.rows_added > model.rows_stored == agent_steps // n_envs
    assert stored.rows_at_once == max(keywords.values())
    move(stored, fresh, 3)
    assert fresh.rows_added == stored.rows_added
    assert other.rows_stored == 0  # for the model's own state to say
    for seed in range(5):
        assert_equal(draw(model, seed), draw(other, seed))
    begin = stored.rows_added
    model.learn(4 * n_envs, reset_num_timesteps=False)
    fresh.load_rows(begin, joined(stored.pieces(begin, stored.rows_added)))
    fresh.load_rest(stored.rest())
    for seed in range(5):
        assert_equal(draw(model, seed), draw(other, seed))


@pytest.mark.parametrize("case", CASES)
def test_pieces_share_the_buffers_memory(case: str) -> None:
    """A checkpoint of seven gigabytes must not take seven more."""
    _, stored = filled(case, 20)
    one, other = stored.pieces(3, 9), stored.pieces(3, 9)
    small = {"timeouts"} if case == "n-step" else set()
    for name in one.keys() - small:
        assert [part.data_ptr() for part in one[name]] == [part.data_ptr() for part in other[name]], name


@pytest.mark.parametrize("case", CASES)
def test_pieces_are_the_rows_asked_for_across_the_wrap_too(case: str) -> None:
    _, stored = filled(case, 75)
    whole = joined(stored.pieces(75 - stored.rows, 75))
    cells = len(next(iter(whole.values()))) // stored.rows
    for first, last in ((75 - stored.rows, 61), (59, 61), (60, 61), (58, 75), (74, 75)):
        part = joined(stored.pieces(first, last))
        begin, end = ((row - 75 + stored.rows) * cells for row in (first, last))
        assert part.keys() == whole.keys()
        assert all(torch.equal(part[name], whole[name][begin:end]) for name in whole), (first, last)


def test_a_draw_in_another_thread_does_not_show_in_the_rows() -> None:
    """NStepReplayBuffer marks its newest row as timed out while it draws."""
    _, stored = filled("n-step", 20)
    buffer = stored._buffer  # type: ignore[attr-defined]
    seen: list[dict[str, torch.Tensor]] = []
    normalise = buffer._normalize_reward
    before = joined(stored.pieces(0, 20))
    assert not before["dones"][-1].all()  # else there would be nothing to mark

    def look_amid_the_draw(*arguments: Any) -> Any:
        seen.append(joined(stored.pieces(0, 20)))
        assert buffer.timeouts[19].all()
        return normalise(*arguments)

    buffer._normalize_reward = look_amid_the_draw
    buffer.sample(10)
    assert all(torch.equal(seen[0][name], before[name]) for name in before)
    assert before["timeouts"].any()  # true time limits are among them


def test_what_does_not_fit_is_refused() -> None:
    _, stored = filled("plain", 10)
    rows, rest = joined(stored.pieces(0, 10)), stored.rest()
    _, ring = filled("ring", 0)
    _, of_one = filled("one environment", 0)
    _, in_dict = filled("dict", 0)
    for other in (ring, in_dict):
        with pytest.raises((KeyError, ValueError)):
            other.load_rows(0, rows)
    with pytest.raises(ValueError, match=r"'observations' holds float32 \(2, 3\), not float32 \(1, 3\)"):
        of_one.load_rows(0, rows)
    with pytest.raises(ValueError, match="has 30 rows there and 60 here"):
        of_one.load_rest(rest)
    with pytest.raises(ValueError, match="holds float64"):
        filled("plain", 0)[1].load_rows(0, {name: array.double() for name, array in rows.items()})


def test_a_buffer_of_an_unknown_class_has_no_rows() -> None:
    class Mine(ReplayBuffer):
        """May keep anything."""

    assert rows_of(dqn(replay_buffer_class=Mine)) is None
    assert rows_of(dqn(optimize_memory_usage=True, replay_buffer_kwargs={"handle_timeout_termination": False})) is None
