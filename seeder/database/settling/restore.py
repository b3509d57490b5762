"""Restore: rows that a person or an undo deleted come back as the catalog has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace
from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.judging import holding, row_outcomes
from seeder.database.judging.expressions import entry_match, places
from seeder.database.judging.groups import judge_set
from seeder.database.judging.verdict_rows import at_live
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.schema.equality import all_equal, all_of, canonical, either, negated
from seeder.database.settling.partial import (
    find_few,
    kept,
    open_few,
    recorded_key,
    resolve_group,
    row_rule,
)
from seeder.database.staging import references
from seeder.database.staging.context import Seeding
from seeder.database.staging.work import SetWork
from seeder.database.writing import record, write
from seeder.database.writing.rejected_rows import Writes, rejected
from seeder.merge.model import Catalog
from seeder.merge.plan import ColumnCase, ColumnChange, RowAction, RowChange

_TAKEN = "taken_deleted"
_REASON = "deleted here; brought back as the catalog has it"


def restore(
    connection: Connection,
    ledger: Ledger,
    catalog: Catalog,
    wanted: Mapping[str, Sequence[str]],
    *,
    run: int,
) -> tuple[RowChange, ...]:
    """Bring rows back, in the caller's transaction; `wanted` are row keys by set.

    Raises SeedingFailed where the table rejects a row.
    """
    seeding, groups = open_few(connection, ledger, catalog, wanted, run=run)
    settled: set[str] = set()
    changes: list[RowChange] = []
    wanted = {
        name: [recorded_key(seeding, name, key) for key in keys] for name, keys in wanted.items()
    }
    for group in groups:
        works = resolve_group(seeding, group, frozenset(settled))
        ours = [work for work in works if work.name in wanted]
        for work in ours:
            changes += _revive(seeding, work, wanted[work.name])
            find_few(seeding, work, wanted[work.name])
            judge_set(seeding, work)
            _let_back_in(connection, work)
        references.block_unreachable(connection, {work.name: work for work in ours})
        holding.hold(seeding, [work.name for work in ours], leave=False)
        for work in ours:
            changes += _told(connection, work, wanted[work.name], {c.address for c in changes})
        for work in ours:
            write.allocate(connection, work)
        for work in ours:
            references.fill_awaited(connection, work, {each.name: each for each in ours})
        for work in ours:
            with rejected(connection, work, Writes.INSERTS):
                if write.insert(connection, work):
                    record.record_inserts(connection, work, run=run)
                    write.advance_sequences(connection, work)
        settled.update(group)
    return tuple(changes)


def _let_back_in(connection: Connection, work: SetWork) -> None:
    """Judge rows that a person deleted like rows that seeder had removed."""
    connection.execute(
        work.compose(
            "UPDATE {verdict} w SET verdict = {returned} FROM {stage} s WHERE {row} = w.s"
            " AND w.b IS NOT NULL AND w.verdict IN ({stands}, {found_gone})",
            returned=either(
                work.stage.blocked(), row_rule("returned_blocked"), row_rule("returned")
            ),
            stands=row_rule("deleted_before"),
            found_gone=row_rule("deleted_here"),
        )
    )
    # Rows that were never here are an update's business, and so are all other changes.
    connection.execute(
        work.compose(
            "DELETE FROM {verdict} WHERE verdict IN ({}, {})",
            row_rule("new"),
            row_rule("new_blocked"),
        )
    )


def _told(
    connection: Connection, work: SetWork, keys: Sequence[str], revived: set[str]
) -> list[RowChange]:
    """What happens to each of the rows, and why nothing happens to the others."""
    found = {change.address: change for change in row_outcomes.row_changes(connection, work)}
    known = {
        row[0]
        for row in connection.execute(
            work.compose(
                "SELECT s.addr FROM {stage} s JOIN {base} b ON b.scope = {scope} AND {}",
                entry_match(work),
            )
        ).fetchall()
    }
    told: list[RowChange] = []
    for key in keys:
        address = work.seed_set.address(key)
        change = found.get(address)
        if address in revived:
            continue
        inserts = change is not None and all(column.live is None for column in change.columns)
        if change is not None and change.action is RowAction.RESTORE and inserts:
            columns = tuple(
                ColumnChange(
                    name=column.name,
                    case=ColumnCase.UPDATE,
                    reason=_REASON,
                    desired=column.desired,
                    asked_known=False,
                    bare=column.bare,
                )
                for column in change.columns
            )
            told.append(
                RowChange(
                    address=address, action=RowAction.RESTORE, reason=_REASON, columns=columns
                )
            )
        elif change is not None and (
            change.action is RowAction.SKIP or change.conflict or change.rule == _TAKEN
        ):
            told.append(
                replace(kept(address, change.reason), holder=change.holder, missing=change.missing)
            )
        elif key not in known:
            told.append(kept(address, reason="was never here; an update inserts or adopts it"))
        else:
            told.append(kept(address, reason="is there already"))
    return told


# -- rows that are still there, marked as deleted ---------------------------------------------


def _revive(seeding: Seeding, work: SetWork, keys: Sequence[str]) -> list[RowChange]:
    """Take the mark off soft-deleted rows; their entries are active again, B as it was."""
    column = work.seed_set.deleted
    if column is None:
        return []
    connection = seeding.connection
    live = work.live(column)
    name = f"seeder_revived_{work.stage.number}"
    relation = sql.Identifier("pg_temp", name)
    _find_marked(connection, work, name, keys)
    connection.execute(
        work.compose(
            "SELECT FROM {live} t JOIN {} w ON {} ORDER BY {} FOR NO KEY UPDATE OF t",
            relation,
            at_live(work),
            sql.SQL(", ").join(sql.Identifier("t", each) for each in work.base.primary_key),
        )
    )
    rows = connection.execute(
        seeding.ledger.sql(
            "INSERT INTO {s}.changes (run, base, scope, set_name, addr, action, reason, before,"
            " after) SELECT {run}, {base}, {scope}, {set}, w.addr, 'restore', {reason},"
            " pg_catalog.jsonb_build_object({column}::text, ({now})::text),"
            " pg_catalog.jsonb_build_object({column}::text, {none}) FROM {w} w JOIN {live} t ON"
            " {at}"
            " ORDER BY w.addr RETURNING addr, before ->> {column}::text, after ->> {column}::text",
            run=sql.Literal(seeding.run),
            base=sql.Literal(work.base.id),
            scope=sql.Literal(work.scope),
            set=Named(work.name),
            reason=sql.Literal(_REASON),
            column=Named(column),
            now=canonical(sql.Identifier("t", column), live),
            none=sql.SQL("'false'" if live.base == "boolean" else "NULL::text"),
            w=relation,
            live=work.table.rows,
            at=at_live(work),
        )
    ).fetchall()
    connection.execute(
        work.compose(
            "UPDATE {live} t SET {} = {} FROM {} w WHERE {}",
            sql.Identifier(column),
            sql.SQL("false" if live.base == "boolean" else "NULL"),
            relation,
            at_live(work),
        )
    )
    connection.execute(
        work.compose(
            "UPDATE {base} b SET state = {active}, run = {}, {} FROM {} w WHERE b.ctid = w.b",
            sql.Literal(seeding.run),
            places(work),
            relation,
        )
    )
    return [
        RowChange(
            address=work.seed_set.address(addr),
            action=RowAction.RESTORE,
            reason="marked as deleted here; the mark is taken off",
            columns=(
                ColumnChange(
                    name=column,
                    case=ColumnCase.UPDATE,
                    reason=_REASON,
                    live=before,
                    desired=after,
                    asked_known=False,
                    bare=work.live(column).is_bare,
                ),
            ),
        )
        for addr, before, after in rows
    ]


def _find_marked(connection: Connection, work: SetWork, name: str, keys: Sequence[str]) -> None:
    """The soft-deleted row of each key: at the entry's primary key, else the one of that key."""
    connection.execute(
        work.compose(
            "CREATE TEMP TABLE {name} ON COMMIT DROP AS SELECT DISTINCT ON (s.addr) s.addr,"
            " b.ctid AS b, {keys} FROM {stage} s JOIN {base} b ON b.scope = {scope} AND {match}"
            " JOIN {live} l ON ({at_primary_key} OR ({has_key})) AND {marked}"
            " WHERE s.addr = ANY ({wanted}::text[]) AND NOT EXISTS (SELECT FROM {live} o"
            " WHERE {other_unmarked})"
            " ORDER BY s.addr, ({at_primary_key}) DESC",
            name=sql.Identifier(name),
            keys=sql.SQL(", ").join(
                sql.SQL("{} AS {}").format(sql.Identifier("l", each), sql.Identifier(f"k{n}"))
                for n, each in enumerate(work.base.primary_key, start=1)
            ),
            match=entry_match(work),
            at_primary_key=work.at_primary_key("l", "b"),
            has_key=all_equal(work.desired_keys("l")),
            marked=all_of([work.in_scope("l"), work.soft_deleted("l")]),
            wanted=sql.Literal(list(keys)),
            other_unmarked=all_of([work.at_key("o"), negated(work.soft_deleted("o"))]),
        )
    )
