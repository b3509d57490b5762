"""What every command that touches a database begins with: target, connection, lock, catalog."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from seeder.configuration.settings import DEFAULT_ENVIRONMENT, Settings
from seeder.errors import ConfigurationInvalid, DatabaseUnavailable
from seeder.runtime.log import Log

if TYPE_CHECKING:
    from seeder.database.connection.connect import Connection
    from seeder.database.connection.target import Target
    from seeder.database.ledger.tables.ledger import Ledger
    from seeder.database.migrations.revisions import RevisionGraph
    from seeder.merge.model import Catalog
    from seeder.merge.ownership import Image


@contextmanager
def target_of(settings: Settings) -> Iterator[Target]:
    """The database to work on; an embedded server stops with the last command that uses it."""
    from seeder.database.connection.target import Target

    if settings.embedded is None:
        assert settings.database is not None  # noqa: S101  # read_settings requires one
        reveal = settings.database.reveal
        yield Target.parse(reveal(), source=reveal)
        return
    from seeder.phases.sharing import shared_server

    with shared_server(settings.embedded) as server:
        yield Target.parse(server.conninfo())


@contextmanager
def connected(
    settings: Settings,
    target: Target,
    *,
    log: Log,
    deadline: float,
    writable: bool = True,
) -> Iterator[Connection]:
    """Wait for the database and prepare the one connection that does all the work.

    Without `writable` a standby will do, and a pooler is not looked for: nothing is locked.
    """
    from seeder.database.connection import pooler, session
    from seeder.database.connection.wait import wait_until_ready

    connection = wait_until_ready(
        target,
        timeout=settings.wait_timeout,
        deadline=deadline,
        log=log,
        writable=writable,
    )
    if log.tells_statements:
        from seeder.database.connection.statements import tell

        tell(connection, log)
    try:
        if writable:
            pooler.require_direct(connection, target)
        session.prepare(connection, lock_timeout=settings.ddl_lock_timeout, role=settings.set_role)
        yield connection
    finally:
        with suppress(Exception):  # closing a connection that is lost already
            connection.close()


@contextmanager
def opened(
    settings: Settings, *, log: Log, writable: bool = True
) -> Iterator[tuple[Connection, Target, float]]:
    """Find the database and connect to it; see `connected`.

    Yields the deadline of the command with it, as `time.monotonic` counts.
    """
    deadline = time.monotonic() + settings.deadline
    with (
        target_of(settings) as target,
        connected(settings, target, log=log, deadline=deadline, writable=writable) as connection,
    ):
        yield connection, target, deadline


@contextmanager
def reading(
    settings: Settings, *, log: Log
) -> Iterator[tuple[Connection, Ledger, Catalog, RevisionGraph]]:
    """Connect to read only, all of it as of one moment; a standby will do."""
    from seeder.database.connection.failures import translated
    from seeder.database.ledger.tables import projects
    from seeder.database.ledger.tables.ledger import Ledger

    catalog, graph = read_catalog(settings)
    with (
        opened(settings, log=log, writable=False) as (connection, *_),
        translated(doing="reading where the database stands", otherwise=DatabaseUnavailable),
        connection.transaction(),
    ):
        # One moment for all answers, although a job may be at work.
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        ledger = projects.opened(
            connection, Ledger(schema=settings.schema), image_of(catalog, graph)
        )
        yield connection, ledger, catalog, graph


def locked(
    settings: Settings,
    connection: Connection,
    target: Target,
    *,
    log: Log,
    deadline: float,
) -> Ledger:
    """Take the advisory lock; from here on all state is read again.

    The lock is held until the connection closes. Raises AccessDenied for a ledger that is
    another role's, and ServerUnsupported for a lock that keeps nobody out.
    """
    from seeder.database.connection import lock, pooler
    from seeder.database.ledger.tables.ledger import Ledger
    from seeder.database.ledger.tables.ownership import require_own

    key = lock.key_of(settings.schema)
    lock.acquire(
        connection,
        key,
        timeout=settings.lock_timeout,
        deadline=deadline,
        log=log,
    )
    ledger = Ledger(schema=settings.schema)
    if not require_own(connection, ledger):
        pooler.require_exclusive(connection, target, key)  # once: a ledger says that it was done
    return ledger


def require_same_environment(marked: str, settings: Settings) -> None:
    """Refuse a command whose environment is not the one that the database is marked with."""
    if marked == settings.environment:
        return
    raise ConfigurationInvalid(
        f"This database is marked {marked}, and this is for {settings.environment}.",
        hint=f"Check SEEDER_ENVIRONMENT (without it: {DEFAULT_ENVIRONMENT}) and the database URL."
        f" `seeder mark {settings.environment} --database NAME` marks it anew, where it has"
        " changed its role.",
        marked=marked,
        environment=settings.environment,
        code="environment-mismatch",
    )


def image_of(catalog: Catalog, graph: RevisionGraph) -> Image:
    """What an image says of its project, for the ledger to know it by."""
    from seeder.merge.ownership import Image

    return Image(
        identity=catalog.identity,
        revisions=frozenset(graph.revisions),
        sets=frozenset(each.name for each in (*catalog.sets, *catalog.inactive)),
    )


def read_catalog(settings: Settings) -> tuple[Catalog, RevisionGraph]:
    """Read and check everything that can be checked without a database."""
    from seeder.catalog.loader import load

    catalog = load(settings.project, environment=settings.environment, environ=settings.confided)
    return catalog, read_revisions(catalog)


def read_revisions(catalog: Catalog) -> RevisionGraph:
    """Read the migrations, and check what the catalog says about them."""
    from seeder.catalog.assembling.after import require_after
    from seeder.database.migrations.revisions import read_graph

    graph = read_graph(catalog.migrations)
    require_after(catalog, tuple(graph.revisions), graph.ancestors)
    return graph
