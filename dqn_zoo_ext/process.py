"""How this process uses the machine: its heap is kept instead of given back, its threads wait as suits others, pictures
need no display, and its processes begin with our modules loaded; how it heeds Ctrl-C before it has begun its work.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

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


def share_cores() -> None:
    """Let PyTorch's CPU threads sleep while they wait for each other, if another program is busy on this machine now.

    Alone they had better spin: an update has a hundred places where they wait, for microseconds each. Beside a busy
    program spinning takes from both most of their speed. Whoever has set OMP_WAIT_POLICY or GOMP_SPINCOUNT is heeded.
    Results are the same either way.
    """
    if "OMP_WAIT_POLICY" not in os.environ and "GOMP_SPINCOUNT" not in os.environ and others_are_busy():
        os.environ["OMP_WAIT_POLICY"] = "passive"


def others_are_busy(looks: int = 5, seconds_between: float = 0.002) -> bool:
    """Whether in each of some looks another thread of this machine was running, or waited to; False if unknown."""
    for look in range(looks):
        if look > 0:
            time.sleep(seconds_between)
        try:
            running = int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[0])
        except (OSError, ValueError, IndexError):
            return False
        if running <= 1:  # this one
            return False
    return True


def end_at_ctrl_c() -> None:
    """Let Ctrl-C end a command of ours at once, without a traceback, while its modules are loaded: that takes seconds.

    ``raise_at_ctrl_c`` ends that. A program that imports us is left alone, and so is who ignores the signal (nohup).
    """
    if _is_command_of_ours(sys.argv, sys.orig_argv) and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_at_ctrl_c() -> None:
    """KeyboardInterrupt from here on, as ever, in a command of ours."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        with contextlib.suppress(ValueError):  # not in the main thread, where alone signals are heard
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_command_of_ours(argv: Sequence[str], typed: Sequence[str]) -> bool:
    """Whether Python was begun with ``-m`` and a module of ours, which it is looking for now, or as ``dqn-zoo-ext``."""
    begun_as = argv[0] if argv else ""
    if begun_as != "-m":
        return Path(begun_as).name == "dqn-zoo-ext"
    words = iter(typed)
    option = next((word for word in words if word.startswith("-m")), "")
    module = option.removeprefix("-m") or next(words, "")
    return module.partition(".")[0] == __name__.partition(".")[0]


def usable_cores() -> int:
    """The processor cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def most_memory() -> int:
    """The most bytes of main memory that this process has had; 0 where the system does not tell, as Windows."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def draw_without_display() -> None:
    """Let gymnasium's pygame draw into memory, where a program wants pictures and no window."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")


def modules_of_ours() -> list[str]:
    """All that are loaded, but for the one that was run with ``python -m``, which every process imports anew.

    The server that forks our processes is to load them: then PyTorch is loaded once, and each begins in milliseconds.
    """
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    package = __name__.partition(".")[0]
    return [name for name in sys.modules if name.startswith(f"{package}.") and (spec is None or name != spec.name)]
