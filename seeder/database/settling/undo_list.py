"""What a run wrote to the rows of one base, listed in a temporary table for its undo."""

from __future__ import annotations

from typing import Any

import psycopg
from msgspec import Struct
from psycopg import sql

from seeder.database.ledger.bases import Base
from seeder.database.ledger.entries import at_key
from seeder.database.ledger.ledger import Ledger
from seeder.merge.plan import ColumnCase, ColumnChange, RowAction, RowChange
from seeder.merge.settled import in_parts


class Undoing(Struct, frozen=True, kw_only=True):
    """The writes of one run to the rows of one base."""

    base: Base
    run: int
    """The run that is undone."""

    @property
    def name(self) -> str:
        """The temporary table's bare name."""
        return f"seeder_undo_{self.base.id}"

    @property
    def relation(self) -> sql.Identifier:
        """The temporary table."""
        return sql.Identifier("pg_temp", self.name)

    def compose(self, text: str, **parts: sql.Composable) -> sql.Composed:
        """Compose a statement: `{w}` the temporary table, `{base}`, `{live}`, `{at}` (row `t`)."""
        return sql.SQL(text).format(
            w=self.relation,
            base=self.base.relation,
            live=self.base.table.rows,
            at=at_key(self.base, "t", "w"),
            **parts,
        )


def collect(connection: psycopg.Connection[Any], ledger: Ledger, work: Undoing) -> bool:
    """List the run's writes; False if there are none."""
    base = work.base
    keys = [f"k{n}" for n in range(1, len(base.primary_key) + 1)]
    definitions = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(key), sql.SQL(base.table.columns[name].storage))
        for key, name in zip(keys, base.primary_key, strict=True)
    )
    connection.execute(
        sql.SQL(
            "CREATE TEMP TABLE {} (n bigint GENERATED ALWAYS AS IDENTITY, kind text NOT NULL,"
            " addr text NOT NULL, scope text NOT NULL, set_name text NOT NULL, action text,"
            " before jsonb, after jsonb, merged jsonb, partly boolean NOT NULL DEFAULT false,"
            " names text[] NOT NULL DEFAULT '{{}}',"
            " verdict text NOT NULL DEFAULT 'open', reason text NOT NULL DEFAULT '', {})"
            " ON COMMIT DROP"
        ).format(sql.Identifier(work.name), definitions)
    )
    names = sql.SQL(", ").join(map(sql.Identifier, keys))
    own = sql.SQL(", ").join(
        sql.SQL("b.{}::{}").format(base.p(n), sql.SQL(base.table.columns[name].storage))
        for n, name in enumerate(base.primary_key)
    )
    kept = sql.SQL(", ").join(
        sql.SQL("(c.before ->> {}::text)::{}").format(
            sql.Literal(name), sql.SQL(base.table.columns[name].storage)
        )
        for name in base.primary_key
    )
    entry = sql.SQL("LEFT JOIN {} b ON b.scope = c.scope AND b.addr = c.addr").format(base.relation)
    written = 0
    for source in (
        "INSERT INTO {w} (kind, addr, scope, set_name, {names})"
        " SELECT 'inserted', b.addr, b.scope, coalesce(s.name, ''), {own} FROM {base} b"
        " LEFT JOIN {s}.sets s ON s.id = b.seed_set"
        " WHERE b.born = {run} AND b.state IN ('a', 'k', 's') ORDER BY b.ctid",
        "INSERT INTO {w} (kind, addr, scope, set_name, action, before, after, {names})"
        " SELECT 'deleted', c.addr, c.scope, c.set_name, c.action, c.before, c.after, {kept}"
        " FROM {s}.changes c {entry} WHERE c.run = {run} AND c.base = {id}"
        " AND c.before IS NOT NULL AND c.after IS NULL"
        " AND (b.state = 'r' OR (b.state = 'd' AND b.run = {run})) ORDER BY c.seq",
        "INSERT INTO {w} (kind, addr, scope, set_name, action, before, after, merged, {names})"
        " SELECT 'updated', c.addr, c.scope, c.set_name, c.action, c.before, c.after, c.merged,"
        " {own}"
        " FROM {s}.changes c {entry} WHERE c.run = {run} AND c.base = {id}"
        " AND c.before IS NOT NULL AND c.after IS NOT NULL ORDER BY c.seq",
    ):
        written += connection.execute(
            ledger.sql(
                source,
                w=work.relation,
                names=names,
                own=own,
                kept=kept,
                entry=entry,
                base=base.relation,
                run=sql.Literal(work.run),
                id=sql.Literal(base.id),
            )
        ).rowcount
    return written > 0


def lock(connection: psycopg.Connection[Any], work: Undoing) -> None:
    """Lock the live rows that an undo may write, in key order."""
    order = sql.SQL(", ").join(sql.Identifier("t", name) for name in work.base.primary_key)
    for kind, strength in (("inserted", "UPDATE"), ("updated", "NO KEY UPDATE")):
        connection.execute(
            work.compose(
                "SELECT FROM {live} t JOIN {w} w ON {at} WHERE w.kind = {kind}"
                " ORDER BY {order} FOR {strength} OF t",
                kind=sql.Literal(kind),
                order=order,
                strength=sql.SQL(strength),
            )
        )


_ACTIONS = {
    "inserted": RowAction.DELETE,
    "deleted": RowAction.RESTORE,
    "updated": RowAction.UPDATE,
}


def read(
    connection: psycopg.Connection[Any],
    work: Undoing,
    rows: list[RowChange],
    counts: dict[str, int],
) -> None:
    """Add the verdicts to the rows (up to 1000) and to the numbers by action."""
    for kind, verdict, number in connection.execute(
        work.compose(
            "SELECT kind, verdict, pg_catalog.count(*) FROM {w}"
            " GROUP BY kind, verdict ORDER BY 1, 2"
        )
    ).fetchall():
        action = (_ACTIONS[kind] if verdict == "do" else RowAction.KEEP).value
        counts[action] = counts.get(action, 0) + number
    for kind, verdict, set_name, addr, reason, *images in connection.execute(
        work.compose(
            "SELECT kind, verdict, set_name, addr, reason,"
            " (SELECT pg_catalog.jsonb_object_agg(n, w.after -> n) FROM"
            " pg_catalog.unnest(w.names) n),"
            " (SELECT pg_catalog.jsonb_object_agg(n, w.before -> n) FROM"
            " pg_catalog.unnest(w.names) n), merged FROM {w} w"
            " ORDER BY n LIMIT {room}",
            room=sql.Literal(max(0, 1000 - len(rows))),
        )
    ).fetchall():
        done = verdict == "do"
        now, then = in_parts(*images)
        rows.append(
            RowChange(
                address=f"{set_name}/{addr}",
                action=_ACTIONS[kind] if done else RowAction.KEEP,
                reason=reason,
                columns=tuple(
                    ColumnChange(
                        name=name,
                        case=ColumnCase.UPDATE,
                        reason="still holds what the run wrote",
                        live=now.get(name),
                        desired=then.get(name),
                    )
                    for name in dict.fromkeys([*now, *then])
                ),
                conflict=not done,
            )
        )
