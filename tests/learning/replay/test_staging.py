"""What is sent to a device arrives as it was, all in one piece, and a ring sends nothing in any other way."""

from typing import Any

import numpy as np
import pytest
import stable_baselines3.common.buffers
import torch
from gymnasium import spaces
from hypothesis import given, settings
from ring_twin import empty, feed, histories, play
from torch.utils._python_dispatch import TorchDispatchMode

from dqn_zoo_ext.learning.replay import FrameRing, frame_ring
from dqn_zoo_ext.learning.replay.prioritized_ring import PrioritizedRing
from dqn_zoo_ext.learning.replay.staging import Block, Staging

CPU, META = torch.device("cpu"), torch.device("meta")
TYPES: list[Any] = [np.uint8, np.bool_, np.int32, np.float32, np.int64, np.float64]


def some(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = [tuple(rng.integers(0, 6, rng.integers(1, 4))) for _ in range(7)]
    return [rng.integers(0, 2**31, shape).astype(rng.choice(TYPES)) for shape in shapes]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("bring", [Block(CPU).brought, Staging(CPU).brought], ids=["packed", "plain"])
def test_arrays_arrive_as_they_are(bring: Any, seed: int) -> None:
    arrays = some(seed)
    arrived = bring(*arrays)
    assert len(arrived) == len(arrays)
    for array, tensor in zip(arrays, arrived, strict=True):
        np.testing.assert_array_equal(tensor.numpy(), array, strict=True)


@pytest.mark.parametrize("bring", [Block(CPU).brought, Staging(CPU).brought], ids=["packed", "plain"])
def test_a_part_of_a_stack_arrives_whole(bring: Any) -> None:
    stacks = np.arange(2 * 4 * 3 * 3, dtype=np.uint8).reshape(2, 4, 3, 3)
    (newest,) = bring(stacks[:, -1:])
    np.testing.assert_array_equal(newest.numpy(), stacks[:, -1:])


def test_what_has_arrived_stays_when_a_block_is_written_anew() -> None:
    block = Block(CPU)
    first = block.brought(np.arange(5))
    block.brought(np.arange(5) + 7)
    assert first[0].tolist() == [0, 1, 2, 3, 4]


def test_a_block_waits_for_its_last_copy_before_it_is_written() -> None:
    class Copied:
        told: list[str] = []  # noqa: RUF012

        def synchronize(self) -> None:
            assert block._memory.numpy()[:3].tolist() == [1, 2, 3]  # not yet
            self.told.append("waited")

    block = Block(CPU)
    block.brought(np.array([1, 2, 3], np.uint8))
    block._copied = Copied()  # type: ignore[assignment]
    with pytest.raises(AttributeError, match="record"):  # after the copy
        block.brought(np.array([4, 5, 6], np.uint8))
    assert Copied.told == ["waited"]
    assert block._memory.numpy()[:3].tolist() == [4, 5, 6]


@settings(max_examples=60, deadline=None)
@given(histories())
def test_a_ring_that_is_sent_packed_arrays_is_the_same(history: Any) -> None:
    n_envs, stack, n_steps, capacity, events = history
    plain, twin = play(*history)
    packed = empty(n_envs, stack, n_steps, capacity)
    packed._staging.brought = Block(CPU).brought  # type: ignore[method-assign]
    for _ in feed(packed, twin, events):
        pass
    there, here = plain.state(), packed.state()
    assert there.keys() == here.keys()
    assert all(torch.equal(there[name], here[name]) for name in there if name != "generator")


class NothingIsSent(TorchDispatchMode):
    """Raises where numbers go from main memory to the device or back, or are asked for."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        result = function(*args, **(kwargs or {}))
        devices = {each.device.type for each in (*args, result) if isinstance(each, torch.Tensor)}
        if len(devices) > 1 and any(name in str(function) for name in ("copy", "local_scalar", "nonzero")):
            raise AssertionError(f"{function} on {devices}")
        return result


class OfAnyDevice(torch.Generator):
    """PyTorch has none for a device without numbers."""

    def __new__(cls, *_: Any) -> "OfAnyDevice":
        return super().__new__(cls)


def on_meta(made: type[FrameRing], monkeypatch: pytest.MonkeyPatch, **keywords: Any) -> FrameRing:
    """A ring on a device without numbers; what goes through its staging is there, and nothing else is brought."""
    monkeypatch.setattr(stable_baselines3.common.buffers, "get_device", torch.device)
    monkeypatch.setattr(torch, "Generator", OfAnyDevice)
    monkeypatch.setattr(frame_ring, "_ROWS_CHECKED", 0)
    monkeypatch.setattr(
        Staging,
        "brought",
        lambda _, *arrays: [torch.empty(a.shape, dtype=torch.from_numpy(a).dtype, device=META) for a in arrays],
    )
    space = spaces.Box(0, 255, (4, 3, 3), np.uint8)
    return made(40, space, spaces.Discrete(3), META, n_envs=2, storage="device", n_steps=2, **keywords)


RINGS = [(FrameRing, {}), (PrioritizedRing, {}), (PrioritizedRing, {"law": "rank", "updates_per_sorting": 3})]


@pytest.mark.parametrize(("made", "keywords"), RINGS, ids=["uniform", "proportional", "rank"])
def test_a_ring_brings_nothing_but_what_is_staged(
    made: type[FrameRing], keywords: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = on_meta(made, monkeypatch, **keywords)
    obs, done = np.zeros((2, 4, 3, 3), np.uint8), np.array([True, False])
    with NothingIsSent():
        for row in range(30):
            ring.stacks_of(ring.shown(obs))
            ring.add(obs, obs, np.zeros(2), np.zeros(2), done & (row % 4 == 0), [{"TimeLimit.truncated": row > 9}] * 2)
        for draw in ring.draws(8, 5):
            batch = ring.batch_of(draw)
            ring.learned_from(batch.cells, torch.zeros(8, device=META))
        ring.anneal(1, 2)
    assert batch.obs_t.shape == (8, 4, 3, 3)


def test_one_that_does_is_found() -> None:
    with NothingIsSent(), pytest.raises(AssertionError, match="copy"):
        torch.zeros(3, device=META)[:] = torch.zeros(3)
