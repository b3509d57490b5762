"""Rows that have left the catalog: kept, deleted or marked, as their set says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from seeder.database import images, marks
from seeder.database.expressions import places
from seeder.database.facts import numbers
from seeder.database.ledger import Ledger
from seeder.database.notes import EMPTY, objects
from seeder.database.schema import Column, ForeignKey
from seeder.database.values import canonical
from seeder.database.work import SetWork
from seeder.database.write import at_live, removing, writing
from seeder.merge.model import Removed
from seeder.merge.plan import RowAction
from seeder.merge.rules import COLUMN_RULES, COLUMN_WRITES, ROW_RULES

HELD, _STILL_HELD = (
    next(n for n, rule in enumerate(ROW_RULES) if rule.when == when)
    for when in ("on_removal_delete referenced", "on_removal_delete referenced reported")
)
"""Numbers of the verdicts on rows that other rows refer to."""

STAYING = tuple(
    n
    for n, rule in enumerate(ROW_RULES)
    if rule.verdict is RowAction.KEEP and ("on_removal_delete", True) in rule.conditions
)
"""Numbers of the verdicts on rows that stay although their set says `removed: delete`."""

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
        "UPDATE {verdict} w SET verdict = CASE WHEN EXISTS (SELECT FROM {base} b"
        " WHERE b.ctid = w.b AND b.notes ? 'stays') THEN {before} ELSE {held} END FROM {live} t\n"
        "WHERE w.s IS NULL AND w.verdict = ANY ({leaving}) AND {at_live} AND ({condition})"
    ).format(
        verdict=work.verdict,
        base=work.base.relation,
        held=sql.Literal(HELD),
        before=sql.Literal(_STILL_HELD),
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
            marks.mark(connection, work, run=run)
        _record(connection, work, run=run)


def _delete(work: SetWork) -> sql.Composed:
    return sql.SQL("DELETE FROM {} t USING {} w WHERE w.s IS NULL AND {} AND {}").format(
        work.table.identifier, work.verdict, at_live(work), removing()
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
            known.append(places(work))
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
    # Said once; from now on `status` tells of it, by the name that the set has now.
    connection.execute(
        sql.SQL(
            "UPDATE {base} b SET notes = coalesce(b.notes, {empty}) || '{{\"stays\": true}}',"
            " seed_set = {own} FROM {verdict} w"
            " WHERE w.s IS NULL AND b.ctid = w.b AND w.verdict = ANY ({staying}::smallint[])"
            " AND NOT coalesce(b.notes ? 'stays' AND b.seed_set = {own}, false)"
        ).format(
            base=work.base.relation,
            empty=EMPTY,
            own=sql.Literal(work.set_id),
            verdict=work.verdict,
            staying=sql.Literal(list(STAYING)),
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
        marked = marks.marking(work)
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
