"""Marks of removal: what `removed: {set: ...}` writes, and how it is taken off again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.judging import departures
from seeder.database.judging.collisions import MARKS_FREED, MARKS_LEAVING
from seeder.database.judging.expressions import as_kept, called, places
from seeder.database.judging.verdict_rows import at_live, removing
from seeder.database.ledger.bases.bases import BaseColumn
from seeder.database.ledger.bases.entry_values import removal
from seeder.database.ledger.bases.notes import EMPTY
from seeder.database.schema.equality import canonical, cast, either, same_text
from seeder.database.staging.work import SetWork


def mark(connection: Connection, work: SetWork, *, run: int) -> None:
    """Write the removal's columns, then tell the ledger what they were and are.

    The entry's base takes the removal's value, so that the ordinary rules bring the
    catalog's value back when the row returns; columns the catalog never asked for are
    remembered in the notes.
    """
    marked = departures.marking(work)
    remembered = sql.SQL(" || ").join(
        either(
            condition,
            sql.SQL(
                "pg_catalog.jsonb_build_object({},"
                " pg_catalog.jsonb_build_array(({})::text, ({})::text))"
            ).format(Named(name), as_kept(work, name), canonical(value, work.live(name))),
            EMPTY,
        )
        for name, (condition, value) in marked.items()
    )
    bases = [
        (work.base.columns[name], condition, canonical(value, work.live(name)))
        for name, (condition, value) in marked.items()
        if name in work.base.columns
    ]
    # One statement: what to write depends on entry and live row as both were before.
    connection.execute(
        work.compose(
            "WITH marked AS MATERIALIZED (\n"
            "  SELECT w.b, {keys}, {remembered} AS removed{flags}\n"
            "  FROM {verdict} w JOIN {base} b ON b.ctid = w.b JOIN {live} t ON {at_live}\n"
            "  WHERE w.s IS NULL AND {removing}\n"
            "), entries AS (\n"
            "  UPDATE {base} b SET state = {set}, run = {run}, {places},"
            " notes = {notes} || pg_catalog.jsonb_build_object('removed', w.removed){asked}\n"
            "  FROM marked w WHERE b.ctid = w.b\n"
            ")\n"
            "UPDATE {live} t SET {sets}\nFROM marked w WHERE {at_live} AND w.removed <> {empty}",
            keys=sql.SQL(", ").join(
                sql.Identifier("w", f"k{n}") for n in range(1, len(work.base.primary_key) + 1)
            ),
            places=places(work),
            remembered=remembered,
            flags=sql.SQL("").join(
                sql.SQL(", {}").format(called(condition, f"w{column.n}"))
                for column, condition, _ in bases
            ),
            at_live=at_live(work),
            removing=removing(),
            run=sql.Literal(run),
            notes=_notes_without(bases),
            asked=_asked_after(bases),
            sets=sql.SQL(", ").join(
                sql.SQL("{0} = CASE WHEN w.removed ? {1}::text THEN {2} ELSE t.{0} END").format(
                    sql.Identifier(name), Named(name), value
                )
                for name, (_, value) in marked.items()
            ),
            empty=EMPTY,
        )
    )
    if work.table.rewrites:
        _reread_marks(connection, work, marked, run=run)


def _notes_without(
    bases: Sequence[tuple[BaseColumn, sql.Composable, sql.Composable]],
) -> sql.Composable:
    """An entry's notes, without what they say of values that the removal replaces."""
    notes: sql.Composable = sql.SQL("coalesce(b.notes, {})").format(EMPTY)
    for column, _, _ in bases:
        notes = sql.SQL(
            "CASE WHEN w.{w} THEN {notes} #- ARRAY['stored', {name}] #- ARRAY['offered', {name}]"
            " #- ARRAY['since', {name}] #- ARRAY['parts', {name}] ELSE {notes} END"
        ).format(w=sql.Identifier(f"w{column.n}"), notes=notes, name=Named(column.name))
    return sql.SQL("({})").format(notes)


def _reread_marks(
    connection: Connection,
    work: SetWork,
    marked: Mapping[str, tuple[sql.Composable, sql.Composable]],
    *,
    run: int,
) -> None:
    """Where triggers may rewrite values: note what the table made of the marks."""
    for name in marked:
        now = sql.SQL("({})::text").format(as_kept(work, name))
        base = work.base.columns.get(name)
        noted = (
            EMPTY
            if base is None
            else sql.SQL(
                "pg_catalog.jsonb_build_object('stored',"
                " coalesce(b.notes -> 'stored'::text, '{{}}')"
                " || pg_catalog.jsonb_build_object({}, {}))"
            ).format(Named(name), now)
        )
        connection.execute(
            work.compose(
                "UPDATE {base} b SET notes = pg_catalog.jsonb_set(b.notes, ARRAY['removed',"
                " {name}, '1'],"
                " coalesce(pg_catalog.to_jsonb({now}), 'null')) || {noted}\nFROM {live} t"
                " WHERE b.scope = {scope} AND b.state = {set} AND b.run = {run} AND {at}"
                " AND b.notes -> 'removed'::text ? {name}::text"
                " AND b.notes #>> ARRAY['removed', {name}, '1'] IS DISTINCT FROM {now}",
                name=Named(name),
                now=now,
                noted=noted,
                run=sql.Literal(run),
                at=work.at_primary_key("t", "b"),
            )
        )


def _asked_after(
    bases: Sequence[tuple[BaseColumn, sql.Composable, sql.Composable]],
) -> sql.Composable:
    sets: list[sql.Composable] = []
    for column, _, value in bases:
        marked = sql.Identifier("w", f"w{column.n}")
        now = [(column.asked, value)]
        if column.reference:
            now.append((column.symbol, sql.SQL("NULL")))
        sets += [
            sql.SQL(", {0} = CASE WHEN {1} THEN {2} ELSE b.{0} END").format(name, marked, new)
            for name, new in now
        ]
    return sql.SQL("").join(sets)


def bring_back(connection: Connection, work: SetWork) -> int:
    """Undo the marks of rows that are back in the catalog, in columns it does not name.

    A column is put back only while it still holds what the removal wrote. Runs before the
    entries are updated, on rows that are locked; a row that waits for another stays as it is.
    """
    unique = {name for guard in work.table.guards for name in guard.columns}
    rows = connection.execute(
        work.compose(
            "SELECT DISTINCT pg_catalog.jsonb_object_keys(b.notes -> 'removed'::text) FROM"
            " {verdict} w"
            " JOIN {base} b ON b.ctid = w.b"
            " WHERE w.live AND w.s IS NOT NULL AND b.state = {set} AND w.verdict = ANY ({})",
            MARKS_LEAVING,
        )
    ).fetchall()
    written = 0
    for (name,) in rows:
        if work.stage.has(name) or name not in work.table.columns:
            continue
        live = work.live(name)
        written += connection.execute(
            work.compose(
                "UPDATE {live} t SET {col} = {before}\n"
                "FROM {verdict} w JOIN {base} b ON b.ctid = w.b\n"
                "WHERE w.live AND w.s IS NOT NULL AND b.state = {set} AND {at_live} AND {as_marked}"
                " AND w.verdict = ANY ({leaving})",
                col=sql.Identifier(name),
                before=cast(removal(name, after=False), live),
                at_live=at_live(work),
                leaving=MARKS_FREED if name in unique else MARKS_LEAVING,
                as_marked=same_text(sql.Identifier("t", name), removal(name, after=True), live),
            )
        ).rowcount
    return written
