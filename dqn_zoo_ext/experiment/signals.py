"""SIGTERM, Ctrl-C, a closed terminal: the first asks the run to stop in order, the second ends the process at once."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_ASK = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StoppedAtOnce(BaseException):  # no error, and nothing that catches those may keep it
    """A signal came where nothing is to be saved."""


class StopRequest:
    """Whether the run has been asked to stop, and by which signal.

    once: a further signal says nothing new, where it would end the process at once. So it is in a process that another
    one looks after: a signal may come from that one, and from whoever sent it to both.
    """

    def __init__(self, once: bool = False) -> None:
        self.signal: signal.Signals | None = None
        self._once = once
        self._nothing_to_save = False

    def asked(self) -> bool:
        """Whether a signal has come."""
        return self.signal is not None

    def note(self, number: int, _: FrameType | None) -> None:
        """What Python calls when a signal comes."""
        if self.signal is not None and self._once:
            return
        if self.signal is not None:
            os._exit(128 + number)  # nothing is tidied up: whatever lies on the disk is whole or recognised as not
        self.signal = signal.Signals(number)  # and not a word: a handler may come in the middle of a print
        if self._nothing_to_save:
            raise StoppedAtOnce

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Within the block a signal, or one that came before it, does not wait to be asked for: StoppedAtOnce.

        It may come between any two lines, so whatever the block does to the disk must bear that, as it bears a kill.
        """
        self._nothing_to_save = True
        try:
            if self.asked():
                raise StoppedAtOnce
            yield
        finally:
            self._nothing_to_save = False


@contextlib.contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catch them within the block. A second one ends the process at once, with 128 + its number.

    One that is ignored already stays so (nohup). Outside the main thread Python delivers no signals, and nothing is
    caught. A block within another (a run within a campaign) has the outer one's request, so that none is lost.
    """
    if threading.current_thread() is not threading.main_thread():
        yield StopRequest()
        return
    for number in _ASK:
        outer = getattr(signal.getsignal(number), "__self__", None)
        if isinstance(outer, StopRequest):
            yield outer
            return
    request = StopRequest()
    caught = [number for number in _ASK if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, request.note) for number in caught}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
