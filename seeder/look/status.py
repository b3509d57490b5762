"""Where a database stands, seen from this image; nothing is written and no lock awaited."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from seeder.errors import DatabaseUnavailable
from seeder.log import Log
from seeder.merge.found import Status
from seeder.merge.model import Catalog
from seeder.merge.plan import SetDecision
from seeder.opening import connected, read_catalog, target_of
from seeder.settings import Settings

if TYPE_CHECKING:
    from seeder.database.connect import Connection
    from seeder.database.ledger import Ledger, Meta
    from seeder.database.revisions import RevisionGraph


def status(settings: Settings, *, log: Log, clock: Callable[[], float] = time.monotonic) -> Status:
    """Say where the database stands; for a role that may only read, and on a standby too.

    Raises ConfigurationInvalid and MigrationsInvalid for this image's own files, and what
    connecting raises.
    """
    from seeder.database.failures import translated
    from seeder.database.ledger import Ledger

    deadline = clock() + settings.deadline
    catalog, graph = read_catalog(settings)
    ledger = Ledger(schema=settings.schema)
    with (
        target_of(settings) as target,
        connected(
            settings, target, log=log, deadline=deadline, writable=False, clock=clock
        ) as connection,
        translated(doing="reading where the database stands", otherwise=DatabaseUnavailable),
        connection.transaction(),
    ):
        # One moment for all answers, although a job may be at work.
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return _read(settings, connection, ledger, catalog, graph)


def _read(
    settings: Settings,
    connection: Connection,
    ledger: Ledger,
    catalog: Catalog,
    graph: RevisionGraph,
) -> Status:
    from seeder.database import history, lock
    from seeder.database.migrate import current

    meta = ledger.meta(connection)
    # A newer seeder's ledger may look otherwise inside: only what it promises is read.
    ours = meta is not None and meta.readable
    decisions = _decisions(connection, ledger, catalog, meta) if ours or meta is None else {}
    holder = lock.holder(connection, lock.key_of(settings.schema))
    return Status(
        database=connection.info.dbname,
        environment=meta.environment if meta else settings.environment,
        initialised=meta is not None,
        ledger_format=meta.format if meta else None,
        newer_ledger=meta is not None and not ours,
        releases=history.releases(connection, ledger) if ours else (),
        revision_live=current(connection, catalog.migrations),
        revision_head=graph.heads,
        unadopted=_named(decisions, SetDecision.UNADOPTED),
        pending=_named(decisions, SetDecision.PENDING),
        conflicts=history.conflicts(connection, ledger) if ours else 0,
        in_conflict=history.open_conflicts(connection, ledger) if ours else (),
        last_runs=history.last_runs(connection, ledger) if ours else (),
        lock_holder=None
        if holder is None
        else {
            "pid": holder.pid,
            "application_name": holder.application_name,
            "since": holder.since and holder.since.isoformat(timespec="seconds"),
        },
    )


def _decisions(
    connection: Connection, ledger: Ledger, catalog: Catalog, meta: Meta | None
) -> dict[str, SetDecision]:
    from seeder.database.outlook import outlook

    before = None if meta is None else meta.tables_before
    created = None if before is None else frozenset(before)
    return outlook(connection, ledger, catalog, created=created)


def _named(decisions: dict[str, SetDecision], wanted: SetDecision) -> tuple[str, ...]:
    return tuple(name for name, decision in decisions.items() if decision is wanted)
