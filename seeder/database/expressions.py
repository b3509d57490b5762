"""Conditions and values that the statements of a seeding share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from psycopg import sql

from seeder.database.bases import BaseColumn
from seeder.database.values import canonical, cast, same
from seeder.database.work import SetTarget, SetWork


def all_of(conditions: Iterable[sql.Composable]) -> sql.Composed:
    """Conditions joined by AND."""
    return sql.SQL(" AND ").join(conditions)


def entry_match(work: SetWork, stage_number: int | None = None) -> sql.Composable:
    """Condition: stage row `s` and base entry `b` have the same identity.

    Siblings share key columns and their kinds, so the same condition serves their stages.
    """
    stage = work.stage
    if stage_number is not None:
        stage = next(s for s in (work.stage, *work.siblings) if s.number == stage_number)
    conditions = []
    for name in work.seed_set.key:
        column = work.base.columns[name]
        if stage.seed_set.column(name).reference is not None:
            conditions.append(sql.SQL("{} = b.{}").format(stage.r(name), column.symbol))
        else:
            conditions.append(sql.SQL("{} = {}").format(stage.d(name), base_key(work, name)))
    return all_of(conditions)


def base_key(work: SetWork, name: str, alias: str = "b") -> sql.Composable:
    """A key column of an entry in the live column's type."""
    asked = sql.SQL("{}.{}").format(sql.Identifier(alias), work.base.columns[name].asked)
    return cast(asked, work.live(name))


def asked(column: BaseColumn) -> sql.Composable:
    """The value last asked for, of base entry `b`."""
    return sql.SQL("b.{}").format(column.asked)


def noted(part: str, column: BaseColumn, otherwise: sql.Composable) -> sql.Composed:
    """A value that an entry's notes hold under `part`, else another expression."""
    name = sql.Literal(column.name)
    return sql.SQL(
        "CASE WHEN b.notes -> {part} ? {name}"
        " THEN (b.notes -> {part} ->> {name})::{storage} ELSE {otherwise} END"
    ).format(
        part=sql.Literal(part),
        name=name,
        storage=sql.SQL(column.storage),
        otherwise=otherwise,
    )


def last_asked(column: BaseColumn) -> sql.Composable:
    """The value last asked for, also where the row has since moved to another key."""
    return noted("moved", column, asked(column))


def stored(column: BaseColumn) -> sql.Composable:
    """The value that the table made of what was last asked for."""
    return noted("stored", column, last_asked(column))


def untouched(
    work: SetWork, name: str, live: sql.Composable, others: Mapping[str, SetWork]
) -> sql.Composable:
    """Condition: a live value is what was stored, or refers to the same row as that did.

    The latter where ON UPDATE CASCADE carries on that the referenced row has another key.
    """
    now = canonical(live, work.live(name))
    column = work.base.columns[name]
    as_stored = same(now, stored(column))
    target = work.targets.get(name)
    if not isinstance(target, SetTarget) or target.set not in others:
        return as_stored
    other = others[target.set]
    return sql.SQL(
        "({as_stored} OR coalesce((b.{symbol}, {live}) IN (SELECT e.addr, t.{stored}"
        " FROM {base} e JOIN {table} t ON {at_primary_key} AND {in_scope}"
        " WHERE e.scope = {scope} AND e.state IN ('a', 'k', 's')), false))"
    ).format(
        as_stored=as_stored,
        symbol=column.symbol,
        live=live,
        stored=sql.Identifier(target.stored),
        base=other.base.relation,
        table=other.table.identifier,
        at_primary_key=other.at_primary_key("t", "e"),
        in_scope=other.in_scope("t"),
        scope=sql.Literal(other.scope),
    )


def unknown(column: BaseColumn) -> sql.Composable:
    """Condition: what was last applied to the column is not known."""
    return sql.SQL("coalesce(b.notes -> 'unknown' ? {}, false)").format(sql.Literal(column.name))


def unasked(column: BaseColumn) -> sql.Composable:
    """Condition: the row never gave the column, and its default varies from row to row."""
    return sql.SQL("coalesce(b.notes -> 'unasked' ? {}, false)").format(sql.Literal(column.name))


def desired(work: SetWork, name: str) -> sql.Composable:
    """The desired value of stage row `s` in canonical form."""
    return canonical(work.stage.d(name), work.live(name))


def desired_is_asked(work: SetWork, name: str, *, noted: bool = True) -> sql.Composable:
    """Condition: the catalog asks for what it asked for last time (D = B)."""
    column = work.base.columns[name]
    before = last_asked(column) if noted else asked(column)
    equal = same(desired(work, name), before)
    if work.seed_set.column(name).reference is None:
        return equal
    # The symbol of a moved row is its new one already; only its value tells.
    return sql.SQL(
        "((NOT {moved} AND {r} IS NOT DISTINCT FROM b.{symbol}) OR ({d} IS NOT NULL AND {equal}))"
    ).format(
        moved=sql.SQL("coalesce(b.notes -> 'moved' ? {}, false)").format(sql.Literal(name)),
        r=work.stage.r(name),
        symbol=column.symbol,
        d=work.stage.d(name),
        equal=equal,
    )


def offer(work: SetWork, name: str) -> sql.Composable:
    """What the notes remember of a desired value that was kept out: text."""
    if work.seed_set.column(name).reference is not None:
        return work.stage.r(name)
    return sql.SQL("({})::text").format(desired(work, name))


def places(work: SetWork) -> sql.Composable:
    """The ledger learns where the live row of `w` is: people may have given it another key."""
    return sql.SQL(", ").join(
        sql.SQL("{} = {}").format(
            work.base.p(n), canonical(sql.Identifier("w", f"k{n + 1}"), work.live(name))
        )
        for n, name in enumerate(work.base.primary_key)
    )
