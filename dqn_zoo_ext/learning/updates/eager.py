"""Updates operation by operation: those on a CPU, and those that cannot be captured as a graph."""

import contextlib
from collections.abc import Iterator, Sequence
from itertools import islice

from torch import Tensor, nn

from dqn_zoo_ext.learning.policies import QNetwork
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.learning.updates.learner import Learner

ROWS_AT_ONCE = 128
"""Next states at most that the target network looks at in one pass, if a batch is not larger: they take memory."""


def eager_updates(
    learner: Learner, ring: FrameRing, batch_size: int, count: int, target_renewed_after: int | None
) -> Iterator[None]:
    """Make `count` updates, each when it is asked for. ValueError while there is nothing to draw.

    target_renewed_after: the target network changes after every so many updates, as the learner counts them; None: it
    stays as it is.

    On a CPU a pass of the target network over several batches of screens takes less time than a pass over each. So
    batches that are drawn whatever comes of the updates between them are looked at together.
    """
    draws = ring.draws(batch_size, count)
    while together := list(islice(draws, _how_many(learner, ring, batch_size, target_renewed_after))):
        batches = [ring.batch_of(draw) for draw in together]
        with _known_to(learner.target, [batch.obs_t for batch in batches]):
            for draw, batch in zip(together, batches, strict=True):
                loss = learner.update(batch)
                ring.learned_from(draw.cells, loss.priority)
                yield


def _known_to(target: nn.Module, next_states: Sequence[Tensor]) -> contextlib.AbstractContextManager[None]:
    if len(next_states) == 1:
        return contextlib.nullcontext()
    assert isinstance(target, QNetwork)  # or there would be one, see below
    return target.looking_at_all(next_states)


def _how_many(learner: Learner, ring: FrameRing, batch_size: int, target_renewed_after: int | None) -> int:
    """Of the next updates, whose batches are to be drawn together."""
    target = learner.target
    sees_screens = isinstance(target, QNetwork) and target.has_screen_torso
    if not sees_screens or ring.device.type != "cpu" or ring.draws_by_priority:
        return 1
    most = max(1, ROWS_AT_ONCE // batch_size)
    if target_renewed_after is None:
        return most
    return min(most, target_renewed_after - learner.updates_made % target_renewed_after)
