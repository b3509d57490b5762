"""Rows that have left the catalog: which may leave their table, and what marks the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.judging.expressions import as_kept
from seeder.database.judging.verdict_rows import at_live, is_written, writing
from seeder.database.ledger.bases.entries import is_stored
from seeder.database.ledger.bases.entry_values import omitted, stored, unknown
from seeder.database.ledger.bases.notes import EMPTY
from seeder.database.schema.equality import (
    all_of,
    any_of,
    bounded,
    canonical,
    either,
    equal,
    negated,
    refers,
    same,
    surely,
)
from seeder.database.schema.referring import referring as counted
from seeder.database.schema.rule_numbers import number, numbers
from seeder.database.schema.tables import ForeignKey
from seeder.database.staging.context import MERGING
from seeder.database.staging.work import SetWork, constant
from seeder.merge.model import Removed
from seeder.merge.plan import RowAction
from seeder.merge.rules import ROW_RULES, Rule

HELD = "left_referenced"
"""The rule for rows that other rows refer to."""

_MARKED = numbers(ROW_RULES, {RowAction.REMOVE})

_LEAVING = numbers(ROW_RULES, {RowAction.DELETE})


def stays(rule: Rule[RowAction]) -> bool:
    """Whether the rule lets a row stay although its set says `removed: delete`."""
    return rule.verdict is RowAction.KEEP and ("on_removal_delete", True) in rule.conditions


def referenced(
    work: SetWork, together: Sequence[SetWork], works: Mapping[str, SetWork], *, written: bool
) -> sql.Composable:
    """Condition: a row of another table refers to live row `t`.

    Rows that this same seeding deletes do not count; nor, where its updates are not
    `written` yet, do those that it lets refer to another row. Tables of the sets that are
    judged `together` are left to `hold_parents`.
    """
    inside = {each.table.qualified for each in together}
    return any_of(
        _refers(key, _excused(key, works, written=written))
        for key in work.table.referencing
        if key.table not in inside
    )


def referenced_from(work: SetWork, works: Mapping[str, SetWork], *, inside: bool) -> sql.Composable:
    """Condition: a row refers to live row `t`, of a table that this seeding writes or of others."""
    written = {each.table.qualified for each in works.values() if each.decision in MERGING}
    return any_of(
        _refers(key, []) for key in work.table.referencing if (key.table in written) is inside
    )


def told(work: SetWork, works: Mapping[str, SetWork], *, written: bool) -> sql.Composable:
    """What a report says about a row that has left the catalog, as JSON: what refers to it where
    that is why it stays; columns with two values each where people changed it, or it is marked.

    Of verdict row `w`, entry `b` and live row `t`.
    """
    if work.seed_set.removed is Removed.SET:
        marked = _pairs(
            work, ((name, condition, value) for name, (condition, value) in marking(work).items())
        )
        return sql.SQL("CASE WHEN w.verdict = ANY ({}) THEN {} END").format(_MARKED, marked)
    if work.seed_set.removed is not Removed.DELETE:
        return sql.SQL("NULL::jsonb")
    changed = _pairs(
        work,
        (
            (name, negated(any_of([omitted(c), is_stored(work.base, c)])), stored(c))
            for name, c in work.base.columns.items()
            if name in work.table.columns and not work.identifies(name)
        ),
    )
    return sql.SQL("CASE w.verdict WHEN {} THEN {} WHEN {} THEN {} END").format(
        number(ROW_RULES, HELD),
        counted(work.table.referencing, lambda key: _others(work, key, works, written=written)),
        number(ROW_RULES, "left_modified"),
        changed,
    )


def _pairs(
    work: SetWork, members: Iterable[tuple[str, sql.Composable, sql.Composable]]
) -> sql.Composable:
    """Columns by name whose condition holds: what is live, and another value."""
    pieces: list[sql.Composable] = []
    for name, condition, other in members:
        column = work.live(name)
        sides = [as_kept(work, name), other]
        texts = [
            sql.SQL("NULL") if name in work.seed_set.secrets else bounded(side, column)
            for side in sides
        ]
        pieces.append(
            either(
                condition,
                sql.SQL("pg_catalog.jsonb_build_object({}::text, ARRAY[{}]::text[])").format(
                    Named(name), sql.SQL(", ").join(texts)
                ),
                EMPTY,
            )
        )
    return sql.SQL("({})").format(sql.SQL(" || ").join(pieces or (EMPTY,)))


def marking(work: SetWork) -> dict[str, tuple[sql.Composable, sql.Composable]]:
    """Columns of `removed: {set: ...}`: when each is written (nobody changed it), and what."""
    marked: dict[str, tuple[sql.Composable, sql.Composable]] = {}
    for name, cell in work.seed_set.removed_values:
        live = work.live(name)
        value = constant(cell, live)
        now = as_kept(work, name)
        conditions = [negated(same(now, canonical(value, live), live))]
        if base := work.base.columns.get(name):
            conditions += [negated(unknown(base)), same(now, stored(base), live)]
        marked[name] = (all_of(conditions), value)
    return marked


def hold_parents(
    connection: Connection,
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
    return work.compose(
        "UPDATE {verdict} w SET verdict = CASE WHEN EXISTS (SELECT FROM {base} b"
        " WHERE b.ctid = w.b AND b.notes ? 'removal_blocked'::text)"
        " THEN {before} ELSE {held} END FROM {live} t\n"
        "WHERE w.s IS NULL AND w.verdict = ANY ({leaving}) AND {at_live} AND {condition}",
        held=number(ROW_RULES, HELD),
        before=number(ROW_RULES, "left_referenced_before"),
        leaving=_LEAVING,
        at_live=at_live(work),
        condition=any_of(_refers(key, _others(work, key, works, written=written)) for key in keys),
    )


def _others(
    work: SetWork, key: ForeignKey, works: Mapping[str, SetWork], *, written: bool
) -> list[sql.Composable]:
    """Conditions on row `c` of the key's table: it is not row `t` itself, and it stays."""
    found = _excused(key, works, written=written)
    if key.table == work.table.qualified:
        itself = all_of(
            equal(sql.Identifier("c", name), sql.Identifier("t", name), work.live(name))
            for name in work.base.primary_key
        )
        found.insert(0, negated(itself))
    return found


def _refers(key: ForeignKey, restrictions: Sequence[sql.Composable]) -> sql.Composable:
    """Condition: a row `c` of the foreign key's table refers to live row `t`."""
    return sql.SQL("EXISTS (SELECT FROM {} c WHERE {})").format(
        sql.Identifier(*key.table.parts),
        all_of([refers(key, "c", "t"), *restrictions]),
    )


def _excused(
    key: ForeignKey, works: Mapping[str, SetWork], *, written: bool
) -> list[sql.Composable]:
    """Conditions on row `c`: no set deletes it or lets it refer elsewhere."""
    found = []
    for other in works.values():
        if other.table.qualified != key.table:
            continue
        found.append(_not_so(other, sql.SQL("w.verdict = ANY ({})").format(_LEAVING)))
        columns = [name for name in key.columns if other.stage.has(name)]
        if columns and not written:
            rewritten = any_of(surely(is_written(other, name)) for name in columns)
            found.append(_not_so(other, all_of([writing(other), rewritten])))
    return found


def _not_so(other: SetWork, condition: sql.Composable) -> sql.Composable:
    """Condition: no verdict `w` that meets this one is about row `c`."""
    return other.compose(
        "NOT EXISTS (SELECT FROM {verdict} w WHERE {} AND {})", at_live(other, "c"), condition
    )
