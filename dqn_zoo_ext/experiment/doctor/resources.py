"""What the machine has to give: memory, disk, an accelerator, optional packages."""

import importlib.util
import mmap
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from stable_baselines3.common.utils import get_device

EXTRAS = (
    ("wandb", "train --track, the callback wandb", "wandb"),
    ("trackio", "the callback trackio", "trackio"),
    ("mlflow", "the callback mlflow", "mlflow"),
)
"""Packages that one can do without: module, what it is for, and the name of the extra that brings it."""

_GPU_DRIVERS = ("proc/driver/nvidia/version", "dev/nvidiactl", "dev/kfd")


@dataclass(frozen=True)
class Memory:
    """Bytes that this process can have in all, and those that nobody uses."""

    total: int
    free: int


def main_memory(root: Path = Path("/")) -> Memory | None:
    """The machine's memory, or the container's where that is less; None if nothing tells it. root: of /proc, /sys."""
    found = _of_the_machine(root)
    if found is None:
        return None
    total, free = found.total, found.free
    for limit, used in _limits(root):
        total, free = min(total, limit), min(free, max(limit - used, 0))
    return Memory(total, free)


def can_be_allocated(size: int) -> bool:
    """Whether the system lets a program ask for so many bytes at once. Nothing is written, so no memory is taken."""
    try:
        mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, OverflowError, ValueError):
        return False
    return True


def gpu_memory(device: str) -> Memory | None:
    """The memory of the GPU that `device` means; None if it means none."""
    chosen = get_device(device)
    if chosen.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(chosen)
    return Memory(total, free)


def gpu_left_unused(root: Path = Path("/")) -> bool:
    """Whether there is a GPU's driver on this machine, but no GPU that PyTorch can use."""
    return any((root / path).exists() for path in _GPU_DRIVERS) and not torch.cuda.is_available()


def free_disk(path: Path) -> int | None:
    """Bytes free where `path` lies or will lie; None if that cannot be told."""
    here = path.absolute()
    while not here.exists() and here != here.parent:
        here = here.parent
    try:
        return shutil.disk_usage(here).free
    except OSError:
        return None


def missing_extras() -> tuple[str, ...]:
    """The optional packages that are not installed, each with what it is for and how to get it."""
    return tuple(
        f"{module} ({purpose}): pip install 'dqn_zoo_ext[{extra}]'"
        for module, purpose, extra in EXTRAS
        if importlib.util.find_spec(module) is None
    )


def _of_the_machine(root: Path) -> Memory | None:
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
        values = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
        return Memory(values["MemTotal"], values["MemAvailable"])
    except (OSError, ValueError, KeyError, IndexError):
        pass
    try:  # macOS tells the whole only
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None
    return Memory(total, total) if total > 0 else None


def _limits(root: Path) -> Iterator[tuple[int, int]]:
    """Limit and use, in bytes, of every control group that this process is in, of both versions of the kernel's."""
    try:
        groups = [line.split(":", 2) for line in (root / "proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return
    mounted = root / "sys/fs/cgroup"
    for number, controllers, path in (group for group in groups if len(group) == 3):
        if number == "0":
            for base in (mounted, mounted / "unified"):
                names = ("memory.max", "memory.current", "inactive_file")
                yield from _limits_up_from(base, path, *names)
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _limits_up_from(mounted / "memory", path, *names)


def _limits_up_from(base: Path, path: str, limit: str, usage: str, cache: str) -> Iterator[tuple[int, int]]:
    """A limit holds for all groups below it; in a container the path may be one of the host's, and `base` the group."""
    here = base / path.lstrip("/")
    for folder in [here, *here.parents]:
        try:
            most = int((folder / limit).read_text())  # "max" where there is none
            used = int((folder / usage).read_text())
        except (OSError, ValueError):
            pass
        else:
            yield most, max(used - _stat(folder, cache), 0)
        if folder == base:
            return


def _stat(folder: Path, name: str) -> int:
    """Bytes of file cache that are given back when memory is asked for; they count as used."""
    try:
        values = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return int(values.get(name, 0))
    except (OSError, ValueError):
        return 0
