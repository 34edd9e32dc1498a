"""A folder of one's own: made where there was none, and taken back with all that was made for it."""

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.atomic import plain_os_errors


@dataclass(frozen=True)
class Claimed:
    """made: the folders that were made for it, outermost first; without `path` itself if that was there already."""

    path: Path
    made: tuple[Path, ...]

    def discard(self) -> None:
        """Remove it with all that is in it if it was made, and the folders above it that were, and nobody else uses."""
        if self.path in self.made:
            shutil.rmtree(self.path, ignore_errors=True)
        _remove_empty(list(self.made))


def claim(parent: Path, name: str, numbered: bool, what: str) -> Claimed:
    """Make ``<parent>/<name>_<n>``, with a number that no other process has; or ``<parent>/<name>`` if not `numbered`.

    The latter is taken as it is if there is one already. what: the error line's word for it. UserError, and nothing
    left, if it cannot be made.
    """
    made: list[Path] = []
    try:
        with plain_os_errors(f"cannot make {what} in {str(parent)!r}"):
            for folder in reversed([parent, *parent.parents]):
                if not folder.is_dir():
                    folder.mkdir(exist_ok=True)
                    made.append(folder)
            path = _make_numbered(parent, name) if numbered else parent / name
            if numbered or _made(path):
                made.append(path)
    except UserError:
        _remove_empty(made)
        raise
    return Claimed(path, tuple(made))


def _make_numbered(parent: Path, name: str) -> Path:
    number = 1
    while (path := parent / f"{name}_{number}").exists() or not _made(path):
        number += 1
    return path


def _made(path: Path) -> bool:
    try:
        path.mkdir()  # exactly one process can
    except FileExistsError:
        return False
    return True


def _remove_empty(folders: list[Path]) -> None:
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            folder.rmdir()
