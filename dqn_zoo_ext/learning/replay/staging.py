"""What is sent to a GPU: arrays packed into pinned memory, one copy for all of them, and nobody waits for it."""

from itertools import accumulate, cycle

import numpy as np
import torch
from torch import Tensor

_BLOCKS = 8  # a vector step takes at most four, so the copies of the step before were made when a block's turn comes
_ALIGNMENT = 16  # bytes: no number of ours is longer, and the device reads none across it


class Staging:
    """Brings arrays to a device, all of a call together.

    A GPU copies from pinned memory while the program goes on. There are some blocks of it, in turn; one is written
    anew when the GPU has made its copy, and not before. To other devices arrays go one by one.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._blocks = cycle([Block(device) for _ in range(_BLOCKS)]) if device.type == "cuda" else None

    def brought(self, *arrays: np.ndarray) -> list[Tensor]:
        """Tensors of these numbers, on the device; on the CPU they may share the memory of the arrays."""
        if self._blocks is not None:
            return next(self._blocks).brought(*arrays)
        return [torch.from_numpy(np.ascontiguousarray(each)).to(self._device) for each in arrays]


class Block:
    """Memory that arrays are packed into and copied from. It grows to the most that was ever packed into it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pinned = device.type == "cuda"
        self._memory = torch.empty(0, dtype=torch.uint8)
        self._copied = torch.cuda.Event() if self._pinned else None
        """Passed on the device when it has made the last copy."""

    def brought(self, *arrays: np.ndarray) -> list[Tensor]:
        """See ``Staging``. The tensors are parts of one that is theirs alone."""
        sizes = [-(-each.nbytes // _ALIGNMENT) * _ALIGNMENT for each in arrays]
        *begins, total = accumulate(sizes, initial=0)
        if self._copied is not None:
            self._copied.synchronize()
        if total > len(self._memory):
            self._memory = torch.empty(total, dtype=torch.uint8, pin_memory=self._pinned)
        packed = self._memory.numpy()
        for begin, each in zip(begins, arrays, strict=True):
            packed[begin : begin + each.nbytes].view(each.dtype).reshape(each.shape)[...] = each
        there = self._memory[:total].to(self._device, non_blocking=True, copy=True)
        if self._copied is not None:
            self._copied.record(torch.cuda.current_stream(self._device))
        return [
            there[begin : begin + each.nbytes].view(_type_of(each)).view(each.shape)
            for begin, each in zip(begins, arrays, strict=True)
        ]


def _type_of(array: np.ndarray) -> torch.dtype:
    return torch.from_numpy(np.empty(0, array.dtype)).dtype
