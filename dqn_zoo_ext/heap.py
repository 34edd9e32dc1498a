"""The process's heap, kept instead of given back."""

import contextlib
import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_LARGEST_ON_HEAP = 32 * 2**20  # bytes; the most that glibc allows. A replay is larger, and stays outside
_KEPT_FREE = 2**30 - 1  # bytes


def keep_freed_memory() -> None:
    """Let glibc keep up to a gigabyte of freed memory for the next update, which needs as much again.

    Else gradients and feature maps, megabytes each, are given back to the system after every update and fetched anew,
    page by page: 2,800 page faults in an update of DQN. Elsewhere than on Linux with glibc nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGEST_ON_HEAP)
        mallopt(_TRIM_THRESHOLD, _KEPT_FREE)
