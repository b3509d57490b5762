"""Where a database stands, seen from this image; nothing is written and no lock awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seeder.configuration.settings import Settings
from seeder.errors import RevisionUnknown
from seeder.merge.found import Status, UnfitSet
from seeder.merge.mode import ModeDecision, ModeFacts, decide_mode
from seeder.merge.model import Catalog, Mode
from seeder.merge.plan import SetDecision
from seeder.phases.opening import reading, require_same_environment
from seeder.runtime.log import Log

if TYPE_CHECKING:
    from seeder.database.applying.outlook import Outlook
    from seeder.database.connection.connect import Connection
    from seeder.database.ledger.tables.ledger import Ledger, Meta
    from seeder.database.migrations.revisions import RevisionGraph
    from seeder.merge.release_order import Brought, ReleaseOrder


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
    from seeder.database.connection import lock
    from seeder.database.connection.open_schemas import open_schemas
    from seeder.database.ledger.past import history
    from seeder.database.migrations.version_table import current
    from seeder.database.settling.open_conflicts import open_conflicts

    meta = ledger.meta(connection)
    if meta is not None:
        require_same_environment(meta.environment, settings)
    # A newer seeder's ledger may look otherwise inside: only what it promises is read.
    ours = meta is not None and meta.readable
    live = current(connection, catalog.migrations)
    found: Outlook | None = None
    if ours or meta is None:
        found = _outlook(connection, ledger, catalog, meta, pending=_pending(catalog, graph, live))
    skipped, waiting = history.skipped(connection, ledger) if ours else (0, ())
    names = [each.name for each in catalog.sets]
    deleted, deleted_rows = history.deleted(connection, ledger, names) if ours else (0, ())
    in_conflict, number = (
        open_conflicts(connection, ledger, catalog, values=values) if ours else ((), 0)
    )
    releases = history.releases(connection, ledger) if ours else ()
    environment = meta.environment if meta else settings.environment
    next_run = None
    if ours and _fits(graph, live):
        next_run = _next(connection, ledger, catalog, environment)
    holder = lock.holder(connection, lock.key_of(settings.schema))
    return Status(
        database=connection.info.dbname,
        environment=environment,
        project=catalog.identity,
        initialised=meta is not None,
        ledger_format=meta.format if meta else None,
        newer_ledger=meta is not None and not ours,
        releases=releases,
        migrations=_migrated_by(catalog),
        revision_live=live,
        revision_head=graph.heads,
        other_history=_other_history(connection, ledger, live, graph) if ours else None,
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
        last_runs=history.last_runs(connection, ledger) if ours else (),
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


def _pending(catalog: Catalog, graph: RevisionGraph, live: tuple[str, ...]) -> bool:
    """Whether migrations are pending, or may be: those of a command cannot be told."""
    if catalog.migrations.command is not None:
        return True
    return _fits(graph, live) and bool(graph.pending(live))


def _fits(graph: RevisionGraph, live: tuple[str, ...]) -> bool:
    """Whether this image may work here: the database is not ahead, nor another project's."""
    return not graph.revisions or set(live) <= set(graph.revisions)


def _other_history(
    connection: Connection, ledger: Ledger, live: tuple[str, ...], graph: RevisionGraph
) -> str | None:
    """Why a run of this image would be refused for its revisions; None: it would not."""
    from seeder.database.migrations.lineage import Lineage

    if not graph.revisions:
        return None
    try:
        Lineage(live, graph, known=ledger.revisions(connection)).standing()
    except RevisionUnknown as error:
        return error.message
    return None


def _next(
    connection: Connection, ledger: Ledger, catalog: Catalog, environment: str
) -> ModeDecision:
    """What the next ordinary run does, requests apart."""
    from seeder.database.ledger.runs.releases import read_order, taken_back

    order: ReleaseOrder | None = None
    lost: tuple[Brought, ...] = ()
    if catalog.release is not None:
        order = read_order(connection, ledger, catalog.release, catalog.supersedes)
        lost = taken_back(connection, ledger, order, catalog)
    return decide_mode(
        ModeFacts(
            asked=Mode.AUTO,
            environment=environment,
            release=catalog.release,
            applied=order.here if order else frozenset(),
            approved=False,
            takes_back={each.set: each.release for each in lost},
        )
    )


def _outlook(
    connection: Connection, ledger: Ledger, catalog: Catalog, meta: Meta | None, *, pending: bool
) -> Outlook:
    from seeder.database.applying.outlook import outlook

    before = None if meta is None else meta.tables_before
    created = None if before is None else frozenset(before)
    return outlook(connection, ledger, catalog, created=created, migrations_pending=pending)


def _named(found: Outlook | None, *wanted: SetDecision) -> tuple[str, ...]:
    if found is None:
        return ()
    return tuple(name for name, decision in found.decisions.items() if decision in wanted)
