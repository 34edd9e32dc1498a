"""A plug-in that a search's processes import: trials that raise, tell it to stop, or spoil its database."""

import os
import shutil
import signal
import time
from pathlib import Path

from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext import registry


class FaultOfATrial(BaseCallback):
    """At agent step 60 of as many trainings as `marks` has places: a mistake, kill -9, Ctrl-C for `process`, or spoilt.

    marks: a folder; the first trainings to make the files 0, 1... in it are those. database: what is spoilt, a file; a
    copy is made first.
    """

    def __init__(
        self, kind: str, marks: str, trials: int = 1, process: int = 0, after: int = 0, database: str = ""
    ) -> None:
        super().__init__()
        self._kind, self._process, self._database = kind, process, Path(database)
        self._now = _place(Path(marks)) in range(after, after + trials)

    def _on_step(self) -> bool:
        if self._now and self.num_timesteps == 60:
            self._now = False
            if self._kind == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if self._kind == "mistake":
                raise ZeroDivisionError("a mistake\nover two lines")
            if self._kind == "spoilt":
                shutil.copy(self._database, self._database.with_suffix(".whole"))
                with self._database.open("r+b") as file:
                    file.write(b"no database any more" * 10)
                return True
            os.kill(self._process, signal.SIGINT)
            time.sleep(1)  # it looks five times a second
        return True

    def state(self) -> dict[str, object]:
        return {}

    def load_state(self, state: dict[str, object]) -> None:
        pass


def _place(marks: Path) -> int:
    number = 0
    while True:
        try:
            (marks / str(number)).touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return number


registry.callbacks.add("fault_of_a_trial", FaultOfATrial)
