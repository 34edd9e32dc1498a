"""Where studies are kept, with a real PostgreSQL server: what opens, and what is one line without the password."""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.exceptions import DuplicatedStudyError, StorageInternalError
from optuna.storages import RDBStorage
from postgres_fixtures import Postgres
from sqlalchemy.exc import OperationalError

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.search.options import StudyOptions
from dqn_zoo_ext.experiment.search.storage import cannot_open, open_storage, plain_storage_errors
from dqn_zoo_ext.experiment.search.study import best_of, open_study, stored_study, trial_values
from dqn_zoo_ext.storage.database_url import without_password
from dqn_zoo_ext.storage.study_folder import StudyFolder

SPACE = {"x": FloatDistribution(0.0, 1.0)}


def search(storage: str, n_trials: int = 2, name: str = "mine") -> int:
    """How many trials the study has then."""
    options = StudyOptions(storage=storage, name=name, sampler="random", pruner="none")
    study = open_study(options, SPACE, {"algo": "dqn"}, rungs=(100,), seed=1)
    for _ in range(n_trials):
        trial = study.ask(dict(SPACE))
        study.tell(trial, trial.params["x"])
    return len(study.trials)


def test_postgresql(postgres: Postgres, database: str) -> None:
    assert search(database) == 2
    name = database.rpartition("/")[2]
    for scheme in ("postgresql", "postgres"):  # psycopg 3 speaks for all of them, and it is the same study
        search(postgres.url(name, scheme=scheme), 1)
    study = stored_study(database)
    assert len(study.trials) == 4
    best = best_of(study)
    assert best is not None
    assert best.value == max(trial.params["x"] for trial in study.trials)
    assert trial_values(database, "mine", best.number) == best.params


@pytest.mark.parametrize("kind", ["postgresql", "sqlite", pytest.param("journal", marks=pytest.mark.slow)])
def test_processes_share_a_storage(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    files = {"sqlite": StudyFolder(tmp_path).database, "journal": str(tmp_path / "study.log")}
    storage = files.get(kind) or request.getfixturevalue("database")
    program = (
        "import sys\n"
        "from test_storage import search\n"
        "search(sys.argv[1], 10)\n"
    )  # fmt: skip
    here = str(Path(__file__).parent)
    path = f"{here}:{Path(here).parents[1]}:{Path(here).parents[2]}"
    both = [
        subprocess.Popen([sys.executable, "-c", program, storage], env={"PYTHONPATH": path}, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    assert [(process.communicate()[1].decode()[-500:], process.returncode) for process in both] == [("", 0)] * 2
    trials = stored_study(storage, "mine").trials
    assert sorted(trial.number for trial in trials) == list(range(20))
    assert len({trial.params["x"] for trial in trials}) == 20  # one seed, and yet no two the same


@pytest.mark.parametrize("kind", ["db", "log"])
def test_files(kind: str, tmp_path: Path) -> None:
    storage = StudyFolder(tmp_path / "new" / "folder").database
    storage = storage if kind == "db" else str(tmp_path / "new" / "folder" / "study.log")
    assert search(storage) == 2
    assert search(storage) == 4
    assert stored_study(storage).study_name == "mine"
    search(storage, 1, "other")
    with pytest.raises(UserError, match="--study-name: say which study; the storage has mine, other"):
        stored_study(storage)
    with pytest.raises(UserError, match="unknown study 'othr'; did you mean 'other'"):
        stored_study(storage, "othr")


def line_of(storage: str) -> str:
    with pytest.raises(UserError) as error:
        open_storage(storage)
    line = str(error.value)
    assert "\n" not in line
    for secret in ("s3cret", "wr0ng", "hush"):
        assert secret not in line
        assert secret not in str(error.value.__cause__)
    return line


def test_a_server_that_says_no_is_one_line(postgres: Postgres) -> None:
    postgres.make_database("there")
    wrong_password = line_of(postgres.url("there", password="wr0ng"))
    assert 'password authentication failed for user "ann"' in wrong_password
    assert "(postgresql+psycopg://ann:***@127.0.0.1" in wrong_password
    assert 'database "nowhere" does not exist' in line_of(postgres.url("nowhere"))
    assert "Connection refused" in line_of("postgresql://ann:hush@127.0.0.1:1/there")
    assert "Connection refused" in line_of("postgresql://ann@127.0.0.1:1/there?password=hush")


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        ("postgresql+pg8000://ann:hush@127.0.0.1/there", "Failed to import DB access module"),
        ("nosuch://ann:hush@127.0.0.1/there", "Can't load plugin: sqlalchemy.dialects:nosuch"),
        ("postgresql://ann:hush@127.0.0.1:port/there", "or a .log file: '***'"),
        ("ann:hush@127.0.0.1", "or a .log file: '***'"),
        ("search", "as a URL such as sqlite:///search.db or postgresql://user@host/database, or a .log file: 'search'"),
        ("sqlite:////proc/none/search.db", "/proc/none"),
        ("/proc/none/search.log", "/proc/none"),
        ("sqlite:///{folder}", "unable to open database file"),
        ("{folder}/folder.log", "Is a directory"),
        ("sqlite:///file:/tmp/x.db?uri=true", "is given as sqlite:////tmp/x.db, without SQLite's own 'file:'"),
        ("sqlite:///file:///tmp/x.db?mode=ro&uri=true", "is given as sqlite:////tmp/x.db, without"),
        ("sqlite:///file:x.db", "is given as sqlite:///x.db, without"),
        ("nosuch://ann:hush@127.0.0.1/there.log", "Can't load plugin: sqlalchemy.dialects:nosuch"),
    ],
)
def test_what_cannot_be_opened_is_one_line(
    storage: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder.log").mkdir()
    monkeypatch.chdir(tmp_path)
    line = line_of(storage.format(folder=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.log"]
    assert line.startswith("--storage:")
    assert expected in line


def test_an_sqlite_file_may_be_called_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert search("sqlite:///new/study.log") == 2
    assert (tmp_path / "new" / "study.log").read_bytes().startswith(b"SQLite format")


def test_a_study_that_is_to_be_new_joins_none(tmp_path: Path) -> None:
    options = StudyOptions(storage=f"sqlite:///{tmp_path}/s.db", name="mine", sampler="random", pruner="none")
    for storage in (options.storage, str(tmp_path / "s.log")):
        there = replace(options, storage=storage)
        open_study(there, SPACE, {"algo": "dqn"}, rungs=(100,), seed=1, new=True)
        with pytest.raises(DuplicatedStudyError):
            open_study(there, SPACE, {"algo": "dqn"}, rungs=(100,), seed=1, new=True)
        open_study(there, SPACE, {"algo": "dqn"}, rungs=(100,), seed=1)


def test_a_database_that_can_only_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    optuna.create_study(storage=storage, study_name="mine", direction="maximize")

    def refused(*_: object) -> None:
        raise StorageInternalError("Optuna's words") from OperationalError(
            "", {}, sqlite3.OperationalError("attempt to write a readonly database")
        )

    monkeypatch.setattr(RDBStorage, "set_study_user_attr", refused)
    with pytest.raises(UserError, match="attempt to write a readonly database") as told:
        search(storage)
    assert "\n" not in str(told.value)


def test_a_journal_that_breaks_down_amid_a_line_goes_on(tmp_path: Path) -> None:
    """As a full disk or kill -9 leaves it; what is written behind half a line would never be read again."""
    journal = tmp_path / "study.log"
    assert search(str(journal)) == 2
    whole = journal.read_bytes()
    with journal.open("ab") as file:
        file.write(whole.splitlines()[-1][:20])
    assert search(str(journal)) == 4
    assert journal.read_bytes().startswith(whole)


@pytest.mark.parametrize("how", ["gone", "spoilt", "full"])
def test_a_journal_that_is_lost_is_a_storage_that_is_lost(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "new" / "study.log"
    options = StudyOptions(storage=str(journal), name="mine", sampler="random", pruner="none")
    study = open_study(options, SPACE, {"algo": "dqn"}, rungs=(100,), seed=1)
    if how == "gone":
        shutil.rmtree(journal.parent)
    elif how == "spoilt":
        with journal.open("ab") as file:
            file.write(b"no journal any more\n" * 2)
    else:
        monkeypatch.setattr(os, "fsync", _no_space)
    with (
        pytest.raises(UserError, match=r"study 'mine' can no longer be kept there: .+; what was under way is saved"),
        plain_storage_errors(str(journal), "mine"),
    ):
        study.ask(dict(SPACE))


def _no_space(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_lost_database_is_one_line_without_the_password(postgres: Postgres, database: str) -> None:
    options = StudyOptions(storage=database, name="mine", sampler="random", pruner="none")
    study = open_study(options, SPACE, {"algo": "dqn"}, rungs=(100,), seed=1)
    postgres.drop_database(database.rpartition("/")[2])
    with pytest.raises(UserError) as told, plain_storage_errors(database, "mine"):
        study.ask(dict(SPACE))
    line = str(told.value)
    assert line.startswith("--storage: study 'mine' can no longer be kept there: ")
    assert "does not exist" in line
    assert line.endswith("the same command with --study-name mine goes on")
    assert "\n" not in line
    assert "s3cret" not in line


def test_without_psycopg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "psycopg" else 1)
    assert line_of("postgresql://ann:hush@h/d").endswith("needs psycopg: pip install 'dqn_zoo_ext[postgres]'")


def test_a_library_that_says_the_password() -> None:
    storage = "postgresql://ann:p%40ss@h/d"
    for said in ("no p@ss here", "no p%40ss here"):
        assert ": no *** here (postgresql" in str(cannot_open(storage, ValueError(said)))
    assert without_password(storage) == "postgresql+psycopg://ann:***@h/d"
    assert without_password("sqlite:///search.db") == "sqlite:///search.db"
    assert without_password("/a/search.log") == "/a/search.log"
    assert "hush" not in without_password("postgresql://ann:hush@h/search.log")
