"""The replay ring through a file: the same draws afterwards; damaged or foreign files are refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.storage.replay_file import read_replay, write_replay


def ring(capacity: int = 12, rows: int = 0, n_envs: int = 2) -> FrameRing:
    made = FrameRing(capacity, spaces.Box(-1, 1, (3,)), spaces.Discrete(2), "cpu", n_envs, n_steps=2)
    rng = np.random.default_rng(0)
    for row in range(rows):
        obs = rng.random((2, 3)).astype(np.float32)
        truncated = row % 4 == 3
        infos = [{"TimeLimit.truncated": truncated}, {}]
        made.add(obs, obs, rng.integers(2, size=2), rng.random(2), np.array([truncated, row % 3 == 0]), infos)
    return made


def test_it_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    original, restored = ring(rows=11), ring()
    write_replay(original, tmp_path / "ring.safetensors")
    read_replay(restored, tmp_path / "ring.safetensors")
    for one, other in zip(original.sample_batch(40), restored.sample_batch(40), strict=True):
        assert torch.equal(one, other)
    more = np.ones((2, 3), dtype=np.float32)
    for each in (original, restored):
        each.add(more, more, np.zeros(2), np.zeros(2), np.array([False, True]), [{}, {}])
    for one, other in zip(original.sample_batch(40), restored.sample_batch(40), strict=True):
        assert torch.equal(one, other)


def test_another_size_is_refused_and_the_ring_stays_as_it_was(tmp_path: Path) -> None:
    write_replay(ring(rows=11), tmp_path / "ring.safetensors")
    larger = ring(capacity=20, rows=5)
    with pytest.raises(UserError, match="does not fit this run: 'frames' has shape"):
        read_replay(larger, tmp_path / "ring.safetensors")
    assert larger.rows_added == 5


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, keep: float) -> None:
    file = tmp_path / "ring.safetensors"
    write_replay(ring(rows=11), file)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(UserError, match=r"ring\.safetensors"):
        read_replay(ring(), file)
