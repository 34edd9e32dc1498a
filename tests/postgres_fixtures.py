"""A PostgreSQL server on this machine, as a fixture for all tests (a plug-in of tests/conftest.py).

Without its programs the tests are skipped, unless ``DQN_ZOO_EXT_NEEDS_POSTGRES`` says that they must be there, as
continuous integration does.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PASSWORD = "s3cret@of:ann"


@dataclass(frozen=True)
class Postgres:
    """A server on a port of its own, whose user ann may make databases."""

    port: int
    programs: Path

    def url(self, database: str, password: str = "s3cret%40of%3Aann", scheme: str = "postgresql+psycopg") -> str:
        return f"{scheme}://ann:{password}@127.0.0.1:{self.port}/{database}"

    def make_database(self, name: str) -> str:
        """The URL of a new, empty one."""
        self._run("createdb", name)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Whoever is connected with it is cut off."""
        self._run("dropdb", "--force", name)

    def _run(self, program: str, *words: str) -> None:
        command = [str(self.programs / program), "-h", "127.0.0.1", "-p", str(self.port), "-U", "ann", *words]
        subprocess.run(command, env={**os.environ, "PGPASSWORD": PASSWORD}, check=True, capture_output=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    programs = _programs()
    if programs is None:
        if os.environ.get("DQN_ZOO_EXT_NEEDS_POSTGRES"):
            pytest.fail("there is no PostgreSQL here")
        pytest.skip("there is no PostgreSQL here")
    folder = Path(tempfile.mkdtemp(prefix="dqn_zoo_ext_postgres_"))  # pytest's own are closed to another user
    try:
        with _running(programs, folder) as port:
            yield Postgres(port, programs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(postgres: Postgres, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of the test's own."""
    return postgres.make_database(f"test_{abs(hash(request.node.nodeid)) % 10**12}")


def _programs() -> Path | None:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[4]))
    if debian:
        return debian[-1].parent
    found = shutil.which("pg_ctl")
    return Path(found).parent if found and shutil.which("initdb") else None


@contextlib.contextmanager
def _running(programs: Path, folder: Path) -> Iterator[int]:
    # the server refuses to run as root
    other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if other:
        of_postgres = pwd.getpwnam("postgres")
        os.chown(folder, of_postgres.pw_uid, of_postgres.pw_gid)
    data, secret = folder / "data", folder / "password"
    secret.write_text(f"{PASSWORD}\n")
    secret.chmod(0o644)

    def run(program: str, *words: str) -> None:
        command = [*other, str(programs / program), "-D", str(data), *words]
        with (folder / "said").open("w") as said:  # not a pipe, which the server would hold open
            done = subprocess.run(command, cwd="/", stdout=said, stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, (folder / "said").read_text()

    run("initdb", "-U", "ann", f"--pwfile={secret}", "--auth=scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=100"
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", settings, "start")
    try:
        yield port
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")
