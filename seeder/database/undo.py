"""Undo: back to what was before a run, where what the run wrote still stands.

Works from the ledger alone, on all bases that the run touched, in the caller's transaction
and under the advisory lock. One temporary table per base lists the run's writes with what
is to be done about each; the live rows among them are locked before they are judged.

The order: delete what the run inserted and nothing refers to, bring back what it deleted,
set back what it updated, then delete what only its updates still referred to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from seeder.database.bases import Base
from seeder.database.entries import at_key, from_text, is_stored, live_text, read_bases
from seeder.database.expressions import unknown
from seeder.database.ledger import Ledger
from seeder.database.schema import ForeignKey
from seeder.database.undo_write import bring_back, delete, record_deleted, set_back
from seeder.merge.model import TableName
from seeder.merge.order import in_groups
from seeder.merge.plan import ColumnCase, ColumnChange, RowAction, RowChange

REFERENCED = "other rows refer to it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoing:
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
            live=self.base.table.identifier,
            at=at_key(self.base, "t", "w"),
            **parts,
        )


def undo(
    connection: psycopg.Connection[Any], ledger: Ledger, *, run: int, by: int
) -> tuple[tuple[RowChange, ...], dict[str, int], tuple[str, ...]]:
    """Take back what a run wrote, as far as it still stands, and record it as run `by`.

    Returns:
        Rows that were settled or left (at most 1000), their numbers by action, and notes.
    """
    bases = read_bases(connection, ledger)
    works = [Undoing(base=base, run=run) for base in bases.open]
    works = [work for work in works if _collect(connection, ledger, work)]
    works = _parents_first(works)
    for work in works:
        _lock(connection, work)
    for work in works:
        _judge_inserted(connection, work)
    _delete(connection, ledger, works, by=by)
    for work in works:
        _judge_deleted(connection, work)
        bring_back(connection, ledger, work.base, work.relation, by=by)
    for work in works:
        _judge_updated(connection, work)
        set_back(connection, ledger, work.base, work.relation, by=by)
    _delete(connection, ledger, works, by=by)
    notes = tuple(f"The table {name} is gone, or has another primary key." for name in bases.lost)
    rows: list[RowChange] = []
    counts: dict[str, int] = {}
    for work in works:
        _read(connection, work, rows, counts)
    return tuple(rows), counts, notes


def _parents_first(works: list[Undoing]) -> list[Undoing]:
    by_id = {str(work.base.id): work for work in works}
    edges = {
        name: {
            other
            for other, there in by_id.items()
            for key in work.base.table.foreign_keys
            if key.target == there.base.table.qualified and other != name
        }
        for name, work in by_id.items()
    }
    return [by_id[name] for group in in_groups(list(by_id), edges) for name in group]


# -- what the run wrote ------------------------------------------------------------------


def _collect(connection: psycopg.Connection[Any], ledger: Ledger, work: Undoing) -> bool:
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
            " before jsonb, after jsonb, names text[] NOT NULL DEFAULT '{{}}',"
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
        sql.SQL("(c.before ->> {})::{}").format(
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
        "INSERT INTO {w} (kind, addr, scope, set_name, action, before, after, {names})"
        " SELECT 'updated', c.addr, c.scope, c.set_name, c.action, c.before, c.after, {own}"
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


def _lock(connection: psycopg.Connection[Any], work: Undoing) -> None:
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


# -- rows that the run inserted ------------------------------------------------------------


def _judge_inserted(connection: psycopg.Connection[Any], work: Undoing) -> None:
    changed: list[sql.Composable] = [
        sql.SQL("NOT {}").format(is_stored(work.base, column))
        for name, column in work.base.columns.items()
        if name in work.base.table.columns
    ]
    changed += [unknown(column) for column in work.base.columns.values()]
    connection.execute(
        work.compose(
            "UPDATE {w} w SET (verdict, reason) = (SELECT CASE WHEN b.run <> {run}"
            " THEN 'keep' WHEN {changed} THEN 'keep' ELSE 'do' END,"
            " CASE WHEN b.run <> {run} THEN 'a later run changed it as well'"
            " WHEN {changed} THEN 'changed here since' ELSE 'the run inserted it' END"
            " FROM {base} b, {live} t WHERE b.scope = w.scope AND b.addr = w.addr AND {at})"
            " WHERE w.kind = 'inserted' AND EXISTS (SELECT FROM {live} t WHERE {at})",
            run=sql.Literal(work.run),
            changed=sql.SQL("({})").format(sql.SQL(" OR ").join(changed)),
        )
    )
    # Deleted here already: nothing to do, and the next run remembers it as a person's doing.
    connection.execute(work.compose("DELETE FROM {w} WHERE kind = 'inserted' AND verdict = 'open'"))


def _delete(
    connection: psycopg.Connection[Any], ledger: Ledger, works: list[Undoing], *, by: int
) -> None:
    """Delete the inserted rows that nothing else refers to, all in one statement."""
    for work in works:
        connection.execute(
            work.compose(
                "UPDATE {w} SET verdict = 'do', reason = 'the run inserted it'"
                " WHERE kind = 'inserted' AND reason = {referenced}",
                referenced=sql.Literal(REFERENCED),
            )
        )
    while sum(_keep_referenced(connection, work, works) for work in works):
        pass
    for work in works:
        record_deleted(connection, ledger, work.base, work.relation, by=by)
    delete(connection, [(work.base, work.relation) for work in works], by=by)


def _keep_referenced(
    connection: psycopg.Connection[Any], work: Undoing, works: list[Undoing]
) -> int:
    conditions = [_is_referenced(key, works) for key in work.base.table.referencing]
    if not conditions:
        return 0
    return connection.execute(
        work.compose(
            "UPDATE {w} w SET verdict = 'keep', reason = {reason} FROM {live} t"
            " WHERE w.kind = 'inserted' AND w.verdict = 'do' AND {at} AND ({referenced})",
            reason=sql.Literal(REFERENCED),
            referenced=sql.SQL(" OR ").join(conditions),
        )
    ).rowcount


def _is_referenced(key: ForeignKey, works: list[Undoing]) -> sql.Composable:
    conditions: list[sql.Composable] = [
        sql.SQL("c.{} = t.{}").format(sql.Identifier(one), sql.Identifier(other))
        for one, other in zip(key.columns, key.target_columns, strict=True)
    ]
    conditions += [
        sql.SQL(
            "NOT EXISTS (SELECT FROM {} x WHERE x.kind = 'inserted' AND x.verdict = 'do' AND {})"
        ).format(other.relation, at_key(other.base, "c", "x"))
        for other in works
        if other.base.table.qualified == key.table
    ]
    return sql.SQL("EXISTS (SELECT FROM {} c WHERE {})").format(
        _identifier(key.table), sql.SQL(" AND ").join(conditions)
    )


def _identifier(table: TableName) -> sql.Identifier:
    return sql.Identifier(table.schema or "public", table.name)


# -- rows that the run deleted -------------------------------------------------------------


def _judge_deleted(connection: psycopg.Connection[Any], work: Undoing) -> None:
    base = work.base

    def keep(condition: sql.Composable, reason: str) -> int:
        return connection.execute(
            work.compose(
                "UPDATE {w} w SET verdict = 'keep', reason = {reason} WHERE w.kind = 'deleted'"
                " AND w.verdict = 'do' AND ({condition})",
                condition=condition,
                reason=sql.Literal(reason),
            )
        ).rowcount

    connection.execute(
        work.compose(
            "UPDATE {w} w SET verdict = 'do', reason = 'the run deleted it'"
            " WHERE w.kind = 'deleted'"
        )
    )
    same_key = sql.SQL(" AND ").join(
        sql.SQL("{} IS NOT DISTINCT FROM {}").format(sql.Identifier("t", name), _before(base, name))
        for name in base.key
    )
    keep(
        work.compose("EXISTS (SELECT FROM {live} t WHERE ({at}) OR ({same}))", same=same_key),
        "another row has its key",
    )
    for name, column in base.table.columns.items():
        if column.not_null and not column.fills_itself:
            keep(
                sql.SQL("w.before ->> {} IS NULL").format(sql.Literal(name)),
                f"no value of the column {name} was kept, which must not be NULL",
            )
    while sum(
        keep(_lacks(work, key), "refers to a row that is not there")
        for key in base.table.foreign_keys
    ):
        pass


def _before(base: Base, name: str) -> sql.Composable:
    return from_text(base, name, sql.SQL("w.before ->> {}").format(sql.Literal(name)))


def _lacks(work: Undoing, key: ForeignKey) -> sql.Composable:
    """Condition on `w`: the row that its image refers to is neither there nor coming."""
    base = work.base
    here = sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier("p", other), _before(base, one))
        for one, other in zip(key.columns, key.target_columns, strict=True)
    )
    coming: sql.Composable = sql.SQL("true")
    if key.target == base.table.qualified:
        coming = sql.SQL("NOT EXISTS (SELECT FROM {} x WHERE x.verdict = 'do' AND {})").format(
            work.relation,
            sql.SQL(" AND ").join(
                sql.SQL("x.before ->> {} = w.before ->> {}").format(
                    sql.Literal(other), sql.Literal(one)
                )
                for one, other in zip(key.columns, key.target_columns, strict=True)
            ),
        )
    given = sql.SQL(" AND ").join(
        sql.SQL("w.before ->> {} IS NOT NULL").format(sql.Literal(name)) for name in key.columns
    )
    return sql.SQL("{} AND NOT EXISTS (SELECT FROM {} p WHERE {}) AND {}").format(
        given, _identifier(key.target), here, coming
    )


# -- rows that the run updated -------------------------------------------------------------


def _judge_updated(connection: psycopg.Connection[Any], work: Undoing) -> None:
    base = work.base
    written = [
        row[0]
        for row in connection.execute(
            work.compose("SELECT DISTINCT jsonb_object_keys(after) FROM {w} WHERE kind = 'updated'")
        ).fetchall()
    ]
    revertible, moot = [], []
    for name in written:
        column = base.table.columns.get(name)
        if column is None or column.generated:
            continue
        parts = {"name": sql.Literal(name), "now": live_text(base, name)}
        revertible.append(
            sql.SQL(
                "CASE WHEN w.after ? {name} AND {now} IS NOT DISTINCT FROM w.after ->> {name}"
                " AND w.before ->> {name} IS DISTINCT FROM w.after ->> {name} AND {parent}"
                " THEN ARRAY[{name}] ELSE '{{}}' END"
            ).format(parent=_parent_is_there(base, name), **parts)
        )
        moot.append(
            sql.SQL(
                "CASE WHEN w.after ? {name} AND {now} IS NOT DISTINCT FROM w.before ->> {name}"
                " THEN 1 ELSE 0 END"
            ).format(**parts)
        )
    connection.execute(
        work.compose(
            "UPDATE {w} w SET verdict = 'keep', reason = 'gone or deleted here since'"
            " WHERE w.kind = 'updated'"
        )
    )
    if not revertible:
        return
    connection.execute(
        work.compose(
            "UPDATE {w} w SET names = q.names, verdict = CASE WHEN cardinality(q.names) > 0"
            " THEN 'do' WHEN q.moot = q.written THEN 'moot' ELSE 'keep' END,"
            " reason = CASE WHEN cardinality(q.names) = 0 THEN 'changed here since'"
            " WHEN cardinality(q.names) + q.moot < q.written"
            " THEN 'the run wrote it; what was changed here since stays'"
            " ELSE 'the run wrote it' END"
            " FROM (SELECT w.n, {names} AS names, {moot} AS moot,"
            " (SELECT count(*) FROM jsonb_object_keys(w.after)) AS written"
            " FROM {w} w JOIN {live} t ON {at} WHERE w.kind = 'updated') q WHERE q.n = w.n",
            names=sql.SQL(" || ").join(sql.SQL("({})::text[]").format(each) for each in revertible),
            moot=sql.SQL(" + ").join(moot),
        )
    )
    connection.execute(work.compose("DELETE FROM {w} WHERE verdict = 'moot'"))


def _parent_is_there(base: Base, name: str) -> sql.Composable:
    """Condition: what the column referred to before still exists."""
    conditions: list[sql.Composable] = [sql.SQL("true")]
    conditions += [
        sql.SQL(
            "(w.before ->> {name} IS NULL OR EXISTS (SELECT FROM {target} p WHERE p.{there} = {v}))"
        ).format(
            name=sql.Literal(name),
            target=_identifier(key.target),
            there=sql.Identifier(key.target_columns[0]),
            v=_before(base, name),
        )
        for key in base.table.foreign_keys
        if key.columns == (name,)
    ]
    return sql.SQL(" AND ").join(conditions)


# -- telling ---------------------------------------------------------------------------------

_ACTIONS = {
    "inserted": RowAction.DELETE,
    "deleted": RowAction.RESTORE,
    "updated": RowAction.UPDATE,
}


def _read(
    connection: psycopg.Connection[Any],
    work: Undoing,
    rows: list[RowChange],
    counts: dict[str, int],
) -> None:
    for kind, verdict, number in connection.execute(
        work.compose("SELECT kind, verdict, count(*) FROM {w} GROUP BY kind, verdict ORDER BY 1, 2")
    ).fetchall():
        action = (_ACTIONS[kind] if verdict == "do" else RowAction.KEEP).value
        counts[action] = counts.get(action, 0) + number
    for kind, verdict, set_name, addr, reason, names, before, after in connection.execute(
        work.compose(
            "SELECT kind, verdict, set_name, addr, reason, names, before, after FROM {w}"
            " ORDER BY n LIMIT {room}",
            room=sql.Literal(max(0, 1000 - len(rows))),
        )
    ).fetchall():
        done = verdict == "do"
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
                        live=after.get(name),
                        desired=before.get(name),
                    )
                    for name in names
                ),
                conflict=not done,
            )
        )
