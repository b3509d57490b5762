"""Conditions and values that the statements of a seeding share."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from seeder.database.connection.marked_sql import Named
from seeder.database.ledger.bases.entry_values import asked, last_asked, stored
from seeder.database.schema.equality import ADDRESS, all_of, canonical, cast, equal, found_in, same
from seeder.database.staging.work import SetTarget, SetWork


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
            conditions.append(equal(stage.d(name), base_key(work, name), work.live(name)))
    return all_of(conditions)


def base_key(work: SetWork, name: str, alias: str = "b") -> sql.Composable:
    """A key column of an entry in the live column's type."""
    asked = sql.SQL("{}.{}").format(sql.Identifier(alias), work.base.columns[name].asked)
    return cast(asked, work.live(name))


def untouched(
    work: SetWork, name: str, live: sql.Composable, others: Mapping[str, SetWork]
) -> sql.Composable:
    """Condition: a live value is what was stored, or refers to the same row as that did.

    The latter where ON UPDATE CASCADE carries on that the referenced row has another key.
    """
    column = work.base.columns[name]
    as_stored = same(canonical(live, work.live(name)), stored(column), work.live(name))
    target = work.targets.get(name)
    if not isinstance(target, SetTarget) or target.set not in others:
        return as_stored
    other = others[target.set]
    stored_there = other.live(target.stored)
    pairs = [
        (sql.SQL("b.{}").format(column.symbol), sql.SQL("e.addr"), ADDRESS),
        (cast(live, stored_there), sql.Identifier("t", target.stored), stored_there),
    ]
    source = other.compose(
        "FROM {base} e JOIN {table} t ON {match}",
        table=other.table.rows,
        match=all_of([other.at_primary_key("t", "e"), other.in_scope("t")]),
    )
    owning = other.compose("e.scope = {scope} AND e.state IN ({owning})")
    return sql.SQL("({} OR {})").format(as_stored, found_in(pairs, source, owning))


def desired(work: SetWork, name: str) -> sql.Composable:
    """The desired value of stage row `s` in canonical form."""
    return canonical(work.stage.d(name), work.live(name))


def desired_is_asked(work: SetWork, name: str, *, noted: bool = True) -> sql.Composable:
    """Condition: the catalog asks for what it asked for last time (D = B)."""
    column = work.base.columns[name]
    before = last_asked(column) if noted else asked(column)
    equal = same(desired(work, name), before, work.live(name))
    if work.seed_set.column(name).reference is None:
        return equal
    # The symbol of a moved row is its new one already; only its value tells.
    return sql.SQL(
        "((NOT {moved} AND {r} IS NOT DISTINCT FROM b.{symbol}) OR ({d} IS NOT NULL AND {equal}))"
    ).format(
        moved=sql.SQL("coalesce(b.notes -> 'moved'::text ? {}::text, false)").format(Named(name)),
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


def offered(work: SetWork, name: str) -> sql.Composed:
    """Condition on verdict row `w`: the very value of stage row `s` was kept out before."""
    return work.compose(
        "coalesce((SELECT b.notes -> 'offered'::text ? {name}::text AND"
        " b.notes -> 'offered'::text ->> {name}::text IS NOT DISTINCT FROM {offer}"
        " FROM {base} b WHERE b.ctid = w.b), false)",
        name=Named(name),
        offer=offer(work, name),
    )


def places(work: SetWork) -> sql.Composable:
    """The ledger learns where the live row of `w` is: people may have given it another key."""
    return sql.SQL(", ").join(
        sql.SQL("{} = {}").format(
            work.base.p(n), canonical(sql.Identifier("w", f"k{n + 1}"), work.live(name))
        )
        for n, name in enumerate(work.base.primary_key)
    )
