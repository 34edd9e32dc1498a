"""Greedy actions from a replay's own frames: only the newest ones are sent to the device.

On a GPU that is one graph. Operation by operation it is fifty launches, which took 3 ms of a vector step in a profiled
training, and no emulator works meanwhile.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from dqn_zoo_ext.learning.hardware.graphs import AsGraph, Capture
from dqn_zoo_ext.learning.replay import FrameRing, Shown


class GreedyActions:
    """A policy's actions for what the environments of a ring show. Noise and fractions are drawn as for exploring.

    capture: makes the graph; None: operation by operation. A graph reads the memory that the policy's weights and the
    ring have when it is made: new numbers are to be copied into it, as optimizers and ``load_state_dict`` do.
    """

    def __init__(self, policy: Any, ring: FrameRing, capture: Capture | None) -> None:
        self._made_for = (policy, ring, capture)
        self._policy = policy
        self._ring = ring
        self._shown: Shown | None = None
        """Where what is shown is written; made as the first is."""
        self._chosen = None if capture is None else AsGraph(self._work, ring.device, capture, "actions")

    def fits(self, policy: Any, ring: FrameRing, capture: Capture | None) -> bool:
        """Whether it is made for these very objects."""
        return all(mine is given for mine, given in zip(self._made_for, (policy, ring, capture), strict=True))

    def of(self, obs: np.ndarray) -> np.ndarray:
        """(n_envs,) actions. obs: what the environments show, (n_envs, *observation shape)."""
        shown = self._ring.shown(obs)
        with torch.no_grad():
            chosen = self._best(shown) if self._chosen is None else self._written(shown, self._chosen)
        return chosen.cpu().numpy()

    def _written(self, shown: Shown, chosen: AsGraph[Tensor]) -> Tensor:
        if self._shown is None:
            self._shown = Shown(*[each.clone() for each in shown])
        else:
            for static, new in zip(self._shown, shown, strict=True):
                static.copy_(new, non_blocking=True)
        return chosen()

    def _work(self) -> Tensor:
        assert self._shown is not None  # set before
        return self._best(self._shown)

    def _best(self, shown: Shown) -> Tensor:
        best: Tensor = self._policy._predict(self._ring.stacks_of(shown), deterministic=False)
        return best
