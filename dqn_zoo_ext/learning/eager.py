"""Updates operation by operation: those on a CPU, and those that cannot be captured as a graph."""

import contextlib
from collections.abc import Iterator, Sequence
from itertools import islice

from torch import nn

from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.learner import Learner
from dqn_zoo_ext.learning.policies import QNetwork
from dqn_zoo_ext.learning.replay import FrameRing

AT_ONCE = 4
"""Batches whose next states the target network looks at in one pass; more take more memory, and little less time."""


def eager_updates(
    learner: Learner, ring: FrameRing, batch_size: int, count: int, target_renewed_after: int | None
) -> Iterator[None]:
    """Make `count` updates, each when it is asked for. ValueError while there is nothing to draw.

    target_renewed_after: so many updates, counted as the learner counts them, after the last of which the target
    network changes; None: it stays as it is.

    On a CPU a pass of the target network over a batch of screens spends a good part of its time fetching the weights.
    So batches that are drawn whatever comes of the updates between them are looked at together.
    """
    draws = ring.draws(batch_size, count)
    while together := list(islice(draws, _how_many(learner, ring, target_renewed_after))):
        batches = [ring.batch_of(draw) for draw in together]
        with _targets_of(batches, learner.target):
            for draw, batch in zip(together, batches, strict=True):
                loss = learner.update(batch)
                ring.learned_from(draw.cells, loss.priority)
                yield


def _how_many(learner: Learner, ring: FrameRing, target_renewed_after: int | None) -> int:
    target = learner.target
    sees_screens = isinstance(target, QNetwork) and target.sees_screens
    if not sees_screens or ring.device.type != "cpu" or ring.draws_by_priority:
        return 1
    if target_renewed_after is None:
        return AT_ONCE
    return min(AT_ONCE, target_renewed_after - learner.updates_made % target_renewed_after)


def _targets_of(batches: Sequence[Batch], target: nn.Module) -> contextlib.AbstractContextManager[None]:
    if len(batches) == 1 or not isinstance(target, QNetwork):
        return contextlib.nullcontext()
    return target.looking_at_all([batch.obs_t for batch in batches])
