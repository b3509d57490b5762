"""Rows that have left the catalog: kept, deleted or marked, as their set says."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.judging.departures import marking, stays
from seeder.database.judging.expressions import as_kept, places
from seeder.database.judging.verdict_rows import at_live, removing
from seeder.database.ledger.bases.notes import EMPTY, objects
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.ledger.tables.states import DELETED, KEPT, REMOVED
from seeder.database.schema.equality import canonical
from seeder.database.schema.rule_numbers import number, numbers, numbers_where
from seeder.database.staging.work import SetWork
from seeder.database.writing import images, marks
from seeder.merge.model import Removed
from seeder.merge.plan import RowAction
from seeder.merge.rules import ROW_RULES


def remove(
    connection: Connection, ledger: Ledger, works: Sequence[SetWork], *, run: int
) -> dict[str, list[str]]:
    """Carry out the verdicts on rows that have left the catalog, ledger included.

    The rows of all sets are deleted in one statement: they may refer to each other.

    Returns by set the row keys of those that a trigger did not let go.
    """
    protected: dict[str, list[str]] = {}
    for work in works:
        if work.seed_set.removed is not Removed.KEEP:
            _record_images(connection, ledger, work, run=run)
    deletes = [_delete(work) for work in works if work.seed_set.removed is Removed.DELETE]
    if deletes:
        *before, last = deletes
        connection.execute(
            sql.SQL("WITH {} ").format(
                sql.SQL(", ").join(
                    sql.SQL("{} AS ({})").format(sql.Identifier(f"d{n}"), each)
                    for n, each in enumerate(before)
                )
            )
            + last
            if before
            else last
        )
    for work in works:
        if work.seed_set.removed is Removed.SET:
            marks.mark(connection, work, run=run)
        elif work.seed_set.removed is Removed.DELETE and work.table.keeps:
            protected[work.name] = _protected(connection, ledger, work, run=run)
        _record(connection, work, run=run)
    return protected


def _protected(connection: Connection, ledger: Ledger, work: SetWork, *, run: int) -> list[str]:
    """Let rows that are there although they were deleted stay; returns their row keys."""
    rows = connection.execute(
        work.compose(
            "WITH still AS (UPDATE {verdict} w SET verdict = {kept} FROM {live} t"
            " WHERE w.s IS NULL AND {at_live} AND {removing} RETURNING w.b)"
            " UPDATE {base} b SET notes = coalesce(b.notes, {empty})"
            " || pg_catalog.jsonb_build_object('removal_blocked', {run}::bigint, 'protected', true)"
            " FROM still WHERE b.ctid = still.b RETURNING b.addr",
            kept=number(ROW_RULES, "left_protected_before"),
            at_live=at_live(work),
            removing=removing(),
            empty=EMPTY,
            run=sql.Literal(run),
        )
    ).fetchall()
    keys = sorted(addr for (addr,) in rows)
    if keys:
        connection.execute(
            ledger.sql(
                "DELETE FROM {s}.changes WHERE run = %s AND base = %s AND scope = %s"
                " AND addr = ANY (%s) AND after IS NULL"
            ),
            [run, work.base.id, work.scope, keys],
        )
    return keys


def _delete(work: SetWork) -> sql.Composed:
    return work.compose(
        "DELETE FROM {live} t USING {verdict} w WHERE w.s IS NULL AND {} AND {}",
        at_live(work),
        removing(),
    )


def _record(connection: Connection, work: SetWork, *, run: int) -> None:
    for action, state in (
        (RowAction.RELEASE, KEPT),
        (RowAction.RECORD, DELETED),
        (RowAction.DELETE, REMOVED),
    ):
        known: list[sql.Composable] = [
            sql.SQL("state = {}").format(state),
            sql.SQL("run = {}").format(sql.Literal(run)),
        ]
        if action is RowAction.RELEASE:
            known.append(places(work))
        connection.execute(
            work.compose(
                "UPDATE {base} b SET {} FROM {verdict} w"
                " WHERE w.s IS NULL AND b.ctid = w.b AND w.verdict = ANY ({})",
                sql.SQL(", ").join(known),
                numbers(ROW_RULES, {action}),
            )
        )
    # Reported once. From then on `status` lists it, under the current name of the set.
    connection.execute(
        work.compose(
            "UPDATE {base} b SET notes = coalesce(b.notes, {empty})"
            " || pg_catalog.jsonb_build_object('removal_blocked',"
            " coalesce(b.notes -> 'removal_blocked'::text, {run})),"
            " seed_set = {own} FROM {verdict} w"
            " WHERE w.s IS NULL AND b.ctid = w.b AND w.verdict = ANY ({staying})"
            " AND NOT coalesce(b.notes ? 'removal_blocked'::text AND b.seed_set = {own}, false)",
            empty=EMPTY,
            run=sql.SQL("pg_catalog.to_jsonb({}::bigint)").format(sql.Literal(run)),
            own=sql.Literal(work.set_id),
            staying=numbers_where(ROW_RULES, stays),
        )
    )


def _record_images(connection: Connection, ledger: Ledger, work: SetWork, *, run: int) -> None:
    """Keep whole deleted rows, and the columns that a removal marks."""
    whole: sql.Composable = sql.SQL("pg_catalog.jsonb_build_object({})").format(
        sql.SQL(", ").join(
            sql.SQL("{}, ({})::text").format(Named(name), as_kept(work, name))
            for name, column in work.table.columns.items()
            if name not in work.seed_set.secrets and not column.generated
        )
    )
    after: sql.Composable = sql.SQL("NULL::jsonb")
    if work.seed_set.removed is Removed.SET:
        marked = marking(work)
        whole = objects(
            (condition, name, as_kept(work, name)) for name, (condition, _) in marked.items()
        )
        after = objects(
            (condition, name, canonical(value, work.live(name)))
            for name, (condition, value) in marked.items()
        )
    source = work.compose(
        "{verdict} w JOIN {base} b ON b.ctid = w.b JOIN {live} t ON {}\nWHERE w.s IS NULL AND {}",
        at_live(work),
        removing(),
    )
    images.keep(
        connection,
        ledger,
        work,
        run=run,
        before=whole,
        after=after,
        addr=sql.SQL("b.addr"),
        source=source,
    )
