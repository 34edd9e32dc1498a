"""Windows put together in one launch, beside the small operations that do the same."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from dqn_zoo_ext.learning import kernels
from dqn_zoo_ext.learning.replay import FrameRing

N_ENVS = 3
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def played(shape: tuple[int, int, int], n_steps: int, stack_start: str) -> FrameRing:
    """A ring that was filled about three times, with games that end and time limits that cut."""
    chance = np.random.default_rng(0)
    space = spaces.Box(0, 255, shape, np.uint8)
    ring = FrameRing(
        90,
        space,
        spaces.Discrete(4),
        DEVICE,
        N_ENVS,
        n_steps=n_steps,
        gamma=0.99,
        stack_start=stack_start,
    )
    stacks, fresh = np.zeros((N_ENVS, *shape), np.uint8), np.ones(N_ENVS, bool)
    for _ in range(80):
        for env, frame in enumerate(chance.integers(0, 256, (N_ENVS, *shape[1:]), dtype=np.uint8)):
            if fresh[env]:
                stacks[env] = 0 if stack_start == "zeros" else frame
            stacks[env] = np.concatenate([stacks[env][1:], frame[np.newaxis]])
        fresh = chance.random(N_ENVS) < 0.2
        infos = [{"TimeLimit.truncated": bool(chance.random() < 0.5)} for _ in range(N_ENVS)]
        rewards = chance.normal(size=N_ENVS).astype(np.float32)
        ring.add(stacks.copy(), stacks, chance.integers(0, 4, N_ENVS), rewards, fresh, infos)
    return ring


@pytest.mark.parametrize("stack_start", ["zeros", "repeat"])
@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("shape", [(4, 6, 4), (4, 3, 3)], ids=["words", "bytes"])
def test_both_give_the_same_to_the_bit(
    shape: tuple[int, int, int], n_steps: int, stack_start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "run_on", lambda _: False)  # so that ``gather`` is the slow twin on a GPU too
    ring = played(shape, n_steps, stack_start)
    cells = ring.draw(48).cells
    one_by_one, at_once = ring.gather(cells), ring._gathered_at_once(cells)
    assert (one_by_one.discount_t == 0).any()
    for name, expected in one_by_one._asdict().items():
        found = getattr(at_once, name)
        assert found.dtype == expected.dtype, name
        assert torch.equal(found, expected), name
