"""Optuna's journal, a file on a disk that may fill up and with writers that may be killed."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock


class Journal(JournalFileBackend):
    """Raises what a database raises when the file can no longer be read or written: StorageInternalError."""

    def __init__(self, path: str) -> None:
        super().__init__(path, _MendingLock(path))

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """As in the base class."""
        with _as_of_a_database():
            yield from super().read_logs(log_number_from)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """As in the base class."""
        with _as_of_a_database():
            super().append_logs(logs)


class _MendingLock(JournalFileSymlinkLock):
    """Whoever gets it cuts off the half line that a full disk or a killed writer has left: behind it none is read."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._path = Path(path)

    def acquire(self) -> bool:
        """Waits until it is free."""
        acquired = super().acquire()
        try:
            _cut_half_line(self._path)
        except BaseException:
            self.release()
            raise
        return acquired


def _cut_half_line(path: Path) -> None:
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        if size == 0:
            return
        file.seek(size - 1)
        if file.read() != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


@contextmanager
def _as_of_a_database() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:  # ValueError: what stands there is no journal
        raise StorageInternalError(str(error)) from error
