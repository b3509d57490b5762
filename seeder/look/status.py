"""Where a database stands, seen from this image; nothing is written and no lock awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seeder.configuration.settings import Settings
from seeder.errors import RevisionUnknown
from seeder.merge.found import Status, UnfitSet
from seeder.merge.model import Catalog, Mode
from seeder.merge.plan import SetDecision
from seeder.phases.opening import reading, require_same_environment
from seeder.phases.planning import Planner
from seeder.runtime.log import Log

if TYPE_CHECKING:
    from seeder.database.applying.outlook import Outlook
    from seeder.database.connection.connect import Connection
    from seeder.database.ledger.tables.ledger import Ledger
    from seeder.database.migrations.revisions import RevisionGraph


_RUNS = 10
_DUE = (SetDecision.INSERT, SetDecision.ADOPT, SetDecision.MERGE)
"""What an ordinary run does to a set that is not through: its first rows, or the rest of them."""


def status(
    settings: Settings,
    *,
    log: Log,
    values: bool = False,
) -> Status:
    """Say where the database stands; for a role that may only read, and on a standby too.

    With `values` conflicts are told with theirs, for which the role must be able to read the
    tables. Raises ConfigurationInvalid and MigrationsInvalid for this image's own files, and what
    connecting raises.
    """
    with reading(settings, log=log) as opened:
        return _read(settings, *opened, values=values)


def _read(
    settings: Settings,
    connection: Connection,
    ledger: Ledger,
    catalog: Catalog,
    graph: RevisionGraph,
    *,
    values: bool,
) -> Status:
    from seeder.database.applying.outlook import outlook
    from seeder.database.connection import lock
    from seeder.database.connection.session import open_schemas
    from seeder.database.ledger.past import history
    from seeder.database.ledger.past.run_history import read_runs
    from seeder.database.migrations.version_table import current
    from seeder.database.settling.open_conflicts import open_conflicts

    meta = ledger.meta(connection)
    if meta is not None:
        require_same_environment(meta.environment, settings)
    # A newer seeder's ledger may look otherwise inside: only what it promises is read.
    ours = meta is not None and meta.readable
    planner: Planner | None = None
    other_history = None
    try:
        planner = Planner.read(settings, connection, ledger, catalog, graph)
    except RevisionUnknown as error:
        other_history = error.message
    found: Outlook | None = None
    if ours or meta is None:
        pending = planner is not None and planner.may_migrate
        created = None if meta is None else meta.tables_before
        found = outlook(connection, ledger, catalog, created=created, migrations_pending=pending)
    skipped, waiting = history.skipped(connection, ledger) if ours else (0, ())
    names = [each.name for each in catalog.sets]
    deleted, deleted_rows = history.deleted(connection, ledger, names) if ours else (0, ())
    in_conflict, number = (
        open_conflicts(connection, ledger, catalog, values=values) if ours else ((), 0)
    )
    releases = history.releases(connection, ledger) if ours else ()
    next_run = None
    if ours and planner is not None and planner.left_alone is None:
        next_run = planner.decide(Mode.AUTO)
    holder = lock.holder(connection, lock.key_of(settings.schema))
    return Status(
        database=connection.info.dbname,
        environment=meta.environment if meta else settings.environment,
        project=catalog.identity,
        initialised=meta is not None,
        ledger_format=meta.format if meta else None,
        newer_ledger=meta is not None and not ours,
        releases=releases,
        migrations=_migrated_by(catalog),
        revision_live=current(connection, catalog.migrations),
        revision_head=graph.heads,
        other_history=other_history if ours else None,
        unadopted=_named(found, SetDecision.UNADOPTED),
        pending=_named(found, SetDecision.PENDING),
        due=_named(found, *_DUE) if ours else (),
        update=next_run.reason if next_run and next_run.mode is Mode.UPDATE else None,
        held_back=next_run.warning if next_run else None,
        awaiting=_named(found, SetDecision.AWAITING_TABLE),
        unfit=tuple(UnfitSet(name=name, message=why) for name, why in found.unfit.items())
        if found
        else (),
        conflicts=number,
        in_conflict=in_conflict,
        skipped=skipped,
        waiting=tuple(each.address for each in waiting),
        deleted=deleted,
        deleted_rows=tuple(each.address for each in deleted_rows),
        last_runs=read_runs(connection, ledger, limit=_RUNS) if ours else (),
        open_schemas=open_schemas(connection),
        lock_holder=None
        if holder is None
        else {
            "pid": holder.pid,
            "application_name": holder.application_name,
            "since": holder.since and holder.since.isoformat(timespec="seconds"),
        },
    )


def _migrated_by(catalog: Catalog) -> str:
    if catalog.migrations.alembic is not None:
        return "alembic"
    return "none" if catalog.migrations.none else "command"


def _named(found: Outlook | None, *wanted: SetDecision) -> tuple[str, ...]:
    if found is None:
        return ()
    return tuple(name for name, decision in found.decisions.items() if decision in wanted)
