"""The diff: which rows of a set could need anything.

Base and live table are joined for the entries whose rows have vanished, stage and base for the
rows that differ from what was last applied; only what is in one of the two is looked at further.
The diff depends on stage and ledger, which nobody else writes, so it is found once.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.judging import documents
from seeder.database.judging.expressions import desired_is_asked, entry_match
from seeder.database.ledger.runs.line_blocks import Part
from seeder.database.schema.equality import FALSE, TRUE, all_of, any_of, negated, type_sql
from seeder.database.staging import applied_lines
from seeder.database.staging.work import SetWork
from seeder.merge.model import Update


class Differences(Struct, frozen=True, kw_only=True):
    """What a comparison found, beside the rows that differ."""

    entries: int
    """The set's active entries; not counted where none is missing."""
    missing: int
    """Desired rows whose active entry has no live row, or one under another key."""
    leaving: int
    """The set's active entries that no desired row has."""
    known: int
    """Rows that differ and have an entry."""

    @property
    def suspicious(self) -> bool:
        """All rows of three or more, or over half of ten or more."""
        everything = self.entries >= 3 and self.missing == self.entries
        return everything or (self.entries >= 10 and 2 * self.missing > self.entries)


def create(connection: Connection, work: SetWork) -> None:
    """Create the set's empty diff and verdict tables."""
    connection.execute(
        sql.SQL("CREATE TEMP TABLE {} (s {}, b tid, missing boolean) ON COMMIT DROP").format(
            sql.Identifier(work.diff_name), work.stage.row_type
        )
    )
    definitions: list[sql.Composable] = [
        sql.SQL(
            "s {}, b tid, identity smallint, verdict smallint,"
            " live boolean, row_at tid, row_by xid, holder text"
        ).format(work.stage.row_type)
    ]
    for n, name in enumerate(work.base.primary_key, start=1):
        kind = type_sql(work.live(name))
        definitions.append(sql.SQL("{} {}").format(sql.Identifier(f"k{n}"), kind))
        definitions.append(sql.SQL("{} {}").format(sql.Identifier(f"p{n}"), kind))
    definitions += [
        sql.SQL("{} smallint").format(sql.Identifier(f"v{n}"))
        for n in range(1, len(work.seed_set.columns) + 1)
    ]
    definitions += documents.definitions(work)
    documents.create(connection, work)
    connection.execute(
        sql.SQL("CREATE TEMP TABLE {} ({}) ON COMMIT DROP").format(
            sql.Identifier(work.verdict_name),
            sql.SQL(", ").join(definitions),
        )
    )


def find_differences(
    connection: Connection,
    work: SetWork,
    *,
    refresh: bool = False,
    staged_anew: Callable[[], object] = lambda: None,
) -> Differences:
    """Fill the empty diff with the desired rows that could need anything.

    Where only a part of them was staged and that does not add up, all are; then `staged_anew` is
    called, to resolve their references.
    """
    part = work.stage.lines.part if work.stage.lines is not None else None
    partly = part is not None
    missing = _missing(connection, work)
    joins = all(work.joins(name) for name in work.seed_set.key)
    own = work.compose(
        "b.state = {active} AND b.seed_set = ANY ({})", sql.Literal(list(work.own_ids))
    )
    # What has left the catalog is counted only: those entries are found again once everything
    # else is written.
    row = connection.execute(
        work.compose(
            # Of the notes, for which Postgres reckons with 32 bytes where all are NULL, only
            # `noted` goes into the hash; without OFFSET 0 it would be asked behind the join. Few
            # rows are hashed themselves.
            "WITH found AS MATERIALIZED (\n"
            "SELECT {row} AS s, b.entry AS b, {missing} AS missing{facts}\n"
            "FROM {stage} s\n"
            "{join} JOIN (SELECT b.ctid AS entry, (b.state <> {active} OR b.notes IS NOT NULL) AS"
            " noted, {own} AS own, b.* FROM {base} b WHERE b.scope = {scope}{fence}) b\n"
            "  ON {match}\n"
            "WHERE CASE WHEN {row} IS NULL THEN b.own ELSE {different} END{left}\n"
            "), added AS (INSERT INTO {diff} (s, b, missing) SELECT s, b, missing FROM found)\n"
            "SELECT CASE WHEN pg_catalog.bool_or(missing) THEN (SELECT pg_catalog.count(*)"
            " FROM {base} b WHERE b.scope = {scope} AND {own}) ELSE 0 END,"
            " pg_catalog.count(*) FILTER (WHERE missing),"
            " pg_catalog.count(*) FILTER (WHERE s IS NULL),"
            " pg_catalog.count(b) FILTER (WHERE s IS NOT NULL){counts} FROM found",
            # Of a part nothing tells what has left; whether it adds up does.
            join=sql.SQL("FULL" if joins and not partly else "LEFT"),
            left=sql.SQL("") if joins or partly else _left(work, own),
            fence=sql.SQL("" if partly else " OFFSET 0"),
            facts=work.compose(_FACTS if partly else ""),
            counts=sql.SQL(_COUNTS if partly else ""),
            match=entry_match(work),
            missing=missing,
            own=own,
            different=any_of([TRUE if refresh else _different(work, partly=partly), missing]),
        )
    ).fetchone()
    entries, missing_rows, leaving, known, *counts = row or (0, 0, 0, 0)
    if part is not None and not _adds_up(part, *counts):
        connection.execute(work.compose("DELETE FROM {diff}"))
        applied_lines.stage_whole(connection, work)
        staged_anew()
        return find_differences(connection, work, refresh=refresh)
    if leaving:
        connection.execute(work.compose("DELETE FROM {diff} WHERE s IS NULL"))
    return Differences(entries=entries, missing=missing_rows, leaving=leaving, known=known)


_FACTS = ", b.state IS DISTINCT FROM {active} AS without, b.addr <> s.addr AS respelt"
_COUNTS = ", pg_catalog.count(*) FILTER (WHERE without), pg_catalog.count(*) FILTER (WHERE respelt)"
"""Of a part: rows without an active entry, and those spelt otherwise than theirs."""


def _adds_up(part: Part, without: int, respelt: int) -> bool:
    """Whether every active entry is that of a row that was skipped, or of one that was staged.

    A staged row may be spelt otherwise than its entry is: then that may be one of those skipped.
    """
    return part.entries == part.skipped + part.sent - without and not respelt


def _left(work: SetWork, own: sql.Composable) -> sql.Composable:
    """What a FULL JOIN would add, for keys that Postgres cannot hash or merge by."""
    return work.compose(
        "\nUNION ALL\nSELECT NULL, b.ctid, false FROM {base} b WHERE b.scope = {scope} AND {own}"
        " AND NOT EXISTS (SELECT FROM {stage} s WHERE {match})",
        own=own,
        match=entry_match(work),
    )


_NAMED = 1_000
"""Vanished entries that are handed over one by one; of more, the server keeps the list."""


def _missing(connection: Connection, work: SetWork) -> sql.Composable:
    """Condition: the live row of entry `b.entry` is gone, or has another key by now.

    Most often there is none or a few, so they are asked for first, in a query of its own.
    """
    if work.base.fresh:
        return FALSE
    if work.stage.lines is not None and work.stage.lines.part is not None:
        found = list(work.stage.lines.part.missing)
    else:
        few = sql.SQL("SELECT ctid FROM ({}) v LIMIT {}")
        found = [
            entry
            for (entry,) in connection.execute(
                few.format(applied_lines.vanished(work), sql.Literal(_NAMED + 1))
            ).fetchall()
        ]
    if not found:
        return FALSE
    if len(found) > _NAMED:
        return sql.SQL("coalesce(b.entry IN (SELECT ctid FROM ({}) v), false)").format(
            applied_lines.vanished(work)
        )
    return sql.SQL("coalesce(b.entry = ANY ({}::tid[]), false)").format(sql.Literal(found))


def take_over(connection: Connection, work: SetWork) -> None:
    """Give the set the entries of its rows that another set of the same table had before."""
    connection.execute(
        work.compose(
            "UPDATE {base} b SET seed_set = {own} FROM {stage} s"
            " WHERE b.scope = {scope} AND b.seed_set <> {own} AND {match}",
            own=sql.Literal(work.set_id),
            match=entry_match(work),
        )
    )


def find_gone(connection: Connection, work: SetWork, *, excluded: tuple[str, ...] = ()) -> int:
    """Add the set's active entries that have left the catalog to the diff.

    `excluded` are row keys that only another environment's sets have: they have not left.
    Returns how many there are.
    """
    # Taken away as a set: without statistics Postgres 14 and 15 expect hardly an entry here, and
    # would read the stage anew for each of them, were it asked whether the row is nowhere.
    there = [
        work.compose(
            "EXCEPT\nSELECT b.ctid FROM {base} b JOIN {} s ON {} WHERE b.scope = {scope}",
            stage.relation,
            entry_match(work, stage_number=stage.number),
        )
        for stage in (work.stage, *work.siblings)
    ]
    cursor = connection.execute(
        work.compose(
            "INSERT INTO {diff} (s, b, missing)\n"
            "SELECT NULL, gone.entry, false FROM (\n"
            "SELECT b.ctid FROM {base} b\n"
            "WHERE b.scope = {scope} AND b.state = {active} AND b.seed_set = ANY ({own})\n"
            "  AND b.addr <> ALL ({excluded})\n"
            "{there}\nORDER BY 1) gone (entry)",
            own=sql.Literal(list(work.own_ids)),
            excluded=sql.SQL("{}::text[]").format(sql.Literal(list(excluded))),
            there=sql.SQL("\n").join(there),
        )
    )
    return cursor.rowcount


def _different(work: SetWork, *, partly: bool = False) -> sql.Composable:
    conditions: list[sql.Composable] = [
        sql.SQL("b.entry IS NULL"),
        sql.SQL("b.noted"),
    ]
    if partly:
        conditions.append(sql.SQL("b.addr <> s.addr"))
    for column in work.seed_set.columns:
        if column.update is Update.NEVER:
            continue
        if column.update is Update.ALWAYS or (column.merge is not None and column.merge.reasserts):
            return TRUE
        if column.name not in work.base.columns:  # it was declared secret after it had left
            continue
        changed = negated(desired_is_asked(work, column.name, noted=False))
        given = work.stage.given(column.name)
        if given is not None and work.stage.varies(column.name):
            # What is not known any more, or never was, stands in the notes.
            changed = any_of([all_of([given, changed]), negated(given)])
        conditions.append(changed)
    return any_of(conditions)
