"""Rows that have left the catalog: kept, deleted or marked, as their set says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from seeder.database import images
from seeder.database.bases import BaseColumn
from seeder.database.expressions import stored, unknown
from seeder.database.facts import numbers
from seeder.database.ledger import Ledger
from seeder.database.notes import EMPTY, objects
from seeder.database.schema import Column, ForeignKey
from seeder.database.values import canonical, same
from seeder.database.work import SetWork, constant
from seeder.database.write import at_live, removing, writing
from seeder.merge.model import Removed
from seeder.merge.plan import RowAction
from seeder.merge.rules import COLUMN_RULES, COLUMN_WRITES, ROW_RULES

_HELD = next(n for n, rule in enumerate(ROW_RULES) if rule.when == "on_removal_delete referenced")
_LEAVING = numbers(ROW_RULES, {RowAction.DELETE})


def referenced(
    work: SetWork, together: Sequence[SetWork], works: Mapping[str, SetWork], *, written: bool
) -> sql.Composable:
    """Condition: a row of another table refers to live row `t`.

    Rows that this same seeding deletes do not count; nor, where its updates are not
    `written` yet, do those that it lets refer to another row. Tables of the sets that are
    judged `together` are left to `hold_parents`.
    """
    inside = {each.table.qualified for each in together}
    conditions = [
        _refers(key, _excused(key, works, written=written))
        for key in work.table.referencing
        if key.table not in inside
    ]
    return sql.SQL(" OR ").join(conditions) if conditions else sql.SQL("false")


def hold_parents(
    connection: psycopg.Connection[Any],
    together: Sequence[SetWork],
    works: Mapping[str, SetWork],
    *,
    written: bool,
) -> None:
    """Keep leaving rows that staying rows of the same tables refer to, and their parents."""
    inside = {each.table.qualified for each in together}
    statements = []
    for work in together:
        keys = [key for key in work.table.referencing if key.table in inside]
        if keys and work.seed_set.removed is Removed.DELETE:
            statements.append(_holding(work, keys, works, written=written))
    while sum(connection.execute(statement).rowcount for statement in statements):
        pass


def _holding(
    work: SetWork, keys: Sequence[ForeignKey], works: Mapping[str, SetWork], *, written: bool
) -> sql.Composed:
    itself = sql.SQL("NOT ({})").format(
        sql.SQL(" AND ").join(
            sql.SQL("c.{0} = t.{0}").format(sql.Identifier(name)) for name in work.base.primary_key
        )
    )
    held = sql.SQL(" OR ").join(
        _refers(
            key,
            [
                *([itself] if key.table == work.table.qualified else []),
                *_excused(key, works, written=written),
            ],
        )
        for key in keys
    )
    return sql.SQL(
        "UPDATE {verdict} w SET verdict = {held} FROM {live} t\n"
        "WHERE w.s IS NULL AND w.verdict = ANY ({leaving}) AND {at_live} AND ({condition})"
    ).format(
        verdict=work.verdict,
        held=sql.Literal(_HELD),
        live=work.table.identifier,
        leaving=_LEAVING,
        at_live=at_live(work),
        condition=held,
    )


def _refers(key: ForeignKey, restrictions: Sequence[sql.Composable]) -> sql.Composable:
    """Condition: a row `c` of the foreign key's table refers to live row `t`."""
    pairs = [
        sql.SQL("c.{} = t.{}").format(sql.Identifier(one), sql.Identifier(other))
        for one, other in zip(key.columns, key.target_columns, strict=True)
    ]
    return sql.SQL("EXISTS (SELECT FROM {} c WHERE {})").format(
        sql.Identifier(key.table.schema or "public", key.table.name),
        sql.SQL(" AND ").join([*pairs, *restrictions]),
    )


def _excused(
    key: ForeignKey, works: Mapping[str, SetWork], *, written: bool
) -> list[sql.Composable]:
    """Conditions on row `c`: no set deletes it or lets it refer elsewhere."""
    found = []
    for other in works.values():
        if other.table.qualified != key.table:
            continue
        found.append(_not_leaving(other))
        columns = [name for name in key.columns if other.stage.has(name)]
        if columns and not written:
            rewritten = sql.SQL(" OR ").join(
                sql.SQL("coalesce(w.{} = ANY ({}), false)").format(
                    sql.Identifier(f"v{other.stage.position(name)}"),
                    numbers(COLUMN_RULES, COLUMN_WRITES),
                )
                for name in columns
            )
            found.append(
                sql.SQL("NOT EXISTS (SELECT FROM {} w WHERE {} AND {} AND ({}))").format(
                    other.verdict, at_live(other, "c"), writing(other), rewritten
                )
            )
    return found


def _not_leaving(work: SetWork) -> sql.Composable:
    return sql.SQL("NOT EXISTS (SELECT FROM {} w WHERE {} AND w.verdict = ANY ({}))").format(
        work.verdict, at_live(work, "c"), _LEAVING
    )


def _visible(work: SetWork) -> dict[str, Column]:
    secret = {column.name for column in work.seed_set.columns if column.secret}
    return {
        name: column
        for name, column in work.table.columns.items()
        if name not in secret and not column.generated
    }


def remove(
    connection: psycopg.Connection[Any], ledger: Ledger, works: Sequence[SetWork], *, run: int
) -> None:
    """Carry out the verdicts on rows that have left the catalog, ledger included.

    The rows of all sets are deleted in one statement: they may refer to each other.
    """
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
            _mark(connection, work, run=run)
        _record(connection, work, run=run)


def _delete(work: SetWork) -> sql.Composed:
    return sql.SQL("DELETE FROM {} t USING {} w WHERE w.s IS NULL AND {} AND {}").format(
        work.table.identifier, work.verdict, at_live(work), removing()
    )


def _places(work: SetWork) -> sql.Composable:
    """The ledger learns where the live row of `w` is: people may have given it another key."""
    return sql.SQL(", ").join(
        sql.SQL("{} = {}").format(
            work.base.p(n), canonical(sql.Identifier("w", f"k{n + 1}"), work.live(name))
        )
        for n, name in enumerate(work.base.primary_key)
    )


def _record(connection: psycopg.Connection[Any], work: SetWork, *, run: int) -> None:
    for action, state in (
        (RowAction.RELEASE, "k"),
        (RowAction.RECORD, "d"),
        (RowAction.DELETE, "r"),
    ):
        known: list[sql.Composable] = [
            sql.SQL("state = {}").format(sql.Literal(state)),
            sql.SQL("run = {}").format(sql.Literal(run)),
        ]
        if action is RowAction.RELEASE:
            known.append(_places(work))
        connection.execute(
            sql.SQL(
                "UPDATE {} b SET {} FROM {} w"
                " WHERE w.s IS NULL AND b.ctid = w.b AND w.verdict = ANY ({})"
            ).format(
                work.base.relation,
                sql.SQL(", ").join(known),
                work.verdict,
                numbers(ROW_RULES, {action}),
            )
        )


def _record_images(
    connection: psycopg.Connection[Any], ledger: Ledger, work: SetWork, *, run: int
) -> None:
    """Keep whole deleted rows, and the columns that a removal marks."""
    visible = _visible(work)
    whole: sql.Composable = sql.SQL("jsonb_build_object({})").format(
        sql.SQL(", ").join(
            sql.SQL("{}, ({})::text").format(
                sql.Literal(name), canonical(sql.Identifier("t", name), column)
            )
            for name, column in visible.items()
        )
    )
    after: sql.Composable = sql.SQL("NULL::jsonb")
    if work.seed_set.removed is Removed.SET:
        marked = _marked(work)
        whole = objects(
            (condition, name, canonical(sql.Identifier("t", name), work.live(name)))
            for name, (condition, _) in marked.items()
        )
        after = objects(
            (condition, name, canonical(value, work.live(name)))
            for name, (condition, value) in marked.items()
        )
    source = sql.SQL(
        "{} w JOIN {} b ON b.ctid = w.b JOIN {} t ON {}\nWHERE w.s IS NULL AND {}"
    ).format(work.verdict, work.base.relation, work.table.identifier, at_live(work), removing())
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


def _marked(work: SetWork) -> dict[str, tuple[sql.Composable, sql.Composable]]:
    """Columns of `removed: {set: ...}`: when each is written (nobody changed it), and what."""
    marked: dict[str, tuple[sql.Composable, sql.Composable]] = {}
    for name, cell in work.seed_set.removed_values:
        live = work.live(name)
        value = constant(cell, live)
        now = canonical(sql.Identifier("t", name), live)
        differs = sql.SQL("NOT {}").format(same(now, canonical(value, live)))
        base = work.base.columns.get(name)
        untouched: sql.Composable = sql.SQL("true")
        if base is not None:
            untouched = sql.SQL("(NOT {} AND {})").format(unknown(base), same(now, stored(base)))
        marked[name] = (sql.SQL("({} AND {})").format(differs, untouched), value)
    return marked


def _mark(connection: psycopg.Connection[Any], work: SetWork, *, run: int) -> None:
    """Write the removal's columns, then tell the ledger what they were and are.

    The entry's base takes the removal's value, so that the ordinary rules bring the
    catalog's value back when the row returns; columns the catalog never asked for are
    remembered in the notes.
    """
    marked = _marked(work)
    remembered = sql.SQL(" || ").join(
        sql.SQL(
            "CASE WHEN {} THEN jsonb_build_object({}, jsonb_build_array({}, {})) ELSE {} END"
        ).format(
            condition,
            sql.Literal(name),
            sql.SQL("({})::text").format(canonical(sql.Identifier("t", name), work.live(name))),
            sql.SQL("({})::text").format(canonical(value, work.live(name))),
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
        sql.SQL(
            "WITH marked AS MATERIALIZED (\n"
            "  SELECT w.b, {keys}, {remembered} AS removed{flags}\n"
            "  FROM {verdict} w JOIN {base} b ON b.ctid = w.b JOIN {live} t ON {at_live}\n"
            "  WHERE w.s IS NULL AND {removing}\n"
            "), entries AS (\n"
            "  UPDATE {base} b SET state = 's', run = {run}, {places},"
            " notes = {notes} || jsonb_build_object('removed', w.removed){asked}\n"
            "  FROM marked w WHERE b.ctid = w.b\n"
            ")\n"
            "UPDATE {live} t SET {sets}\nFROM marked w WHERE {at_live} AND w.removed <> {empty}"
        ).format(
            keys=sql.SQL(", ").join(
                sql.Identifier("w", f"k{n}") for n in range(1, len(work.base.primary_key) + 1)
            ),
            places=_places(work),
            remembered=remembered,
            flags=sql.SQL("").join(
                sql.SQL(", {} AS {}").format(condition, sql.Identifier(f"w{column.n}"))
                for column, condition, _ in bases
            ),
            verdict=work.verdict,
            base=work.base.relation,
            live=work.table.identifier,
            at_live=at_live(work),
            removing=removing(),
            run=sql.Literal(run),
            notes=_notes_without(bases),
            asked=_asked_after(bases),
            sets=sql.SQL(", ").join(
                sql.SQL("{0} = CASE WHEN w.removed ? {1} THEN {2} ELSE t.{0} END").format(
                    sql.Identifier(name), sql.Literal(name), value
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
            " ELSE {notes} END"
        ).format(w=sql.Identifier(f"w{column.n}"), notes=notes, name=sql.Literal(column.name))
    return sql.SQL("({})").format(notes)


def _reread_marks(
    connection: psycopg.Connection[Any],
    work: SetWork,
    marked: Mapping[str, tuple[sql.Composable, sql.Composable]],
    *,
    run: int,
) -> None:
    """Where triggers may rewrite values: note what the table made of the marks."""
    for name in marked:
        now = sql.SQL("({})::text").format(canonical(sql.Identifier("t", name), work.live(name)))
        base = work.base.columns.get(name)
        noted = (
            EMPTY
            if base is None
            else sql.SQL(
                "jsonb_build_object('stored', coalesce(b.notes -> 'stored', '{{}}')"
                " || jsonb_build_object({}, {}))"
            ).format(sql.Literal(name), now)
        )
        connection.execute(
            sql.SQL(
                "UPDATE {base} b SET notes = jsonb_set(b.notes, ARRAY['removed', {name}, '1'],"
                " coalesce(to_jsonb({now}), 'null')) || {noted}\nFROM {live} t"
                " WHERE b.scope = {scope} AND b.state = 's' AND b.run = {run} AND {at}"
                " AND b.notes -> 'removed' ? {name}"
                " AND b.notes #>> ARRAY['removed', {name}, '1'] IS DISTINCT FROM {now}"
            ).format(
                base=work.base.relation,
                name=sql.Literal(name),
                now=now,
                noted=noted,
                live=work.table.identifier,
                scope=sql.Literal(work.scope),
                run=sql.Literal(run),
                at=work.at_primary_key("t", "b"),
            )
        )


def _asked_after(
    bases: Sequence[tuple[BaseColumn, sql.Composable, sql.Composable]],
) -> sql.Composable:
    return sql.SQL("").join(
        sql.SQL(", {c} = CASE WHEN w.{w} THEN {value} ELSE b.{c} END{symbol}").format(
            c=column.asked,
            w=sql.Identifier(f"w{column.n}"),
            value=value,
            symbol=sql.SQL(", {r} = CASE WHEN w.{w} THEN NULL ELSE b.{r} END").format(
                r=column.symbol, w=sql.Identifier(f"w{column.n}")
            )
            if column.reference
            else sql.SQL(""),
        )
        for column, _, value in bases
    )


def bring_back(connection: psycopg.Connection[Any], work: SetWork) -> int:
    """Undo the marks of rows that are back in the catalog, in columns it does not name.

    A column is put back only while it still holds what the removal wrote. Runs before the
    entries are updated, on rows that are locked.
    """
    rows = connection.execute(
        sql.SQL(
            "SELECT DISTINCT jsonb_object_keys(b.notes -> 'removed') FROM {} w"
            " JOIN {} b ON b.ctid = w.b WHERE w.live AND w.s IS NOT NULL AND b.state = 's'"
        ).format(work.verdict, work.base.relation)
    ).fetchall()
    written = 0
    for (name,) in rows:
        if work.stage.has(name) or name not in work.table.columns:
            continue
        live = work.live(name)
        written += connection.execute(
            sql.SQL(
                "UPDATE {live} t SET {col} = (b.notes #>> ARRAY['removed', {name}, '0'])::{kind}\n"
                "FROM {verdict} w JOIN {base} b ON b.ctid = w.b\n"
                "WHERE w.live AND w.s IS NOT NULL AND b.state = 's' AND {at_live}"
                " AND ({now})::text IS NOT DISTINCT FROM"
                " b.notes #>> ARRAY['removed', {name}, '1']"
            ).format(
                live=work.table.identifier,
                col=sql.Identifier(name),
                name=sql.Literal(name),
                kind=sql.SQL(live.type),
                verdict=work.verdict,
                base=work.base.relation,
                at_live=at_live(work),
                now=canonical(sql.Identifier("t", name), live),
            )
        ).rowcount
    return written
