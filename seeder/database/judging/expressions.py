"""Conditions and values that the statements of a seeding share."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from seeder.database.ledger.bases.entry_values import asked, has_note, last_asked, note, stored
from seeder.database.schema.equality import (
    ADDRESS,
    all_of,
    any_of,
    canonical,
    cast,
    either,
    equal,
    found_in,
    negated,
    same,
)
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
            conditions.append(equal(stage.d(name), work.known_key(name), work.live(name)))
    return all_of(conditions)


def if_given(
    work: SetWork, name: str, value: sql.Composable, otherwise: sql.Composable
) -> sql.Composable:
    """One value where stage row `s` gives the column, the other where it leaves it out."""
    given = work.stage.given(name)
    return value if given is None else either(given, value, otherwise)


def called(value: sql.Composable, name: str) -> sql.Composable:
    """A value under a name of its own."""
    return sql.SQL("{} AS {}").format(value, sql.Identifier(name))


def as_kept(work: SetWork, name: str, live: str = "t") -> sql.Composable:
    """A column of a live row in canonical form."""
    return canonical(sql.Identifier(live, name), work.live(name))


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
        "FROM {base} e JOIN {live} t ON {}",
        all_of([other.at_primary_key("t", "e"), other.in_scope("t")]),
    )
    return any_of([as_stored, found_in(pairs, source, other.owning("e"))])


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
    as_written = sql.SQL("{} IS NOT DISTINCT FROM b.{}").format(work.stage.r(name), column.symbol)
    resolved = sql.SQL("{} IS NOT NULL").format(work.stage.d(name))
    return any_of(
        [all_of([negated(has_note("moved", name)), as_written]), all_of([resolved, equal])]
    )


def offer(work: SetWork, name: str) -> sql.Composable:
    """What the notes remember of a desired value that was kept out: text."""
    if work.seed_set.column(name).reference is not None:
        return work.stage.r(name)
    return sql.SQL("({})::text").format(desired(work, name))


def kept_out_before(work: SetWork, name: str) -> sql.Composable:
    """Condition on entry `b`: the very value of stage row `s` was kept out before."""
    same = sql.SQL("{} IS NOT DISTINCT FROM {}").format(note("offered", name), offer(work, name))
    return all_of([has_note("offered", name), same])


def offered(work: SetWork, name: str) -> sql.Composed:
    """As `kept_out_before`, of verdict row `w`."""
    return work.compose(
        "coalesce((SELECT {} FROM {base} b WHERE b.ctid = w.b), false)",
        kept_out_before(work, name),
    )


def places(work: SetWork) -> sql.Composable:
    """The ledger learns where the live row of `w` is: people may have given it another key."""
    return sql.SQL(", ").join(
        sql.SQL("{} = {}").format(
            work.base.p(n), canonical(sql.Identifier("w", f"k{n + 1}"), work.live(name))
        )
        for n, name in enumerate(work.base.primary_key)
    )
