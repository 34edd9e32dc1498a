"""A campaign's runs once more, as a Parquet file: columns with types, for pandas, DuckDB and the like."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.atomic import plain_os_errors, replacing
from dqn_zoo_ext.storage.campaign_folder import Row

_WHOLE = ("seed", "agent_steps", "updates")
_TEXT = ("variant", "algo", "env", "changed", "run_folder", "state", "reason", "protocol")


def write_parquet(rows: Sequence[Row], path: Path) -> None:
    """Write it whole or not at all. UserError if it cannot be written, or pandas and pyarrow are not installed."""
    frame = _frame(rows)
    with replacing(path) as temporary, plain_os_errors(f"cannot write {path}"):
        frame.to_parquet(temporary, engine="pyarrow", index=False)


def _frame(rows: Sequence[Row]) -> Any:
    try:
        import pandas as pd
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"runs.parquet needs pandas and pyarrow: pip install 'dqn_zoo_ext[parquet]' ({error})"
        ) from error
    columns = {each.name: _type(each.name) for each in fields(Row)}
    return pd.DataFrame([asdict(row) for row in rows], columns=list(columns)).astype(columns)


def _type(column: str) -> str:
    return "Int64" if column in _WHOLE else "string" if column in _TEXT else "float64"
