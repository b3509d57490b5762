"""Real Postgres servers and fresh databases for tests.

- `database`: a new, empty database, dropped afterwards.
- `server`: the server behind it, one per pytest worker. `TEST_DATABASE_URL` (a superuser's
  URL) replaces it with a running one.
- `own_server`: a factory for servers that a test may configure, kill and restart.

`@pytest.mark.on("debian_server")` puts a test's databases on another server: the name is that of a
fixture here or in `tests.support.debian`.

`TEST_POSTGRES_BIN` names the `bin` directory of another Postgres version, as `make test
PG=14` does.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import URL

from seeder.database.embedded import embedded_server
from seeder.database.embedded.embedded_files import SHELTER_ROOT, accessible, service_account

_numbers = itertools.count(1)


@functools.cache
def _programs() -> Path | None:
    """The `bin` directory asked for, or a copy where the server's account cannot enter it."""
    if not (given := os.environ.get("TEST_POSTGRES_BIN")):
        return None
    programs = Path(given).resolve()
    if os.geteuid() or accessible(programs, service_account(Path("/nonexistent"))):
        return programs
    copy = Path(tempfile.mkdtemp(prefix="seeder-programs-", dir=SHELTER_ROOT))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)
    for part in ("bin", "lib", "share"):
        shutil.copytree(programs.parent / part, copy / part, symlinks=True)
    return copy / "bin"


def url_of(conninfo: str, **parts: str) -> str:
    """A `postgresql://` URL of a conninfo with some of its parts (dbname, user...) replaced."""
    given = {k: str(v) for k, v in conninfo_to_dict(conninfo).items()} | parts
    host = given.pop("host", "")
    port = given.pop("port", None)
    if host.startswith("/"):
        given["host"] = host
        host = ""
    url = URL.create(
        "postgresql",
        username=given.pop("user", None),
        password=given.pop("password", None),
        host=host,
        port=int(port) if port else None,
        database=given.pop("dbname", None),
        query=given,
    ).render_as_string(hide_password=False)
    start, mark, query = url.partition("?")
    return start + mark + query.replace("+", "%20")  # to libpq a plus is a plus


@dataclass
class Server:
    """A running server and a superuser's way into it."""

    conninfo: str
    new_database: str = "TEMPLATE template0"
    """Options of CREATE DATABASE for the databases of tests."""
    role: str | None = None
    """Who jobs log in as, if it is not the superuser of `conninfo`."""

    def url(self, database: str = "postgres", **parts: str) -> str:
        """A URL of a database; `user=` and `password=` log in as somebody else."""
        return url_of(self.conninfo, dbname=database, **parts)

    def connect(self, database: str = "postgres", **parts: str) -> psycopg.Connection[Any]:
        """An autocommit connection that the caller closes."""
        return psycopg.connect(self.url(database, **parts), autocommit=True)

    def execute(self, query: str, *params: object, database: str = "postgres") -> None:
        """Run one statement as superuser."""
        with self.connect(database) as connection:
            connection.execute(query, params or None)


@dataclass
class Database:
    """A test's own database."""

    server: Server
    name: str
    _connections: list[psycopg.Connection[Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Usable as SEEDER_DATABASE_URL."""
        role = self.server.role
        return self.server.url(self.name, **({} if role is None else {"user": role}))

    def connect(self, **parts: str) -> psycopg.Connection[Any]:
        """An autocommit connection, closed at the end of the test."""
        connection = self.server.connect(self.name, **parts)
        self._connections.append(connection)
        return connection

    def fetch(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        """All rows of a query, on a connection of its own."""
        with self.server.connect(self.name) as connection:
            return connection.execute(query, params or None).fetchall()

    def execute(self, query: str, *params: object) -> None:
        """Run one statement (or several, without parameters), and commit."""
        self.server.execute(query, *params, database=self.name)

    def close(self) -> None:
        """Close what `connect` opened and drop the database with whoever is still in it."""
        for connection in self._connections:
            connection.close()
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name))
        with self.server.connect() as connection:
            connection.execute(drop)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server for all tests of this worker; do not stop or configure it."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield Server(given)
        return
    with embedded_server.throwaway(
        settings={"max_connections": "200", "log_min_messages": "warning"},
        programs=_programs(),
    ) as running:
        server = Server(running.conninfo())
        with server.connect() as connection:
            if connection.info.server_version >= 150000:  # half the work; older ones know no other
                server.new_database += " STRATEGY file_copy"
        yield server


@pytest.fixture
def create_database(
    request: pytest.FixtureRequest, worker_id: str
) -> Iterator[Callable[[], Database]]:
    """A factory, for tests that need several databases."""
    elsewhere = request.node.get_closest_marker("on")
    server = request.getfixturevalue(elsewhere.args[0] if elsewhere else "server")
    all_made: list[Database] = []

    def create() -> Database:
        made = Database(server, f"test_{worker_id}_{os.getpid()}_{next(_numbers)}")
        server.execute(f"CREATE DATABASE {made.name} {server.new_database}")
        all_made.append(made)
        return made

    yield create
    for made in all_made:
        made.close()


@pytest.fixture
def database(create_database: Callable[[], Database]) -> Database:
    """A new database."""
    return create_database()


def runs(pid: int) -> bool:
    """Whether a process exists and is not a mere zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


class OwnServer(Server):
    """A server of one test, which may stop, kill and start it again."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        self._directory = directory
        self._settings = settings
        self.start()

    def start(self) -> None:
        """Start it with its settings; the address stays the same."""
        self.running = embedded_server.start(
            self._directory,
            settings={**embedded_server.THROWAWAY_SETTINGS, **self._settings},
            programs=_programs(),
            sync=False,
        )
        super().__init__(self.running.conninfo())

    def kill(self, pid: int) -> None:
        """End a server process, or with `postmaster` all of them, without a word."""
        os.kill(pid, signal.SIGKILL)

    @property
    def postmaster(self) -> int:
        """Process id of the server."""
        return int((self.running.data / "postmaster.pid").read_text().split()[0])

    def restart_after_kill(self, postmaster: int) -> None:
        """Start it once more after `kill(postmaster)`.

        A killed process that nobody has waited for yet still counts as running for the server
        that wants its place, so its lock files are removed as soon as it does nothing any more.
        """
        while runs(postmaster):
            time.sleep(0.05)
        (self.running.data / "postmaster.pid").unlink(missing_ok=True)
        for lock in self.running.socket.glob(".s.PGSQL.*.lock"):
            lock.unlink()
        self.start()

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` cuts every connection without a word."""
        self.running.stop(mode=mode)


@contextmanager
def run_own_server(
    *, settings: Mapping[str, str] | None = None, hba: Sequence[str] = ()
) -> Iterator[OwnServer]:
    """Run a server and delete it; see `own_server`."""
    directory = Path(tempfile.mkdtemp(prefix="seeder-own-"))
    try:
        directory.chmod(0o755)
        wanted = {"unix_socket_permissions": "0777", **(settings or {})}
        if hba:
            file = directory / "pg_hba.conf"
            file.write_text("\n".join(["local all postgres trust", *hba, ""]))
            file.chmod(0o644)
            wanted["hba_file"] = str(file)
        server = OwnServer(directory, wanted)
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def own_server() -> Iterator[Callable[..., OwnServer]]:
    """Start servers: `own_server(settings={...}, hba=["local all all scram-sha-256"])`.

    Lines of `hba` come after one that lets the superuser `postgres` in over the socket.
    """
    with ExitStack() as stack:
        yield lambda **wanted: stack.enter_context(run_own_server(**wanted))
