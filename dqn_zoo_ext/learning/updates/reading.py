"""Numbers of a device that somebody will read, but not yet."""

import torch
from torch import Tensor


class Reading:
    """Numbers on their way to main memory. A GPU brings them when it comes to it, and the program goes on meanwhile.

    numbers: a tensor, which may change or go once this is made, unless `at_once`.
    """

    def __init__(self, numbers: Tensor) -> None:
        self.at_once = numbers.device.type != "cuda"
        """Whether reading them now takes no longer than reading them later."""
        self._here, self._brought = numbers, None
        if not self.at_once:
            self._here = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=True)
            self._here.copy_(numbers, non_blocking=True)
            self._brought = torch.cuda.Event()
            self._brought.record(torch.cuda.current_stream(numbers.device))

    def tolist(self) -> list[list[float]]:
        """The numbers; waits for those that are not here yet."""
        if self._brought is not None:
            self._brought.synchronize()
        numbers: list[list[float]] = self._here.tolist()
        return numbers
