"""What a run wrote to the rows of one base, listed in a temporary table for its undo."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from msgspec import Struct
from psycopg import sql
from psycopg.rows import TupleRow

from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.ledger.bases.bases import Base
from seeder.database.ledger.bases.entries import at_key, from_text, is_stored
from seeder.database.ledger.bases.entry_values import omitted, stored, unknown
from seeder.database.ledger.bases.notes import EMPTY
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.schema.equality import bounded, canonical, same_text
from seeder.database.schema.referring import read as read_referring
from seeder.database.schema.referring import referring
from seeder.merge.plan import CHANGED, ColumnCase, ColumnChange, RowAction, RowChange
from seeder.merge.settled import in_parts

TO_RESTORE = sql.SQL("w.kind = 'deleted' AND w.verdict = 'do'")
TO_SET_BACK = sql.SQL("w.kind = 'updated' AND w.verdict = 'do'")


class Undoing(Struct, frozen=True, kw_only=True):
    """The writes of one run to the rows of one base."""

    connection: Connection
    ledger: Ledger
    base: Base
    run: int
    """The run that is undone."""
    by: int
    """The run that undoes it."""

    @property
    def name(self) -> str:
        """The temporary table's bare name."""
        return f"seeder_undo_{self.base.id}"

    @property
    def relation(self) -> sql.Identifier:
        """The temporary table."""
        return sql.Identifier("pg_temp", self.name)

    def columns_to_write(self) -> list[str]:
        """The columns that are set back in any row, as far as it is judged."""
        rows = self.execute(
            "SELECT DISTINCT pg_catalog.unnest(names) FROM {w} WHERE verdict = 'do'"
        )
        return [name for (name,) in rows]

    def execute(self, text: str, **parts: sql.Composable) -> psycopg.Cursor[TupleRow]:
        """Execute a statement that `compose` makes."""
        return self.connection.execute(self.compose(text, **parts))

    def compose(self, text: str, **parts: sql.Composable) -> sql.Composed:
        """Compose a statement, as `Ledger.sql` does.

        `{w}` is the temporary table, `{base}` and `{live}` are the base, of the number `{id}`, and
        its table; `{at}` and `{entry}` say where row `t` and entry `b` of them are. `{run}` is the
        run that is undone, `{by}` the one that does it. Rows `w` that are taken back are those
        `{to_delete}`, `{to_restore}` or `{to_set_back}`.
        """
        own = {
            "w": self.relation,
            "base": self.base.relation,
            "id": sql.Literal(self.base.id),
            "live": self.base.table.rows,
            "at": at_key(self.base, "t", "w"),
            "entry": sql.SQL("b.scope = w.scope AND b.addr = w.addr"),
            "run": sql.Literal(self.run),
            "by": sql.Literal(self.by),
            "to_delete": sql.SQL("w.kind = 'inserted' AND w.verdict = 'do'"),
            "to_restore": TO_RESTORE,
            "to_set_back": TO_SET_BACK,
        }
        return self.ledger.sql(text, **{**own, **parts})


def before(base: Base, name: str) -> sql.Composable:
    """What the image of row `w` says that a column held before the run."""
    return from_text(base, name, sql.SQL("w.before ->> {}::text").format(Named(name)))


def collect(work: Undoing) -> bool:
    """List the run's writes; False if there are none."""
    base = work.base
    keys = [f"k{n}" for n in range(1, len(base.primary_key) + 1)]
    definitions = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(key), sql.SQL(base.table.columns[name].storage))
        for key, name in zip(keys, base.primary_key, strict=True)
    )
    work.execute(
        "CREATE TEMP TABLE {name} (n bigint GENERATED ALWAYS AS IDENTITY, kind text NOT NULL,"
        " addr text NOT NULL, scope text NOT NULL, set_name text NOT NULL, action text,"
        " before jsonb, after jsonb, merged jsonb, partly boolean NOT NULL DEFAULT false,"
        " names text[] NOT NULL DEFAULT '{{}}',"
        " verdict text NOT NULL DEFAULT 'open', reason text NOT NULL DEFAULT '',"
        " referred boolean NOT NULL DEFAULT false, {keys})"
        " ON COMMIT DROP",
        name=sql.Identifier(work.name),
        keys=definitions,
    )
    names = sql.SQL(", ").join(map(sql.Identifier, keys))
    own = sql.SQL(", ").join(
        sql.SQL("b.{}::{}").format(base.p(n), sql.SQL(base.table.columns[name].storage))
        for n, name in enumerate(base.primary_key)
    )
    kept = sql.SQL(", ").join(
        sql.SQL("(c.before ->> {}::text)::{}").format(
            Named(name), sql.SQL(base.table.columns[name].storage)
        )
        for name in base.primary_key
    )
    entry = sql.SQL("LEFT JOIN {} b ON b.scope = c.scope AND b.addr = c.addr").format(base.relation)
    written = 0
    for source in (
        "INSERT INTO {w} (kind, addr, scope, set_name, {names})"
        " SELECT 'inserted', b.addr, b.scope, coalesce(s.name, ''), {own} FROM {base} b"
        " LEFT JOIN {s}.sets s ON s.id = b.seed_set"
        " WHERE b.inserted_by = {run} AND b.state IN ({owning}) ORDER BY b.ctid",
        "INSERT INTO {w} (kind, addr, scope, set_name, action, before, after, {names})"
        " SELECT 'deleted', c.addr, c.scope, c.set_name, c.action, c.before, c.after, {kept}"
        " FROM {s}.changes c {entry} WHERE c.run = {run} AND c.base = {id}"
        " AND c.before IS NOT NULL AND c.after IS NULL"
        " AND (b.state = {removed} OR (b.state = {deleted} AND b.run = {run})) ORDER BY c.seq",
        "INSERT INTO {w} (kind, addr, scope, set_name, action, before, after, merged, {names})"
        " SELECT 'updated', c.addr, c.scope, c.set_name, c.action, c.before, c.after, c.merged,"
        " {own}"
        " FROM {s}.changes c {entry} WHERE c.run = {run} AND c.base = {id}"
        " AND c.before IS NOT NULL AND c.after IS NOT NULL ORDER BY c.seq",
    ):
        written += work.execute(source, names=names, own=own, kept=kept, entry=entry).rowcount
    return written > 0


def lock(work: Undoing) -> None:
    """Lock the live rows that an undo may write, in key order."""
    order = sql.SQL(", ").join(sql.Identifier("t", name) for name in work.base.primary_key)
    for kind, strength in (("inserted", "UPDATE"), ("updated", "NO KEY UPDATE")):
        work.execute(
            "SELECT FROM {live} t JOIN {w} w ON {at} WHERE w.kind = {kind}"
            " ORDER BY {order} FOR {strength} OF t",
            kind=Named(kind),
            order=order,
            strength=sql.SQL(strength),
        )


def _changed(work: Undoing) -> sql.Composable:
    """Columns that hold something else than the run wrote: what it wrote, and what is live."""
    base = work.base
    written, inserted = [], []
    for name, column in base.table.columns.items():
        if column.generated:
            continue
        key = Named(name)
        text = sql.SQL("w.after ->> {}::text").format(key)
        now = bounded(canonical(sql.Identifier("t", name), column), column)
        pair = sql.SQL("ARRAY[{}, {}]::text[]")
        written.append(
            (
                sql.SQL(
                    "w.after ? {key}::text AND {key}::text <> ALL (w.names)"
                    " AND w.before ->> {key}::text IS DISTINCT FROM {text} AND NOT {same}"
                    " AND NOT {moot}"
                ).format(
                    key=key,
                    text=text,
                    same=same_text(sql.Identifier("t", name), text, column),
                    moot=same_text(
                        sql.Identifier("t", name),
                        sql.SQL("w.before ->> {}::text").format(key),
                        column,
                    ),
                ),
                key,
                pair.format(bounded(text, column), now),
            )
        )
        known = base.columns.get(name)
        if known is not None:
            inserted.append(
                (
                    sql.SQL("NOT ({} OR {} OR {})").format(
                        omitted(known), unknown(known), is_stored(base, known)
                    ),
                    key,
                    pair.format(bounded(stored(known), column), now),
                )
            )
    return work.compose(
        "CASE w.kind WHEN 'updated' THEN (SELECT {written} FROM {live} t WHERE {at})"
        " WHEN 'inserted' THEN (SELECT {inserted} FROM {base} b, {live} t"
        " WHERE {entry} AND w.verdict = 'keep' AND {at}) END",
        written=_object(written),
        inserted=_object(inserted),
    )


def _object(
    members: Sequence[tuple[sql.Composable, sql.Composable, sql.Composable]],
) -> sql.Composable:
    pieces: list[sql.Composable] = [
        sql.SQL("CASE WHEN {} THEN pg_catalog.jsonb_build_object({}::text, {}) ELSE {} END").format(
            condition, name, value, EMPTY
        )
        for condition, name, value in members
    ]
    return sql.SQL("({})").format(sql.SQL(" || ").join(pieces or (EMPTY,)))


def _is_bare(base: Base, name: str) -> bool:
    column = base.table.columns.get(name)
    # Parts of documents are JSON.
    return column is None or column.is_bare


_ACTIONS = {
    "inserted": RowAction.DELETE,
    "deleted": RowAction.RESTORE,
    "updated": RowAction.UPDATE,
}


def read(
    work: Undoing,
    rows: list[RowChange],
    counts: dict[str, int],
) -> None:
    """Add the verdicts to the rows (up to 1000) and to the numbers by action."""
    for kind, verdict, number in work.execute(
        "SELECT kind, verdict, pg_catalog.count(*) FROM {w} GROUP BY kind, verdict ORDER BY 1, 2"
    ).fetchall():
        action = (_ACTIONS[kind] if verdict == "do" else RowAction.KEEP).value
        counts[action] = counts.get(action, 0) + number
    for kind, verdict, set_name, addr, reason, changed, counted, *images in work.execute(
        "SELECT kind, verdict, set_name, addr, reason, {changed},"
        " CASE WHEN referred THEN (SELECT {referring} FROM {live} t WHERE {at}) END,"
        " (SELECT pg_catalog.jsonb_object_agg(n, w.after -> n) FROM"
        " pg_catalog.unnest(w.names) n),"
        " (SELECT pg_catalog.jsonb_object_agg(n, w.before -> n) FROM"
        " pg_catalog.unnest(w.names) n), merged FROM {w} w"
        " ORDER BY n LIMIT {room}",
        changed=_changed(work),
        referring=referring(work.base.table.referencing, lambda _: ()),
        room=sql.Literal(max(0, 1000 - len(rows))),
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
                        bare=_is_bare(work.base, name),
                    )
                    for name in dict.fromkeys([*now, *then])
                )
                + tuple(
                    ColumnChange(
                        name=name,
                        case=ColumnCase.CHANGED,
                        reason=CHANGED,
                        asked=expected,
                        stored=expected,
                        live=live,
                        bare=_is_bare(work.base, name),
                    )
                    for name in work.base.table.columns
                    if name in (changed or {})
                    for expected, live in [changed[name]]
                ),
                conflict=not done,
                referring=read_referring(counted),
            )
        )
