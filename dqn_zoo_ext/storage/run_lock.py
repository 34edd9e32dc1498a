"""A run folder belongs to one process at a time."""

import contextlib
import fcntl
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.atomic import plain_os_errors

NAME = ".lock"
_SECONDS_BETWEEN_TRIES = 0.2


class Busy(UserError):  # noqa: N818  # no mistake: it passes
    """Another process has the folder."""


@contextlib.contextmanager
def locked(folder: Path, wait_seconds: float = 0.0, say: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Hold the folder within the block. Busy, naming the process that has it, if it still has after `wait_seconds`.

    say: is told once that it has to be waited for. UserError if there can be no lock.

    The operating system lets go of the lock when the process ends, however it ends.
    """
    path = folder / NAME
    with plain_os_errors(f"cannot lock {folder}"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            if not _lock(descriptor, until=time.monotonic()) and wait_seconds > 0:
                say(f"{folder} is being trained in; waiting up to {wait_seconds:.0f} seconds for that to end")
            if not _lock(descriptor, until=time.monotonic() + wait_seconds):
                raise BlockingIOError
        except BlockingIOError:
            owner = os.read(descriptor, 200).decode(errors="replace").strip()
            raise Busy(f"{str(folder)!r} is being trained in by {owner or 'another process'}") from None
        except OSError as error:
            raise UserError(f"cannot lock {folder}: {error.strerror}") from error
        with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, until: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_SECONDS_BETWEEN_TRIES)
        else:
            return True
