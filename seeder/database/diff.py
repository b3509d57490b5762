"""The diff: which rows of a set could need anything, found in one statement.

Stage, base and live table are joined, and only rows kept that differ from what was last
applied. The diff depends on stage and ledger, which nobody else writes, so it is found once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from seeder.database.expressions import all_of, base_key, desired_is_asked, entry_match
from seeder.database.values import type_sql
from seeder.database.work import SetWork
from seeder.merge.model import Update


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanished:
    """How many of a set's active entries have no live row, or one under another key."""

    entries: int
    missing: int

    @property
    def suspicious(self) -> bool:
        """All rows of three or more, or over half of ten or more."""
        everything = self.entries >= 3 and self.missing == self.entries
        return everything or (self.entries >= 10 and 2 * self.missing > self.entries)


def create(connection: psycopg.Connection[Any], work: SetWork) -> None:
    """Create the set's empty diff and verdict tables."""
    connection.execute(
        sql.SQL(
            "CREATE TEMP TABLE {} (s {}, b tid, missing boolean NOT NULL) ON COMMIT DROP"
        ).format(sql.Identifier(work.diff_name), work.stage.row_type)
    )
    definitions: list[sql.Composable] = [
        sql.SQL(
            "s {}, b tid, identity smallint NOT NULL, verdict smallint NOT NULL,"
            " live boolean NOT NULL"
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
    connection.execute(
        sql.SQL("CREATE TEMP TABLE {} ({}) ON COMMIT DROP").format(
            sql.Identifier(work.verdict_name),
            sql.SQL(", ").join(definitions),
        )
    )


def find_differences(
    connection: psycopg.Connection[Any], work: SetWork, *, refresh: bool = False
) -> Vanished:
    """Fill the empty diff with the desired rows that could need anything."""
    live_here = sql.SQL("{} AND {} AND NOT ({})").format(
        work.at_primary_key("l", "b"), work.in_scope("l"), work.soft_deleted("l")
    )
    elsewhere = sql.SQL("({} IS NULL OR NOT ({}))").format(
        sql.Identifier("l", work.base.primary_key[0]),
        all_of(
            sql.SQL("{} = {}").format(sql.Identifier("l", name), base_key(work, name))
            for name in work.seed_set.key
        ),
    )
    vanished = sql.SQL("coalesce(b.state = 'a' AND {}, false)").format(elsewhere)
    own = sql.SQL("b.state = 'a' AND b.seed_set = ANY ({})").format(sql.Literal(list(work.own_ids)))
    in_scope = sql.SQL("b.scope = {}").format(sql.Literal(work.scope))
    # One join of everything: what differs, what has vanished, and what has left the catalog,
    # which is counted only: those entries are found again once everything else is written.
    connection.execute(
        sql.SQL(
            "INSERT INTO {diff} (s, b, missing)\n"
            "SELECT {row}, b.entry, {vanished}\n"
            "FROM {stage} s\n"
            "FULL JOIN (SELECT b.ctid AS entry, b.* FROM {base} b WHERE {in_scope}) b ON {match}\n"
            "LEFT JOIN {live} l ON {live_here}\n"
            "WHERE CASE WHEN s.addr IS NULL THEN {own} ELSE {different} OR {vanished} END"
        ).format(
            diff=work.diff,
            row=work.stage.row(),
            stage=work.stage.relation,
            base=work.base.relation,
            in_scope=in_scope,
            live=work.table.identifier,
            match=entry_match(work),
            live_here=live_here,
            vanished=vanished,
            own=own,
            different=sql.SQL("true") if refresh else _different(work),
        )
    )
    row = connection.execute(
        sql.SQL(
            "SELECT (SELECT count(*) FROM {base} b WHERE {in_scope} AND {own}), count(*) FILTER"
            " (WHERE missing), count(*) FILTER (WHERE s IS NULL) FROM {diff}"
        ).format(base=work.base.relation, in_scope=in_scope, own=own, diff=work.diff)
    ).fetchone()
    entries, missing, leaving = row or (0, 0, 0)
    if leaving:
        connection.execute(sql.SQL("DELETE FROM {} WHERE s IS NULL").format(work.diff))
    return Vanished(entries=entries, missing=missing)


def take_over(connection: psycopg.Connection[Any], work: SetWork) -> None:
    """Give the set the entries of its rows that another set of the same table had before."""
    connection.execute(
        sql.SQL(
            "UPDATE {base} b SET seed_set = {own} FROM {stage} s"
            " WHERE b.scope = {scope} AND b.seed_set <> {own} AND {match}"
        ).format(
            base=work.base.relation,
            own=sql.Literal(work.set_id),
            stage=work.stage.relation,
            scope=sql.Literal(work.scope),
            match=entry_match(work),
        )
    )


def find_gone(
    connection: psycopg.Connection[Any], work: SetWork, *, excluded: tuple[str, ...] = ()
) -> int:
    """Add the set's active entries that have left the catalog to the diff.

    `excluded` are row keys that only another environment's sets have: they have not left.
    Returns how many there are.
    """
    stages = (work.stage, *work.siblings)
    nowhere = [
        sql.SQL("NOT EXISTS (SELECT FROM {} s WHERE {})").format(
            stage.relation, entry_match(work, stage_number=stage.number)
        )
        for stage in stages
    ]
    cursor = connection.execute(
        sql.SQL(
            "INSERT INTO {diff} (s, b, missing)\n"
            "SELECT NULL, b.ctid, false FROM {base} b\n"
            "WHERE b.scope = {scope} AND b.state = 'a' AND b.seed_set = ANY ({own})\n"
            "  AND b.addr <> ALL ({excluded}) AND {nowhere}"
        ).format(
            diff=work.diff,
            base=work.base.relation,
            scope=sql.Literal(work.scope),
            own=sql.Literal(list(work.own_ids)),
            excluded=sql.SQL("{}::text[]").format(sql.Literal(list(excluded))),
            nowhere=all_of(nowhere),
        )
    )
    return cursor.rowcount


def _different(work: SetWork) -> sql.Composable:
    conditions: list[sql.Composable] = [
        sql.SQL("b.entry IS NULL"),
        sql.SQL("b.state <> 'a'"),
        sql.SQL("b.notes IS NOT NULL"),
    ]
    for column in work.seed_set.columns:
        if column.update is Update.NEVER:
            continue
        if column.update is Update.ALWAYS:
            return sql.SQL("true")
        changed: sql.Composable = sql.SQL("NOT {}").format(
            desired_is_asked(work, column.name, noted=False)
        )
        given = work.stage.given(column.name)
        if given is not None:
            changed = sql.SQL("({} AND {})").format(given, changed)
        conditions.append(changed)
    return sql.SQL("({})").format(sql.SQL("\n  OR ").join(conditions))
