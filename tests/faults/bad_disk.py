"""A plug-in for the tests: a callback under which the disk goes wrong at a given agent step, once.

The disk is the mount that the environment variable BAD_DISK names; the fault comes if a file ``armed`` lies there,
which says what it is: ``leave N`` (all but N bytes are taken by a file ``ballast``), ``read-only`` or ``vanish`` (the
folders of all runs are removed).
"""

import os
import shutil
import subprocess
from pathlib import Path

from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext.registry import register_callback
from dqn_zoo_ext.state import State


@register_callback("bad_disk")
class BadDisk(BaseCallback):
    """at: the agent step."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def _on_step(self) -> bool:
        disk = Path(os.environ["BAD_DISK"])
        if self.num_timesteps == self._at and (disk / "armed").is_file():
            fault = (disk / "armed").read_text().split()
            (disk / "armed").unlink()
            if fault[0] == "leave":
                fill(disk, int(fault[1]))
            elif fault[0] == "read-only":
                read_only(disk)
            else:
                shutil.rmtree(disk / "logs")
        return True

    def state(self) -> State:
        """Nothing is kept."""
        return {}

    def load_state(self, state: State) -> None:
        """Nothing to take."""


def fill(disk: Path, leave: int) -> None:
    """Take all space but so many bytes."""
    with (disk / "ballast").open("wb") as ballast:
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        ballast.write(bytes(free - leave))


def read_only(disk: Path) -> None:
    """What is opened from now on cannot be written; files that are open already can."""
    subprocess.run(["mount", "--bind", disk, disk], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", disk], check=True)
