"""Files and folders that appear whole or not at all, whatever kills the process while they are written."""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from dqn_zoo_ext.errors import UserError

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}(\.[^.]+)?")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend an empty, hidden temporary file beside `path`; when the block ends well, it becomes `path` in one step.

    The temporary name keeps the suffix, for writers that read the format off it. Any exception in the block passes on,
    the temporary file is removed, and an older `path` stays as it was. UserError if the folder cannot be written.
    """
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    with plain_os_errors(f"cannot write {path}"):
        temporary.touch(exist_ok=False)
    try:
        yield temporary
        with plain_os_errors(f"cannot write {path}"):
            _flush_to_disk(temporary, os.O_RDWR)
            temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # some systems cannot flush a folder; the file itself is safe by now
        _flush_to_disk(path.parent, os.O_RDONLY)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files in `folder` of processes that were killed while they wrote."""
    for path in folder.iterdir():
        if _TEMPORARY.fullmatch(path.name):
            with contextlib.suppress(OSError):
                path.unlink()


def replace_folder(new: Path, path: Path) -> None:
    """Put the folder `new` where `path` is, if that is there. Killed before the end, `path` is one of both, whole.

    Between two renames it is neither: ``put_back`` brings the older one back. OSError if it cannot be done.
    """
    put_back(path)
    if path.exists():
        path.rename(_aside(path))
    new.rename(path)
    shutil.rmtree(_aside(path), ignore_errors=True)


def put_back(path: Path) -> None:
    """Bring back the folder, or remove the older one, that a killed ``replace_folder`` has left aside."""
    if _aside(path).exists():
        if path.exists():
            shutil.rmtree(_aside(path))
        else:
            _aside(path).rename(path)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a small file (text as UTF-8) so that no reader sees a part of it. UserError if it cannot be written."""
    with replacing(path) as temporary, plain_os_errors(f"cannot write {path}"):
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def plain_os_errors(what_failed: str) -> Iterator[None]:
    """Turn an OSError in the block into a UserError: `what_failed` and the system's own words, in one line."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{what_failed}: {error.strerror or error or type(error).__name__}") from error


def _flush_to_disk(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
