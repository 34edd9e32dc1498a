"""SIGTERM and Ctrl-C: the first asks the run to stop in order, the second ends the process at once."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_ASK = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Whether the run has been asked to stop, and by which signal."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def asked(self) -> bool:
        """Whether a signal has come."""
        return self.signal is not None


@contextlib.contextmanager
def stop_requests(say: Callable[[str], None]) -> Iterator[StopRequest]:
    """Catch both signals within the block. A second one ends the process at once, with 128 + its number.

    Outside the main thread Python delivers no signals, and nothing is caught.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, _: FrameType | None) -> None:
        if request.signal is not None:
            os._exit(128 + number)  # nothing is tidied up: whatever lies on the disk is whole or recognised as not
        request.signal = signal.Signals(number)
        say(f"{request.signal.name}: finishing this step and saving; a second signal stops at once")

    before = {number: signal.signal(number, note) for number in _ASK}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
