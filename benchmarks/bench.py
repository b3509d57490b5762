"""What every scenario works with: the server, databases, data, and where results go."""

from __future__ import annotations

import itertools
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from seeder.database.embedded import embedded_files, embedded_server

SERVER_SETTINGS: Mapping[str, str] = {
    # As a production server writes: these are Postgres' own defaults, against the throw-away's.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Else it would start in the middle of one system's turn.
    "autovacuum": "off",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    # One revision may make a thousand tables.
    "max_locks_per_transaction": "1024",
}

SEEDER = (str(Path(sys.executable).with_name("seeder")),)
PYTHON = (sys.executable,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One line of the table."""

    target: int
    """Which of them; see docs/performance.md."""
    what: str
    value: float
    at_most: float | None = None
    at_least: float | None = None
    """Neither: reported, without a target."""
    unit: str = "×"  # noqa: RUF001  # the sign for times
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of a curve."""

    system: str
    work: str
    """`first load` or `update`."""
    rows: int
    seconds: float
    peak_mb: float


@dataclass(kw_only=True)
class Outcome:
    """What a scenario found."""

    ratios: list[Ratio] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    medians: dict[str, float] = field(default_factory=dict)
    """Seconds by case."""
    not_measured: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As it stands in results.json."""
        return {
            "ratios": [{**asdict(each), "met": each.met} for each in self.ratios],
            "points": [asdict(each) for each in self.points],
            "medians": {name: round(value, 4) for name, value in self.medians.items()},
            "not_measured": self.not_measured,
        }


@dataclass(kw_only=True)
class Bench:
    """A server that runs, and a directory for files."""

    server: embedded_server.EmbeddedServer
    clients: Path
    """The directory of psql and pgbench, which speak to servers of every version."""
    port: int
    """On 127.0.0.1, for the drivers that know no Unix sockets."""
    files: Path
    quick: bool
    rounds: int
    largest: int | None = None
    """Rows up to which curves go, where not as far as the disk does."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _copies: list[str] = field(default_factory=list)

    def rows(self, full: int) -> int:
        """How many rows a scenario takes: a tenth of them when it has to be quick."""
        return full // 10 if self.quick else full

    def url(self, database: str) -> str:
        """For libpq, and all that understand its URLs."""
        return self.server.conninfo(database)

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """An autocommit connection that the caller closes."""
        return psycopg.connect(self.url(database), autocommit=True)

    def template(self, of: str = "template0") -> str:
        """Make a database that copies are taken from."""
        return self._create(of)

    def fresh(self, template: str) -> str:
        """Make a new copy of a database; the one made before goes, so that the disk stays free."""
        self.drop(*self._copies)
        self._copies[:] = [self._create(template)]
        return self._copies[0]

    @property
    def newest(self) -> str:
        """The copy that was made last."""
        return self._copies[0]

    def size(self, database: str) -> int:
        """Bytes that a database takes on the disk."""
        with self.connect() as connection:
            row = connection.execute("SELECT pg_database_size(%s)", [database]).fetchone()
        return int(row[0]) if row else 0

    def drop(self, *names: str) -> None:
        """Drop databases."""
        with self.connect() as connection:
            for name in names:
                connection.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                )

    def _create(self, template: str) -> str:
        name = f"bench_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY = FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
            connection.execute("CHECKPOINT")
        return name

    def program(self, name: str) -> str:
        """Path of psql or pgbench."""
        return str(self.clients / name)


@contextmanager
def running(
    directory: Path,
    *,
    quick: bool,
    rounds: int,
    programs: Path | None = None,
    largest: int | None = None,
) -> Iterator[Bench]:
    """Start a server for the benchmarks, and delete it afterwards.

    `programs` is the `bin` directory of another Postgres than the wheel's.
    """
    files = directory / "files"
    files.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    settings = {**SERVER_SETTINGS, "listen_addresses": "127.0.0.1", "port": str(port)}
    with embedded_server.throwaway(settings=settings, programs=programs) as server:
        yield Bench(
            server=server,
            clients=embedded_files.find_programs(None),
            port=port,
            files=files,
            quick=quick,
            rounds=rounds,
            largest=largest,
        )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
