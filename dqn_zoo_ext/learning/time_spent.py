"""Where the time of a training goes."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

import torch
from torch.profiler import record_function

Activity = Literal["acting", "learning", "emulating", "storing", "callbacks", "evaluating"]


class TimeSpent:
    """Seconds of wall-clock time that the training's own thread has spent on each activity.

    - acting: choosing actions, and telling the environments of them.
    - learning: updates, with their draws from the replay.
    - emulating: waiting for the environments. Those that work in the background do so during the learning too.
    - storing: putting what was seen into the replay, and copying it to where that lies.
    - evaluating: games played to measure what has been learned so far.
    - callbacks: all else that a run does besides: checkpoints, logs, the progress bar.

    A GPU works in the background as well: the time in which the program waits for it is spent on acting, where the
    actions come back. In a trace of PyTorch's profiler the activities stand under these names.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(get_args(Activity), 0.0)
        self._when_last_read = dict(self.seconds)
        self._inside = 0.0  # seconds of blocks within the present one, which count for themselves alone

    @contextlib.contextmanager
    def on(self, activity: Activity) -> Iterator[None]:
        """The block's time is spent on this, but for that of blocks inside it."""
        began, inside_before, self._inside = time.perf_counter(), self._inside, 0.0
        try:
            with _recorded(activity):
                yield
        finally:
            seconds = time.perf_counter() - began
            self.seconds[activity] += seconds - self._inside
            self._inside = inside_before + seconds

    def add(self, before: Mapping[str, float]) -> None:
        """Count on from what an earlier process has spent."""
        for activity in self.seconds:
            self.seconds[activity] += before.get(activity, 0.0)
        self._when_last_read = dict(self.seconds)

    def read_shares(self) -> dict[str, float]:
        """Each activity's share, from 0 to 1, of the time since the last reading."""
        spent = {activity: now - self._when_last_read[activity] for activity, now in self.seconds.items()}
        self._when_last_read = dict(self.seconds)
        total = sum(spent.values())
        return {activity: seconds / total for activity, seconds in spent.items()} if total > 0 else {}


def _recorded(activity: Activity) -> contextlib.AbstractContextManager[Any]:
    """In a trace, if one is being made: else it would take ten microseconds each time."""
    return record_function(activity) if torch._C._autograd._profiler_enabled() else contextlib.nullcontext()
