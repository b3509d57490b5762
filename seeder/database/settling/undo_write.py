"""What an undo writes: rows, ledger entries and images, one statement per action and base.

`w` is the temporary table of a base; only its rows with the verdict `do` are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from psycopg import sql

from seeder.database.connection.marked_sql import Named
from seeder.database.ledger.bases.entries import image, live_text
from seeder.database.schema.equality import all_of, canonical
from seeder.database.settling.undo_held import changes_of
from seeder.database.settling.undo_list import Undoing, before
from seeder.database.writing.ordered_updates import in_turn


def record_deleted(work: Undoing) -> None:
    """Keep images of the rows about to be deleted: what seeder had given them, and their keys.

    Other columns may be secret, though nothing has told the ledger so.
    """
    base = work.base
    names = dict.fromkeys([*base.primary_key, *base.columns])
    pieces = [
        (name, live_text(base, name))
        for name in names
        if name in base.table.columns and not base.table.columns[name].generated
    ]
    work.execute(
        "INSERT INTO {s}.changes (run, base, scope, set_name, addr, action, reason, before)"
        " SELECT {by}, {id}, w.scope, w.set_name, w.addr, 'delete', 'undone: ' || w.reason,"
        " {image} FROM {w} w JOIN {live} t ON {at} WHERE {to_delete} ORDER BY w.n",
        image=image(pieces),
    )


def delete(works: Sequence[Undoing]) -> None:
    """Delete inserted rows of all bases; their entries say that they are not to come back.

    One statement, at whose end foreign keys are checked, so that rows may refer to each
    other in any way. Then their keys are forgotten: a row that is set back may get one of them.
    """
    if not works:
        return
    deletes = [
        work.compose(
            "{name} AS (DELETE FROM {live} t USING {w} w WHERE {at} AND {to_delete})",
            name=sql.Identifier(f"d{n}"),
        )
        for n, work in enumerate(works)
    ]
    works[0].connection.execute(sql.SQL("WITH {} SELECT").format(sql.SQL(",\n").join(deletes)))
    for work in works:
        work.execute(
            "UPDATE {base} b SET state = {deleted}, run = {by} FROM {w} w"
            " WHERE {to_delete} AND {entry}"
        )
        forgotten = sql.SQL(", ").join(
            sql.SQL("{} = NULL").format(sql.Identifier(f"k{n}"))
            for n in range(1, len(work.base.primary_key) + 1)
        )
        work.execute("UPDATE {w} w SET {keys} WHERE {to_delete}", keys=forgotten)


def bring_back(work: Undoing) -> None:
    """Insert deleted rows from their images, old primary keys and all.

    What a run deleted had left the catalog: its entry says that it is kept now. What an
    undo had deleted is looked after again.
    """
    base = work.base
    rows = work.execute(
        "SELECT DISTINCT pg_catalog.jsonb_object_keys(before) FROM {w} w WHERE {to_restore}"
    )
    held = {name for (name,) in rows}
    columns = {
        name: column
        for name, column in base.table.columns.items()
        if name in held and not column.generated
    }
    if not columns:
        return
    work.execute(
        "INSERT INTO {live} ({names}){always}\nSELECT {values} FROM {w} w"
        " WHERE {to_restore} ORDER BY w.n",
        live=base.table.identifier,
        names=sql.SQL(", ").join(map(sql.Identifier, columns)),
        always=sql.SQL(
            " OVERRIDING SYSTEM VALUE"
            if any(column.identity == "a" for column in columns.values())
            else ""
        ),
        values=sql.SQL(", ").join(before(base, name) for name in columns),
    )
    work.execute(
        "UPDATE {base} b SET state = CASE b.state WHEN {deleted} THEN {active}"
        ' ELSE {kept} END::"char", run = {by} FROM {w} w WHERE {to_restore} AND {entry}'
    )
    work.execute(
        "INSERT INTO {s}.changes (run, base, scope, set_name, addr, action, reason, after)"
        " SELECT {by}, {id}, w.scope, w.set_name, w.addr, 'insert', 'undone: ' || w.reason,"
        " w.before FROM {w} w WHERE {to_restore} ORDER BY w.n"
    )


def set_back(work: Undoing) -> None:
    """Set columns back to what they were before the run; the base stays, so that it sticks."""
    names = work.columns_to_write()
    if not names:
        return
    work.execute(
        "INSERT INTO {s}.changes (run, base, scope, set_name, addr, action, reason, before,"
        " after, merged) SELECT {by}, {id}, w.scope, w.set_name, w.addr, 'update',"
        " 'undone: ' || w.reason, (SELECT pg_catalog.jsonb_object_agg(n, w.after -> n)"
        " FROM pg_catalog.unnest(w.names) n), (SELECT pg_catalog.jsonb_object_agg(n,"
        " w.before -> n)"
        " FROM pg_catalog.unnest(w.names) n), (SELECT pg_catalog.jsonb_object_agg(n,"
        " w.merged -> n)"
        " FROM pg_catalog.unnest(w.names) n WHERE w.merged ? n) FROM {w} w"
        " WHERE {to_set_back} ORDER BY w.n"
    )
    changes = changes_of(work, names)

    def write(among: sql.Composable) -> int:
        return work.execute(
            "UPDATE {live} t SET {sets} FROM {w} w WHERE {at} AND {chosen}",
            sets=sql.SQL(", ").join(
                sql.SQL("{} = {}").format(sql.Identifier(name), changes.after(name))
                for name in names
            ),
            chosen=all_of([changes.changing, among]),
        ).rowcount

    in_turn(work.connection, changes, write, refused=lambda _: nullcontext())
    _follow(work, names)
    _unmark(work)


def _follow(work: Undoing, names: Sequence[str]) -> None:
    """Entries know the primary keys that were set back with the rest."""
    base = work.base
    for position, name in enumerate(base.primary_key):
        if name not in names:
            continue
        work.execute(
            "UPDATE {base} b SET {p} = {value} FROM {w} w WHERE {to_set_back}"
            " AND {name} = ANY (w.names) AND {entry}",
            p=base.p(position),
            name=Named(name),
            value=canonical(before(base, name), base.table.columns[name]),
        )


def _unmark(work: Undoing) -> None:
    """Rows whose removal marks are gone are kept, with the base they had before."""
    base = work.base
    asked = [
        sql.SQL("{c} = CASE WHEN {name} = ANY (w.names) THEN {value} ELSE b.{c} END").format(
            c=column.asked,
            name=Named(name),
            value=canonical(before(base, name), base.table.columns[name]),
        )
        for name, column in base.columns.items()
        if name in base.table.columns and column.type == base.table.columns[name].base
    ]
    work.execute(
        "UPDATE {base} b SET {asked}, state = CASE WHEN q.left_over = '{{}}' THEN {kept}"
        ' ELSE {set} END::"char", notes = (SELECT'
        " nullif(coalesce(pg_catalog.jsonb_object_agg(n.key, n.value), '{{}}'), '{{}}')"
        " FROM (SELECT"
        " each.key, CASE each.key WHEN 'removed' THEN q.left_over WHEN 'stored'"
        " THEN each.value - w.names ELSE each.value END AS value"
        " FROM pg_catalog.jsonb_each(b.notes) each) n WHERE n.value <> '{{}}')"
        " FROM {w} w JOIN {base} o ON o.scope = w.scope AND o.addr = w.addr,"
        " LATERAL (SELECT coalesce(o.notes -> 'removed'::text, '{{}}') - w.names"
        " AS left_over) q"
        " WHERE {to_set_back} AND w.action = 'remove' AND b.ctid = o.ctid AND b.state = {set}",
        asked=sql.SQL(", ").join(asked),
    )
