"""Resolve: a person decides which value a conflict ends with.

`live` tells the ledger that the catalog's value was offered and declined: it counts as
asked, so nothing is left to do until the catalog asks for something else. What the table
holds stays a person's value, and a later change of the catalog meets it as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace
from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.judging import documents, holding
from seeder.database.judging.expressions import desired, offer, offered
from seeder.database.judging.groups import judge_set
from seeder.database.judging.verdict_rows import at_live
from seeder.database.ledger.bases.notes import since
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.schema.equality import canonical
from seeder.database.schema.rule_numbers import numbers
from seeder.database.settling import held_row
from seeder.database.settling.partial import (
    column_rule,
    find_few,
    kept,
    open_few,
    recorded_key,
    resolve_groups,
    row_rule,
)
from seeder.database.staging.context import Seeding
from seeder.database.staging.stage import RESOLVED
from seeder.database.staging.work import Settling, SetWork
from seeder.database.writing import images, record, write
from seeder.database.writing.ordered_updates import update_in_turn
from seeder.database.writing.rejected_rows import Writes, rejected
from seeder.merge.choices import Take
from seeder.merge.documents import KEPT_OUT, is_within, within
from seeder.merge.model import Catalog
from seeder.merge.plan import ColumnCase, ColumnChange, RowAction, RowChange
from seeder.merge.rules import COLUMN_APPLIED, COLUMN_RULES, COLUMN_WRITES, ROW_RULES


def take(
    connection: Connection,
    ledger: Ledger,
    catalog: Catalog,
    *,
    set_name: str,
    key: str,
    live: bool,
    places: Sequence[str],
    run: int,
) -> RowChange:
    """Settle the conflicts of one row (or of some places in it), in the caller's transaction.

    Args:
        connection: under the advisory lock.
        ledger: the ledger.
        catalog: what is desired.
        set_name: the row's set.
        key: the row's key in it.
        live: take the live value; otherwise the desired one.
        places: only these columns, or parts of documents; empty: all that are in conflict.
        run: the run that records it.

    Returns:
        The row with the places that were settled; an action of KEEP says why none was.
    """
    seeding, groups = open_few(connection, ledger, catalog, [set_name], run=run)
    work = seeding.works[set_name]
    key = recorded_key(seeding, set_name, key)
    resolve_groups(seeding, groups)
    find_few(seeding, work, [key])
    judge_set(seeding, work)
    connection.execute(
        work.compose(
            "SELECT FROM {live} t JOIN {verdict} w ON {} FOR NO KEY UPDATE OF t", at_live(work)
        )
    )
    connection.execute(work.compose("TRUNCATE {verdict}"))
    judge_set(seeding, work)
    address = work.seed_set.address(key)
    holders = held_row.holders_of_new(connection, work)
    holding.hold(seeding, [set_name])
    holders = holders or held_row.holders_remembered(connection, work)
    if holders:
        return held_row.take(seeding, work, key, holders, live=live)
    in_conflict, why_not = _conflicts(connection, work, live=live)
    # Columns that are decided together are so by people as well.
    places = [
        *places,
        *(each for name in places for each in work.seed_set.with_it(name) if each != name),
    ]
    chosen = tuple(
        each
        for each in in_conflict
        if not places or any(is_within(each.change.name, place) for place in places)
    )
    if why_not is None and not chosen:
        why_not = "is not in conflict"
    if why_not is not None:
        return kept(address, why_not)
    parts: dict[str, tuple[str, ...]] = {}
    for each in chosen:
        if each.part is not None:
            parts[each.column] = (*parts.get(each.column, ()), each.part)
    names = [each.column for each in chosen if each.part is None]
    if parts or not live:
        _by_verdict(seeding, work, names, parts, live=live)
    if names and live:
        _take_live(seeding, work, names)
    return RowChange(
        address=address,
        action=RowAction.RECORD if live else RowAction.UPDATE,
        reason="the live value stands" if live else _TAKEN,
        columns=tuple(each.change for each in chosen),
    )


class _InConflict(Struct, frozen=True, kw_only=True):
    """A column in conflict, or a part of its document."""

    column: str
    part: str | None = None
    """The part's path; None: the column as a whole."""
    change: ColumnChange
    """What becomes of it, under the name that its address has."""


def _conflicts(
    connection: Connection, work: SetWork, *, live: bool
) -> tuple[list[_InConflict], str | None]:
    """What of the row is in conflict, or why nothing of it can be settled."""
    names = [name for name in work.names if name in work.base.columns]
    # One entry for each column, as in a plan: a target list has an end before a table has.
    pieces = [
        sql.SQL("ARRAY[w.{}::text, ({})::text, coalesce(({})::text, {}), {}, {}]::text[]").format(
            sql.Identifier(f"v{work.stage.position(name)}"),
            canonical(sql.Identifier("t", name), work.live(name)),
            desired(work, name),
            offer(work, name),
            documents.parts_of(work, name),
            # A trigger gives the row what another one holds, which only writing it would show.
            offered(work, name) if work.table.rewrites else sql.SQL("false"),
        )
        for name in names
    ]
    row = connection.execute(
        work.compose(
            "SELECT w.verdict, w.live, w.b IS NOT NULL, {missing}, w.holder, {pieces}"
            " FROM {verdict} w"
            " JOIN {stage} s ON {row} = w.s LEFT JOIN {live} t ON w.live AND {at}",
            missing=work.stage.missing(),
            pieces=sql.SQL(", ").join(pieces),
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
    found: list[_InConflict] = []
    settled = ColumnCase.SETTLE if live else ColumnCase.OVERWRITE
    for name, (number, now, wanted, parts, obstructed) in zip(names, values, strict=True):
        if number is None:
            continue
        rule = COLUMN_RULES[int(number)]
        merged = documents.parts(parts)
        found += [
            _InConflict(
                column=name,
                part=each.name,
                change=replace(documents.named(name, each), case=settled, reason=_DECIDED),
            )
            for each in merged
            if each.case in KEPT_OUT
        ]
        kept_out = rule.verdict in KEPT_OUT or (
            obstructed == "true" and rule.verdict in COLUMN_WRITES
        )
        if kept_out and parts is None:
            if not live and ("held", True) in rule.conditions:
                return [], held_row.waits_for(holder)
            change = ColumnChange(
                name=within(name, ""),
                case=settled,
                reason=_DECIDED,
                live=now,
                desired=wanted,
                bare=work.live(name).is_bare,
            )
            found.append(_InConflict(column=name, change=change))
    if not live and missing != RESOLVED:
        return [], "refers to a row that is not there"
    return found, None


_DECIDED = "a person decided"
_TAKEN = "the catalog's value is taken"


def _by_verdict(
    seeding: Seeding,
    work: SetWork,
    names: Sequence[str],
    parts: Mapping[str, tuple[str, ...]],
    *,
    live: bool,
) -> None:
    """Write what was decided by way of the verdict, and nothing that an update would do.

    `names` are columns that take the desired value as a whole, unless `live`; `parts` of
    documents by column.
    """
    connection, run = seeding.connection, seeding.run
    if parts:
        settling = Settling(take=Take.LIVE if live else Take.DESIRED, parts=parts)
        work = replace(work, settling=settling)
        for relation in (work.merged, work.verdict):
            connection.execute(sql.SQL("DELETE FROM {}").format(relation))
        judge_set(seeding, work)
    others = numbers(COLUMN_RULES, COLUMN_APPLIED | {ColumnCase.LET_GO})
    sets = []
    for name in work.names:
        verdict = sql.Identifier(f"v{work.stage.position(name)}")
        if name in parts:
            continue
        if name in names and not live:
            sets.append(sql.SQL("{} = {}").format(verdict, column_rule("overwritten")))
        else:
            sets.append(
                sql.SQL("{0} = CASE WHEN {0} = ANY ({1}) THEN {2} ELSE {0} END").format(
                    verdict, others, column_rule("nothing_new")
                )
            )
    connection.execute(
        work.compose(
            "UPDATE {verdict} SET verdict = {}, {}",
            row_rule("settled" if live else "changed"),
            sql.SQL(", ").join(sets),
        )
    )
    if not live:
        images.record(connection, seeding.ledger, work, run=run, reason=_TAKEN)
        with rejected(connection, work, Writes.UPDATES):
            updated = update_in_turn(connection, work)
        if updated:
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
        work.compose(
            "UPDATE {base} b SET {sets}, run = {run}, notes = (SELECT"
            " nullif(coalesce(pg_catalog.jsonb_object_agg(q.key, q.value), '{{}}'), '{{}}')"
            " FROM (SELECT"
            " n.key, CASE WHEN n.key IN ('unknown', 'offered', 'since', 'parts', 'stored', 'moved')"
            " THEN n.value - {names}::text[] ELSE n.value END AS value"
            " FROM pg_catalog.jsonb_each(b.notes || pg_catalog.jsonb_build_object('since',"
            " coalesce((SELECT pg_catalog.jsonb_object_agg(o, {since})"
            " FROM pg_catalog.jsonb_object_keys(b.notes -> 'offered'::text) o), '{{}}'))) n) q"
            " WHERE q.value NOT IN ('[]', '{{}}'))"
            " FROM {verdict} w JOIN {stage} s ON {row} = w.s"
            # What parts were settled before has given the entry another place.
            " WHERE b.ctid = w.b OR (b.scope = {scope} AND b.addr = s.addr)",
            since=since(sql.SQL("o")),
            sets=sql.SQL(", ").join(sets),
            run=sql.Literal(seeding.run),
            names=sql.Literal(list(names)),
        )
    )
