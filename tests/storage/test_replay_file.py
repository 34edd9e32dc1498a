"""The replay ring through a file: the same draws afterwards; damaged or foreign files are refused."""

import resource
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces
from safetensors.torch import save_file

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.learning.replay.prioritized_ring import PrioritizedRing
from dqn_zoo_ext.storage.replay_file import read_replay, write_replay


def ring(capacity: int = 12, rows: int = 0, n_envs: int = 2) -> FrameRing:
    made = FrameRing(capacity, spaces.Box(-1, 1, (3,)), spaces.Discrete(2), "cpu", n_envs, n_steps=2)
    rng = np.random.default_rng(0)
    for row in range(rows):
        obs = rng.random((n_envs, 3)).astype(np.float32)
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


@pytest.mark.parametrize("law", ["proportional", "rank"])
def test_priorities_go_through_the_file(tmp_path: Path, law: str) -> None:
    space = spaces.Box(-1, 1, (1,))
    original, restored = (PrioritizedRing(12, space, spaces.Discrete(2), "cpu", law=law) for _ in range(2))
    obs, zero = np.zeros((1, 1), dtype=np.float32), np.zeros(1)
    for _ in range(17):
        original.add(obs, obs, zero, zero, np.array([False]), [{}])
    original.learned_from(original.sample_batch(8).cells, torch.arange(8.0))
    write_replay(original, tmp_path / "ring.safetensors")
    read_replay(restored, tmp_path / "ring.safetensors")
    for one, other in zip(original.sample_batch(40), restored.sample_batch(40), strict=True):
        assert torch.equal(one, other)


def test_a_ring_without_priorities_is_refused_where_they_are_needed(tmp_path: Path) -> None:
    write_replay(ring(rows=6), tmp_path / "ring.safetensors")
    prioritized = PrioritizedRing(12, spaces.Box(-1, 1, (3,)), spaces.Discrete(2), "cpu", 2, n_steps=2)
    with pytest.raises(UserError, match="does not fit this run: 'largest_priority'"):
        read_replay(prioritized, tmp_path / "ring.safetensors")


def test_another_size_is_refused_and_the_ring_stays_as_it_was(tmp_path: Path) -> None:
    write_replay(ring(rows=11), tmp_path / "ring.safetensors")
    larger = ring(capacity=20, rows=5)
    with pytest.raises(UserError, match="rows, environments and stack are"):
        read_replay(larger, tmp_path / "ring.safetensors")
    assert larger.rows_added == 5


def test_another_number_of_environments_is_refused(tmp_path: Path) -> None:
    write_replay(ring(rows=6), tmp_path / "ring.safetensors")  # 12 cells, as many as 4 environments would have
    with pytest.raises(UserError, match=r"are \[6, 2, 1\] there and \[6, 4, 1\] here"):
        read_replay(ring(capacity=24, n_envs=4), tmp_path / "ring.safetensors")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rows_added", torch.tensor(-5)),
        ("rows_added", torch.tensor(3)),
        ("cut_cells", torch.tensor([3.0])),
        ("cut_cells", torch.tensor([9, 4])),
        ("cut_cells", torch.tensor([500])),
        ("next_age", torch.zeros(7, dtype=torch.uint8)),
        ("next_age", torch.tensor([200, 0], dtype=torch.uint8)),
        ("generator", torch.zeros(3, dtype=torch.uint8)),
        ("frames", torch.zeros(3, 3)),
    ],
)
def test_a_state_that_contradicts_itself_is_refused_whole(tmp_path: Path, name: str, value: torch.Tensor) -> None:
    save_file({**ring(rows=4).state(), name: value}, tmp_path / "ring.safetensors")
    mine = ring(rows=2)
    before = {key: tensor.clone() for key, tensor in mine.state().items()}
    with pytest.raises(UserError, match="does not fit this run"):
        read_replay(mine, tmp_path / "ring.safetensors")
    assert all(torch.equal(tensor, before[key]) for key, tensor in mine.state().items())


def test_only_what_was_written_is_kept(tmp_path: Path) -> None:
    write_replay(ring(capacity=2000, rows=3), tmp_path / "ring.safetensors")
    assert (tmp_path / "ring.safetensors").stat().st_size < 10_000


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(UserError, match="cannot write"):
            write_replay(ring(rows=11), tmp_path / "ring.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, keep: float) -> None:
    file = tmp_path / "ring.safetensors"
    write_replay(ring(rows=11), file)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(UserError, match=r"ring\.safetensors"):
        read_replay(ring(), file)
