"""The rows as a Parquet file: read back by pandas, with types; without the extra one line says which."""

import resource
import signal
import sys
from pathlib import Path

import pandas as pd
import pytest
from test_campaign_folder import BEGUN, FAILED, FINISHED

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.runs_parquet import write_parquet


def test_it_comes_back_with_types(tmp_path: Path) -> None:
    path = tmp_path / "runs.parquet"
    write_parquet([BEGUN, FINISHED, FAILED], path)
    frame = pd.read_parquet(path)
    assert list(frame.columns[:4]) == ["variant", "algo", "env", "seed"]
    assert frame["seed"].tolist() == [1, 2, 1]
    assert frame["agent_steps"].isna().tolist() == [True, False, True]
    assert frame["agent_steps"].dtype == "Int64"
    assert frame["final_mean"].tolist()[1] == -0.1
    assert frame["reason"].tolist()[2] == 'a, "b"\nc; d'
    assert frame.groupby("algo")["best_mean"].mean()["double_dqn"] == 1 / 3
    write_parquet([], path)
    assert len(pd.read_parquet(path)) == 0
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("module", ["pandas", "pyarrow"])
def test_without_the_extra(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=r"pip install 'dqn_zoo_ext\[parquet\]'"):
        write_parquet([FINISHED], tmp_path / "runs.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_the_old_file(tmp_path: Path) -> None:
    """A real limit on the size of files stands for the full disk."""
    path = tmp_path / "runs.parquet"
    write_parquet([FINISHED], path)
    old = path.read_bytes()
    limits, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(UserError) as caught:
            write_parquet([BEGUN, FINISHED, FAILED], path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"cannot write {path}: ")
    assert line.endswith("File too large")
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]
