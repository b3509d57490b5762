"""Unique values in the way of an undo: what other rows hold is not taken from them."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from seeder.database.connection.marked_sql import Named
from seeder.database.judging.collisions import (
    Changes,
    Place,
    changed,
    exists,
    holders,
    keeps,
    takers,
)
from seeder.database.judging.verdict_rows import same_row
from seeder.database.ledger.bases.entries import at_key
from seeder.database.schema.tables import Guard
from seeder.database.settling.undo_list import TO_RESTORE, TO_SET_BACK, Undoing, before

HELD = "another row holds a unique value that it had"


def changes_of(work: Undoing, names: Iterable[str]) -> Changes:
    """What setting back does to the rows that the run updated, in these columns."""
    base = work.base
    written = frozenset(names)

    def is_written(name: str) -> sql.Composable:
        return sql.SQL("{} = ANY (w.names)").format(Named(name))

    def after(name: str) -> sql.Composable:
        now = sql.Identifier("t", name)
        if name not in written:
            return now
        return sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(
            is_written(name), before(base, name), now
        )

    return Changes(
        table=base.table,
        primary_key=base.primary_key,
        relation=work.relation,
        source=work.compose("{w} w JOIN {live} t ON {at}"),
        at=at_key(base, "t", "w"),
        changing=TO_SET_BACK,
        row=sql.SQL("w.n"),
        row_type=sql.SQL("bigint"),
        after=after,
        is_written=is_written,
        written=written,
    )


def comes_after_changes(work: Undoing) -> bool:
    """Whether a row to be brought back wants a unique value that a changed row has to give up."""
    updated = work.compose(
        "(t.tableoid, t.ctid) IN (SELECT t.tableoid, t.ctid FROM {live} t JOIN {w} w ON {at}"
        " WHERE {to_set_back})"
    )
    place = Place(table=work.base.table, primary_key=work.base.primary_key)
    return any(
        exists(work.connection, holders(place, guard, _brought_back(work, guard), holding=updated))
        for guard in work.base.table.guards
    )


def keep_held(work: Undoing, *, brought_back: bool = False) -> None:
    """Leave as it is what wants a unique value of a row that keeps it.

    `brought_back` says that deleted rows are back already, and hold what they want themselves.
    """
    changes = changes_of(work, work.columns_to_write())
    keep = _keep_updated if brought_back else _keep
    while sum(keep(work, changes, guard) for guard in work.base.table.guards):
        pass


def _keep(work: Undoing, changes: Changes, guard: Guard) -> int:
    kept = work.execute(
        "UPDATE {w} w SET verdict = 'keep', reason = {held} WHERE w.n IN ({held_rows})"
        " AND w.verdict = 'do'",
        held=sql.Literal(HELD),
        held_rows=_wanting(changes, guard, _brought_back(work, guard), others=False),
    ).rowcount
    return kept + _keep_updated(work, changes, guard)


def _keep_updated(work: Undoing, changes: Changes, guard: Guard) -> int:
    if not changes.written & set(guard.columns):
        return 0
    wanted = changed(changes, guard, changes.changing)
    return work.execute(
        "UPDATE {w} w SET names = q.rest, verdict = CASE WHEN q.rest = '{{}}' THEN 'keep'"
        " ELSE 'do' END, reason = CASE WHEN q.rest = '{{}}' THEN {held} ELSE"
        " 'the run wrote it; ' || {held} END FROM (SELECT x.n, ARRAY(SELECT each"
        " FROM pg_catalog.unnest(x.names) each WHERE each <> ALL ({columns})) AS rest"
        " FROM {w} x WHERE x.n IN ({held_rows})) q"
        " WHERE q.n = w.n AND w.verdict = 'do' AND w.names OPERATOR(pg_catalog.&&) {columns}",
        held=sql.Literal(HELD),
        columns=sql.SQL("{}::text[]").format(Named(list(guard.columns))),
        held_rows=_wanting(changes, guard, wanted, others=True),
    ).rowcount


def _wanting(
    changes: Changes, guard: Guard, wanted: sql.Composable, *, others: bool
) -> sql.Composed:
    """SELECT of the rows that want what a live row holds in the end as well."""
    selected = sql.SQL("DISTINCT n.seeder_row")
    holding = holders(changes, guard, wanted, others=others, selected=selected)
    return sql.SQL("{} LEFT JOIN ({}) a ON {} WHERE {}").format(
        holding,
        changed(changes, guard, changes.changing, guarded=False),
        same_row(changes.table, changes.primary_key, "t", "a"),
        keeps(guard),
    )


def _brought_back(work: Undoing, guard: Guard) -> sql.Composable:
    columns = {name: before(work.base, name) for name in guard.columns}
    source = sql.SQL("{} w").format(work.relation)
    return takers(guard, columns, (), sql.SQL("w.n"), source, TO_RESTORE)
