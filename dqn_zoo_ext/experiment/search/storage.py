"""Where studies are kept: an SQLite file, a PostgreSQL database, or a journal file."""

import contextlib
import importlib.util
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote_plus

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from dqn_zoo_ext.errors import UserError, first_line
from dqn_zoo_ext.experiment.search.journal import Journal
from dqn_zoo_ext.storage.database_url import FORMS, PSYCOPG, is_journal, parsed, without_password

_SQLITE, _POSTGRESQL = "sqlite", "postgresql"
_WAIT_SECONDS = {_SQLITE: ("timeout", 60), _POSTGRESQL: ("connect_timeout", 10)}
"""For the lock of another process; for a server to answer."""
LOST = (StorageInternalError, SQLAlchemyError)
"""What a study's storage raises when it is away, broken or full."""
_ATTEMPTS = 10
_MADE_BY_ANOTHER = ("already exists", "duplicate key", "UNIQUE constraint")


def open_storage(storage: str | None) -> BaseStorage:
    """What `storage` names: a database's URL, or the path of a journal (``.log``); None is the memory of this process.

    Makes the file and its folders, and a database's tables. ``postgresql://`` and ``postgres://`` are spoken to by
    psycopg 3. UserError, one line that does not hold the URL's password, if it cannot be opened.
    """
    if storage is None:
        return InMemoryStorage()
    try:
        file = file_of(storage)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        if is_journal(storage):
            return JournalStorage(Journal(storage))
        url = parsed(storage)
        _demand_driver(url)
        return _opened(url)
    except UserError:
        raise
    except Exception as error:  # whatever the storage's library raises
        raise cannot_open(storage, error) from None  # the traceback of the cause could hold the password


def cannot_open(storage: str | None, error: Exception) -> UserError:
    """The line for an error of a storage's library, without the password that the URL may hold."""
    shown = f" ({without_password(storage)})" if storage else ""
    return UserError(f"--storage: cannot be opened as {FORMS}: {_reason(error, storage)}{shown}")


@contextlib.contextmanager
def plain_storage_errors(storage: str, name: str) -> Iterator[None]:
    """Turn what the storage of study `name` raises in the block into a UserError that says how to go on."""
    try:
        yield
    except LOST as error:
        why = f"{_reason(error, storage)} ({without_password(storage)})"
        raise UserError(
            f"--storage: study '{name}' can no longer be kept there: {why}; what was under way is saved, and once that "
            f"is mended the same command with --study-name {name} goes on"
        ) from None  # as above


def file_of(storage: str) -> Path | None:
    """The file that a storage is, if it is one. UserError for SQLite's own kind of URL."""
    if is_journal(storage):
        return Path(storage)
    database = storage.removeprefix(f"{_SQLITE}:///").partition("?")[0]
    if not storage.startswith(f"{_SQLITE}:///") or database in ("", ":memory:"):
        return None
    if database.startswith("file:"):
        path = database.removeprefix("file:").removeprefix("//")
        raise UserError(f"--storage: a file is given as {_SQLITE}:///{path}, without SQLite's own 'file:': '{storage}'")
    return Path(database)


def _reason(error: BaseException, storage: str | None) -> str:
    if isinstance(error, StorageInternalError) and error.__cause__ is not None:  # Optuna's own words say less
        error = error.__cause__
    reason = first_line(error)
    reason = reason.partition(") ")[2] if reason.startswith(("(psycopg", "(sqlite3")) else reason
    return _masked(reason, storage)


def _opened(url: URL) -> RDBStorage:
    """Tried again if another process made the tables at the same moment."""
    key, seconds = _WAIT_SECONDS.get(url.get_backend_name(), ("", 0))
    text, connect = url.render_as_string(hide_password=False), {key: seconds} if key else {}
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return RDBStorage(text, engine_kwargs={"pool_pre_ping": True, "connect_args": connect})
        except DBAPIError as error:
            if attempt == _ATTEMPTS or not any(sign in str(error) for sign in _MADE_BY_ANOTHER):
                raise
            time.sleep(0.1 * attempt)
    raise AssertionError  # the last attempt returns or raises


def _demand_driver(url: URL) -> None:
    if url.drivername == PSYCOPG and importlib.util.find_spec("psycopg") is None:
        raise UserError("--storage: PostgreSQL needs psycopg: pip install 'dqn_zoo_ext[postgres]'")


def _masked(text: str, storage: str | None) -> str:
    for password in _passwords(storage):
        for spelled in {password, quote(password, safe=""), quote_plus(password)}:
            text = text.replace(spelled, "***")
    return text


def _passwords(storage: str | None) -> list[str]:
    try:
        url = parsed(storage or "")
    except UserError:
        return [unquote_plus((storage or "").rpartition("@")[0].rpartition(":")[2])] if "@" in (storage or "") else []
    given = [url.password, url.query.get("password")]
    return [each for each in given if isinstance(each, str) and each]
