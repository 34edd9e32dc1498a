"""URLs of databases that keep studies: read, and shown without their passwords."""

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from dqn_zoo_ext.errors import UserError

FORMS = "a URL such as sqlite:///search.db or postgresql://user@host/database, or a .log file"
PSYCOPG = "postgresql+psycopg"
"""How SQLAlchemy calls PostgreSQL spoken to by psycopg 3."""


def parsed(storage: str) -> URL:
    """The URL; ``postgresql://`` and ``postgres://`` are psycopg's. UserError, without a password, if it is none."""
    try:
        url = make_url(storage)
    except (ArgumentError, ValueError):
        shown = "***" if "@" in storage else storage
        raise UserError(f"--storage: cannot be opened as {FORMS}: {shown!r}") from None
    return url.set(drivername=PSYCOPG) if url.drivername in ("postgresql", "postgres") else url


def is_journal(storage: str) -> bool:
    """Whether it is the path of one of Optuna's journals, and no URL."""
    return storage.endswith(".log") and "://" not in storage


def has_password(storage: str) -> bool:
    """Whether there is one in it; where it cannot be read, whether there may be one."""
    if is_journal(storage):
        return False
    try:
        url = parsed(storage)
    except UserError:
        return "@" in storage
    return url.password is not None or "password" in url.query


def without_password(storage: str) -> str:
    """A URL, or the path of a journal, as it may be shown: with ``***`` for a password."""
    if is_journal(storage):
        return storage
    try:
        url = parsed(storage)
    except UserError:
        return "***" if "@" in storage else storage
    if "password" in url.query:
        url = url.update_query_dict({"password": "***"})
    return url.render_as_string(hide_password=True)
