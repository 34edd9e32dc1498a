"""Where studies are kept, with a real PostgreSQL server: what opens, and what is one line without the password."""

import subprocess
import sys
from pathlib import Path

import pytest
from optuna.distributions import FloatDistribution
from postgres_fixtures import Postgres

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.search.options import StudyOptions
from dqn_zoo_ext.experiment.search.storage import cannot_open, open_storage
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
    ],
)
def test_what_cannot_be_opened_is_one_line(storage: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "folder.log").mkdir()
    line = line_of(storage.format(folder=tmp_path))
    assert line.startswith("--storage:")
    assert expected in line


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
