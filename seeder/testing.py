"""Databases for tests: a project's migrations and rows, each a clone of one template.

The fixtures of `seeder.pytest_plugin` are made of this; what uses another test runner opens
`seeded_databases` itself.

The job makes a template, once for each digest of what it depends on. Its name is that digest, and a
database gets it when it is complete. Test processes may run at the same time: who makes a template
holds a lock by that name, and each process holds one by its own, by which others know that it still
uses its clones.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from msgspec import Struct
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import InvalidCatalogName, ObjectInUse

import seeder
from seeder import library
from seeder.catalog import fingerprint
from seeder.catalog.loader import load
from seeder.configuration.environ import Environ, as_set
from seeder.configuration.settings import Settings

_TEMPLATE, _CLONE = "seeder_template_", "seeder_clone_"


class Database(Struct, frozen=True, kw_only=True):
    """A database of one test."""

    name: str
    url: str
    """`postgresql://...`, as libpq, psycopg and asyncpg take it; with the password."""

    def sqlalchemy_url(self, driver: str = "psycopg") -> str:
        """The URL for SQLAlchemy's `create_engine`, with a driver."""
        return self.url.replace("://", f"+{driver}://", 1)

    @property
    def parameters(self) -> Mapping[str, str]:
        """The URL's parts by libpq's names: `host`, `port`, `user`, `password`, `dbname`..."""
        return {name: str(value) for name, value in conninfo_to_dict(self.url).items()}


class SeededDatabases:
    """Fresh databases with what a project's job makes of an empty one."""

    def __init__(self, settings: Settings, connection: psycopg.Connection) -> None:
        """`connection` is one to another database of the same server, in autocommit mode."""
        self._settings = settings
        self._connection = connection
        self._token = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        self._project = hashlib.sha256(os.fsencode(settings.project)).hexdigest()[:10]
        self._digest = _digest(settings, connection)
        self._lock(f"{_CLONE}{self._token}")
        self._drop_left_behind()

    @property
    def template(self) -> str:
        """The name of the template; its digest is of all that decides what a clone holds."""
        return f"{_TEMPLATE}{self._project}_{self._digest}"

    @contextmanager
    def fresh(self) -> Iterator[Database]:
        """A new database with the project's rows; dropped afterwards, whoever is still connected.

        Raises SeederError where the job fails on an empty database.
        """
        name = f"{_CLONE}{self._token}_{next(self._numbers)}"
        while True:
            self._require_template()
            try:
                self._execute("CREATE DATABASE {} TEMPLATE {}", name, self.template)
                break
            except InvalidCatalogName:  # tests of another state have just dropped it
                continue
        try:
            yield Database(name=name, url=self._url(name))
        finally:
            self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _require_template(self) -> None:
        if self._names(self.template):
            return
        self._lock(self.template)
        try:
            if not self._names(self.template):
                self._make_template()
        finally:
            self._connection.execute("SELECT pg_advisory_unlock(%s)", [_key(self.template)])

    def _make_template(self) -> None:
        unfinished = f"{self.template}_new"
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", unfinished)
        self._execute("CREATE DATABASE {} TEMPLATE template0", unfinished)
        try:
            library.run(
                self._settings.project,
                database=self._url(unfinished),
                environ=as_set(self._settings.environ),
                environment=self._settings.environment,
                mode="auto",
            )
        except BaseException:
            self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", unfinished)
            raise
        # A database with sessions cannot be cloned.
        self._execute("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", unfinished)
        self._execute("ALTER DATABASE {} RENAME TO {}", unfinished, self.template)
        self._drop_former()

    def _drop_former(self) -> None:
        """Drop the templates of the project's former states, but one that is just being cloned."""
        for name in self._names(f"{_TEMPLATE}{self._project}_%"):
            if name != self.template and not name.endswith("_new"):
                try:
                    self._execute("DROP DATABASE IF EXISTS {}", name)
                except ObjectInUse:
                    continue

    def _drop_left_behind(self) -> None:
        """Drop the clones of test processes that were killed."""
        for name in self._names(f"{_CLONE}%"):
            owner = name.rpartition("_")[0]
            row = self._connection.execute(
                "SELECT pg_try_advisory_lock(%s)", [_key(owner)]
            ).fetchone()
            if owner != f"{_CLONE}{self._token}" and row and row[0]:
                self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
                self._connection.execute("SELECT pg_advisory_unlock(%s)", [_key(owner)])

    def _names(self, pattern: str) -> list[str]:
        found = self._connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s ORDER BY 1",
            [pattern.replace("_", r"\_")],
        )
        return [str(row[0]) for row in found]

    def _lock(self, name: str) -> None:
        self._connection.execute("SELECT pg_advisory_lock(%s)", [_key(name)])

    def _execute(self, statement: str, *names: str) -> None:
        self._connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _url(self, name: str) -> str:
        assert self._settings.database is not None  # noqa: S101  # `seeded_databases` gave one
        server = self._settings.database.reveal()
        return re.sub(r"^(\w+://[^/?]*)(/[^?]*)?", rf"\g<1>/{name}", server)


@contextmanager
def seeded_databases(
    server: str,
    *,
    project: str | os.PathLike[str] | None = None,
    environment: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[SeededDatabases]:
    """Use a server for tests: `server` is the URL of any database on it, of a role with CREATEDB.

    Nothing happens in that database itself. `project` and `environment` are as for `seeder.run`,
    `environ` is what the catalog and the migrations see. Raises SeederError for bad settings and
    an invalid catalog, and psycopg.Error where the server cannot be used.
    """
    options = {} if environment is None else {"environment": environment}
    settings = library.settings_of(project, server, environ, options)
    assert settings.database is not None  # noqa: S101  # just given
    with psycopg.connect(settings.database.reveal(), autocommit=True) as connection:
        yield SeededDatabases(settings, connection)


def _digest(settings: Settings, connection: psycopg.Connection) -> str:
    """What decides a clone's content: seeder, server, files, environment, values of `!env`."""
    files = fingerprint(settings.project)
    load(settings.project, environment=settings.environment, environ=settings.confided)
    assert isinstance(settings.environ, Environ)  # noqa: S101  # as read_settings makes it
    taken = settings.environ.taken
    parts = [seeder.__version__, settings.environment, settings.schema, files, *sorted(taken)]
    parts.append(str(connection.info.server_version))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _key(name: str) -> int:
    """The number of an advisory lock by name: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
