"""Resolve: a person decides which value a conflict ends with.

`live` tells the ledger that the catalog's value was offered and declined: it counts as
asked, so nothing is left to do until the catalog asks for something else. What the table
holds stays a person's value, and a later change of the catalog meets it as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from msgspec.structs import replace
from psycopg import sql

from seeder.database.judging import holding
from seeder.database.judging.expressions import desired, offer
from seeder.database.judging.facts import numbers
from seeder.database.judging.groups import judge_set
from seeder.database.judging.verdict_rows import at_live
from seeder.database.ledger.ledger import Ledger
from seeder.database.schema.equality import canonical
from seeder.database.settling import held_row
from seeder.database.settling.partial import (
    column_rule,
    find_few,
    open_few,
    recorded_key,
    resolve_group,
    row_rule,
)
from seeder.database.staging.context import Seeding
from seeder.database.staging.stage import RESOLVED
from seeder.database.staging.work import SetWork
from seeder.database.writing import images, record, write
from seeder.database.writing.ordered_updates import update_in_turn
from seeder.merge.model import Catalog, Conflict
from seeder.merge.plan import ColumnCase, ColumnChange, RowAction, RowChange
from seeder.merge.rules import COLUMN_APPLIED, COLUMN_RULES, ROW_RULES

CONFLICTS = frozenset({ColumnCase.CONFLICT, ColumnCase.HELD})


def take(
    connection: psycopg.Connection[Any],
    ledger: Ledger,
    catalog: Catalog,
    *,
    set_name: str,
    key: str,
    live: bool,
    columns: Sequence[str],
    run: int,
) -> RowChange:
    """Settle the conflicts of one row (or of some columns), in the caller's transaction.

    Args:
        connection: under the advisory lock.
        ledger: the ledger.
        catalog: what is desired.
        set_name: the row's set.
        key: the row's key in it.
        live: take the live value; otherwise the desired one.
        columns: only these; empty: all that are in conflict.
        run: the run that records it.

    Returns:
        The row with the columns that were settled; an action of KEEP says why none was.
    """
    seeding, groups = open_few(connection, ledger, catalog, [set_name], run=run)
    work = seeding.works[set_name]
    key = recorded_key(seeding, set_name, key)
    settled: set[str] = set()
    for group in groups:
        resolve_group(seeding, group, frozenset(settled))
        settled.update(group)
    find_few(seeding, work, [key])
    judge_set(seeding, work)
    connection.execute(
        sql.SQL("SELECT FROM {} t JOIN {} w ON {} FOR NO KEY UPDATE OF t").format(
            work.table.rows, work.verdict, at_live(work)
        )
    )
    connection.execute(sql.SQL("TRUNCATE {}").format(work.verdict))
    judge_set(seeding, work)
    address = work.seed_set.address(key)
    holders = held_row.holders_of_new(connection, work)
    holding.hold(seeding, [set_name])
    if holders:
        return held_row.take(seeding, work, key, holders, live=live)
    in_conflict, why_not = _conflicts(connection, work, live=live)
    chosen = tuple(each for each in in_conflict if not columns or each.name in columns)
    if why_not is None and not chosen:
        why_not = "is not in conflict"
    if why_not is not None:
        return RowChange(address=address, action=RowAction.KEEP, reason=why_not, conflict=True)
    names = [each.name for each in chosen]
    if live:
        _take_live(seeding, work, names)
    else:
        _take_desired(seeding, work, names)
    return RowChange(
        address=address,
        action=RowAction.RECORD if live else RowAction.UPDATE,
        reason="the live value stands" if live else "the catalog's value is taken",
        columns=chosen,
    )


def _conflicts(
    connection: psycopg.Connection[Any], work: SetWork, *, live: bool
) -> tuple[list[ColumnChange], str | None]:
    """The row's columns in conflict, or why none of them can be settled."""
    names = [name for name in work.names if name in work.base.columns]
    pieces = [
        piece
        for name in names
        for piece in (
            sql.SQL("w.{}").format(sql.Identifier(f"v{work.stage.position(name)}")),
            sql.SQL("({})::text").format(canonical(sql.Identifier("t", name), work.live(name))),
            sql.SQL("coalesce(({})::text, {})").format(desired(work, name), offer(work, name)),
        )
    ]
    row = connection.execute(
        sql.SQL(
            "SELECT w.verdict, w.live, w.b IS NOT NULL, {missing}, w.holder, {pieces}"
            " FROM {verdict} w"
            " JOIN {stage} s ON {row} = w.s LEFT JOIN {live} t ON w.live AND {at}"
        ).format(
            missing=work.stage.missing(),
            pieces=sql.SQL(", ").join(pieces),
            verdict=work.verdict,
            stage=work.stage.relation,
            row=work.stage.row(),
            live=work.table.rows,
            at=at_live(work),
        )
    ).fetchone()
    if row is None:
        return [], "is not in conflict"
    verdict, is_live, has_entry, missing, holder, *values = row
    if not is_live:
        return [], ROW_RULES[verdict].reason
    if not has_entry:
        return [], "is not looked after yet: `seeder adopt` or an update does that"
    found = []
    for n, name in enumerate(names):
        number, now, wanted = values[3 * n : 3 * n + 3]
        if number is not None and COLUMN_RULES[number].verdict in CONFLICTS:
            if not live and ("held", True) in COLUMN_RULES[number].conditions:
                return [], held_row.waits_for(holder)
            found.append(
                ColumnChange(
                    name=name,
                    case=ColumnCase.SETTLE if live else ColumnCase.OVERWRITE,
                    reason="a person decided",
                    live=now,
                    desired=wanted,
                )
            )
    if not live and missing != RESOLVED:
        return [], "refers to a row that is not there"
    return found, None


def _take_desired(seeding: Seeding, work: SetWork, names: Sequence[str]) -> None:
    """Write the desired values by way of the verdict, and nothing that an update would do."""
    connection, run = seeding.connection, seeding.run
    documents = [name for name in names if work.seed_set.column(name).merge is not None]
    if documents:
        # Merged anew, with the catalog's parts where both sides changed one: the others stay.
        work = replace(work, seed_set=replace(work.seed_set, conflict=Conflict.OVERWRITE))
        for relation in (work.merged, work.verdict):
            connection.execute(sql.SQL("DELETE FROM {}").format(relation))
        judge_set(seeding, work)
    others = numbers(COLUMN_RULES, COLUMN_APPLIED | {ColumnCase.LET_GO})
    sets = []
    for name in work.names:
        verdict = sql.Identifier(f"v{work.stage.position(name)}")
        if name in documents:
            continue
        if name in names:
            sets.append(sql.SQL("{} = {}").format(verdict, column_rule("overwritten")))
        else:
            sets.append(
                sql.SQL("{0} = CASE WHEN {0} = ANY ({1}) THEN {2} ELSE {0} END").format(
                    verdict, others, column_rule("nothing_new")
                )
            )
    connection.execute(
        sql.SQL("UPDATE {} SET verdict = {}, {}").format(
            work.verdict, row_rule("changed"), sql.SQL(", ").join(sets)
        )
    )
    images.record(connection, seeding.ledger, work, run=run)
    if update_in_turn(connection, work):
        write.advance_sequences(connection, work)
        images.reread(connection, seeding.ledger, work, run=run)
    record.record_merged(connection, work, run=run)


def _take_live(seeding: Seeding, work: SetWork, names: Sequence[str]) -> None:
    """The desired values count as asked for; the table is left as it is."""
    sets: list[sql.Composable] = []
    for name in names:
        column = work.base.columns[name]
        sets.append(sql.SQL("{} = {}").format(column.asked, desired(work, name)))
        if column.reference:
            referring = work.seed_set.column(name).reference is not None
            symbol = work.stage.r(name) if referring else sql.SQL("NULL")
            sets.append(sql.SQL("{} = {}").format(column.symbol, symbol))
    seeding.connection.execute(
        sql.SQL(
            "UPDATE {base} b SET {sets}, run = {run}, notes = (SELECT"
            " nullif(coalesce(jsonb_object_agg(q.key, q.value), '{{}}'), '{{}}') FROM (SELECT"
            " n.key, CASE WHEN n.key IN ('unknown', 'offered', 'stored', 'moved')"
            " THEN n.value - {names}::text[] ELSE n.value END AS value"
            " FROM jsonb_each(b.notes) n) q WHERE q.value NOT IN ('[]', '{{}}'))"
            " FROM {verdict} w JOIN {stage} s ON {row} = w.s WHERE b.ctid = w.b"
        ).format(
            base=work.base.relation,
            sets=sql.SQL(", ").join(sets),
            run=sql.Literal(seeding.run),
            names=sql.Literal(list(names)),
            verdict=work.verdict,
            stage=work.stage.relation,
            row=work.stage.row(),
        )
    )
