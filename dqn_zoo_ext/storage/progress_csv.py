"""``progress.csv``: every line of the log, one column for each key."""

import contextlib
import csv
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.logger import KVWriter, filter_excluded_keys

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.atomic import plain_os_errors, write_atomically


class ProgressCsv(KVWriter):
    """Stable-Baselines3's ``progress.csv``, with two differences.

    New keys are appended as columns in alphabetical order, so that equal runs write equal files: Stable-Baselines3
    takes them from a set, in another order in each process. And it can be cut back to an earlier state, so that a
    resumed run has no line twice; a file that has lines already is gone on with in that way only. Lines reach the
    operating system one by one, as a whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: list[str] = []
        self._rows = 0
        write_atomically(path, "") if not path.exists() else None
        with plain_os_errors(f"cannot write {path}"):
            self._file = path.open("a", encoding="utf-8", newline="")
            self._has_unknown_lines = path.stat().st_size > 0

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Append one line, without what is no text or number (videos, pictures).

        UserError if it cannot be written, or the file had lines and no state has said how many of them count.
        """
        del step
        if self._has_unknown_lines:
            raise UserError(f"{self._path} has lines of an earlier log already: go on from its state, or move it away")
        wanted = filter_excluded_keys(key_values, key_excluded, "csv")
        given = {key: value for key, value in wanted.items() if isinstance(value, str | int | float | np.generic)}
        with plain_os_errors(f"cannot write {self._path}"):
            if added := sorted(given.keys() - set(self._keys)):
                self._rewrite([*self._keys, *added], self._rows)
            self._file.write(_line([given.get(key, "") for key in self._keys]))
            self._file.flush()
        self._rows += 1

    def state(self) -> State:
        """How far the file goes; it is flushed to the disk, so that it will go at least as far."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return {"keys": self._keys, "rows": self._rows}

    def load_state(self, state: State) -> None:
        """Cut the file back to what it was then. UserError if it does not go as far."""
        self._rewrite(state["keys"], state["rows"])
        self._has_unknown_lines = False

    def close(self) -> None:
        """Close the file; what could not be written is left."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _rewrite(self, keys: list[str], rows: int) -> None:
        self._file.close()
        with self._path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        if len(lines) < rows:
            raise UserError(f"{self._path} has {len(lines)} lines, and had {rows} when the checkpoint was made")
        kept = [_line([line.get(key) or "" for key in keys]) for line in lines[:rows]]
        write_atomically(self._path, "".join([_line(keys) if keys else "", *kept]))
        self._keys, self._rows = list(keys), rows
        self._file = self._path.open("a", encoding="utf-8", newline="")


def _line(values: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
