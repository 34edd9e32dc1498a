"""Free memory and the like, from made-up machines and from this one."""

from pathlib import Path

import pytest
import torch

from dqn_zoo_ext.experiment.doctor.resources import (
    Memory,
    can_be_allocated,
    free_disk,
    gpu_left_unused,
    gpu_memory,
    main_memory,
    missing_extras,
)

GB = 2**30
MEMINFO = (
    "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\nHugePages_Total:       0\n"
)


def machine(root: Path, groups: str, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": MEMINFO, "proc/self/cgroup": groups, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("", {}, Memory(16 * GB, 8 * GB)),
        # version 2: no limit of its own, one further up; file cache is given back when memory is asked for
        (
            "0::/box/inner\n",
            {
                "sys/fs/cgroup/box/inner/memory.max": "max\n",
                "sys/fs/cgroup/box/inner/memory.current": f"{GB}\n",
                "sys/fs/cgroup/box/memory.max": f"{4 * GB}\n",
                "sys/fs/cgroup/box/memory.current": f"{3 * GB}\n",
                "sys/fs/cgroup/box/memory.stat": f"anon 1\ninactive_file {2 * GB}\n",
            },
            Memory(4 * GB, 3 * GB),
        ),
        # a container that sees its own group at the root, under the path that it has outside
        (
            "0::/docker/1234\n",
            {"sys/fs/cgroup/memory.max": f"{2 * GB}\n", "sys/fs/cgroup/memory.current": f"{GB}\n"},
            Memory(2 * GB, GB),
        ),
        # version 1
        (
            "12:cpu,cpuacct:/\n4:memory:/jobs/7\n0::/\n",
            {
                "sys/fs/cgroup/memory/jobs/7/memory.limit_in_bytes": f"{6 * GB}\n",
                "sys/fs/cgroup/memory/jobs/7/memory.usage_in_bytes": f"{5 * GB}\n",
                "sys/fs/cgroup/memory/jobs/7/memory.stat": f"cache 1\ntotal_inactive_file {GB}\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",  # what no limit looks like
                "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GB}\n",
            },
            Memory(6 * GB, 2 * GB),
        ),
        # more is used than allowed
        (
            "0::/\n",
            {"sys/fs/cgroup/memory.max": f"{GB}\n", "sys/fs/cgroup/memory.current": f"{2 * GB}\n"},
            Memory(GB, 0),
        ),
    ],
)
def test_a_containers_limit_counts_as_the_machines_memory(
    groups: str, files: dict[str, str], expected: Memory, tmp_path: Path
) -> None:
    assert main_memory(machine(tmp_path, groups, files)) == expected


def test_this_machine_has_memory_and_disk(tmp_path: Path) -> None:
    memory = main_memory()
    assert memory is not None
    assert 0 < memory.free <= memory.total
    assert free_disk(tmp_path / "not" / "there" / "yet") == pytest.approx(free_disk(tmp_path), rel=0.1)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_tells_the_whole_is_free(tmp_path: Path) -> None:
    memory = main_memory(tmp_path)
    assert memory is None or memory.free == memory.total > 0


def test_what_can_be_allocated() -> None:
    assert can_be_allocated(0)
    assert can_be_allocated(10**6)
    assert not can_be_allocated(2**62)


def test_a_gpus_driver_without_a_gpu_that_pytorch_can_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not gpu_left_unused(tmp_path)
    assert gpu_memory("cpu") is None
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidiactl").touch()
    assert gpu_left_unused(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert not gpu_left_unused(tmp_path)


def test_missing_extras_are_named_with_the_way_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in ("wandb", "mlflow") else object())
    assert missing_extras() == (
        "wandb (train --track, the callback wandb): pip install 'dqn_zoo_ext[wandb]'",
        "mlflow (the callback mlflow): pip install 'dqn_zoo_ext[mlflow]'",
    )
