"""Which live rows are in the way: they hold unique values that rows to be written want.

A unique index is checked row by row, so a value passes from one row to another only once the
first has given it up. Indexes of exclusion constraints are asked in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from psycopg import sql

from seeder.database.connection.answers import answer
from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named, Theirs
from seeder.database.judging.expressions import called, if_given
from seeder.database.judging.verdict_rows import (
    EVERY,
    after_update,
    at_live,
    inserted_rows,
    is_inserted,
    is_written,
    same_row,
    writing,
)
from seeder.database.ledger.bases.entry_values import has_note, removal
from seeder.database.schema.equality import (
    FALSE,
    TRUE,
    all_of,
    any_of,
    cast,
    compared_by,
    either,
    equal,
    negated,
    surely,
    where,
)
from seeder.database.schema.rule_numbers import numbers_named
from seeder.database.schema.tables import Guard, Table
from seeder.database.staging.work import SetWork
from seeder.merge.plan import SetDecision
from seeder.merge.rules import ROW_RULES

_FREED = ("unset", "unset_recorded")
_HELD = ("unset_held", "unset_recorded_held")
MARKS_FREED = numbers_named(ROW_RULES, _FREED)
MARKS_LEAVING = numbers_named(ROW_RULES, _FREED + _HELD)
"""Verdicts of rows that lose all their marks, and of those that lose any.

The others keep those in columns of unique indexes, since another row holds what was before.
"""


class Place(Struct, frozen=True, kw_only=True):
    """A table, and what its rows are known by."""

    table: Table
    primary_key: tuple[str, ...]


class Changes(Place, frozen=True, kw_only=True):
    """Rows `w` of a relation, each with what it changes in live row `t`."""

    relation: sql.Composable
    source: sql.Composable
    """FROM clause of `w`, `t` and all that `after` needs."""
    at: sql.Composable
    """Condition: `t` is the live row that `w` is about."""
    changing: sql.Composable
    """Condition: `w` changes anything."""
    row: sql.Composable
    """What tells the rows `w` apart, of `row_type`."""
    row_type: sql.SQL
    after: Callable[[str], sql.Composable]
    """What a column of `t` holds afterwards."""
    is_written: Callable[[str], sql.Composable]
    """Condition: `w` writes the column; may be NULL where it does not."""
    written: frozenset[str]
    """Columns that any row writes."""


def changes_of(work: SetWork, written: Iterable[str]) -> Changes:
    """What the verdicts of a set change in rows that are there."""
    return Changes(
        table=work.table,
        primary_key=work.base.primary_key,
        relation=work.verdict,
        source=work.compose(
            "{verdict} w JOIN {stage} s ON {row} = w.s JOIN {live} t ON {}", at_live(work)
        ),
        at=at_live(work),
        changing=writing(work),
        row=sql.SQL("w.s"),
        row_type=work.stage.row_type,
        after=lambda name: after_update(work, name),
        is_written=lambda name: is_written(work, name),
        written=frozenset(written),
    )


def in_the_way_of_inserts(works: Iterable[SetWork]) -> sql.Composable | None:
    """SELECT of where the live rows are that hold what rows to be inserted want.

    The works share a table. None: it has no index in which that could happen.
    """
    return _union(
        holders(work, guard, inserted(work, guard)) for work in works for guard in asked(work)
    )


def in_the_way(works: Sequence[SetWork], *, meeting: bool = False) -> sql.Composable | None:
    """As `in_the_way_of_inserts`, and of what rows to be updated want.

    With `meeting` it also finds something where there are rows of `meeting_rows`.
    """
    selects: list[sql.Composable] = []
    for work in works:
        for guard in asked(work):
            selects += _wanted(work, guard)
            if work.decision is not SetDecision.INSERT:
                selects.append(holders(work, guard, brought_back(work, guard), others=True))
                met = meeting_rows(work, guard, works, selected=_NOWHERE) if meeting else None
                selects += [met] if met is not None else []
    return _union(selects)


def _wanted(work: SetWork, guard: Guard, among: sql.Composable = EVERY) -> list[sql.Composable]:
    """SELECTs of where the live rows are that hold what rows `n`, inserted or updated, want."""
    found: list[sql.Composable] = [holders(work, guard, inserted(work, guard), wanted=among)]
    if work.decision is not SetDecision.INSERT:
        found.append(holders(work, guard, updated(work, guard), others=True, wanted=among))
    return found


def meeting_rows(
    work: SetWork, guard: Guard, works: Iterable[SetWork], *, selected: sql.Composable
) -> sql.Composable | None:
    """SELECT from updated rows `n` and rows `a` of the works that come to hold the same.

    Of `n` only those that keep one part of what the index holds and have another written:
    nobody asked for the two together. None: the index has no two parts that could differ so.
    """
    written = [surely(is_written(work, name)) for name in guard.columns if work.stage.has(name)]
    if not written or len(guard.columns) < 2:
        return None
    all_written = all_of(written) if len(written) == len(guard.columns) else FALSE
    changes = changes_of(work, ())
    mixed = changed(
        changes, guard, all_of([changes.changing, any_of(written), negated(all_written)])
    )
    parts = sql.SQL(", ").join(
        sql.Identifier(f"u{number}") for number in range(1, len(guard.expressions) + 1)
    )
    keys = [sql.Identifier(f"k{n}") for n in range(1, len(work.base.primary_key) + 1)]
    unknown = [
        sql.SQL("NULL::{} AS {}").format(sql.SQL(work.live(name).type), key)
        for name, key in zip(work.base.primary_key, keys, strict=True)
    ]
    others: list[sql.Composable] = []
    for other in works:
        address = sql.SQL("{} || s.addr").format(sql.Literal(other.seed_set.address("")))
        rows = inserted(other, guard, row=address)
        others.append(
            sql.SQL("SELECT seeder_row, {}, {} FROM ({}) i").format(
                sql.SQL(", ").join(unknown), parts, rows
            )
        )
        moving = replace(changes_of(other, ()), row=address)
        others.append(
            sql.SQL("SELECT seeder_row, {}, {} FROM ({}) i").format(
                sql.SQL(", ").join(keys), parts, changed(moving, guard, moving.changing)
            )
        )
    same = all_of(
        equal(sql.SQL("n.{}").format(key), sql.SQL("a.{}").format(key), work.live(name))
        for name, key in zip(work.base.primary_key, keys, strict=True)
    )
    return sql.SQL("SELECT {} FROM ({}) n JOIN ({}) a ON {} AND ({}) IS NOT TRUE").format(
        selected, mixed, sql.SQL("\nUNION ALL\n").join(others), collide(guard, "n", "a"), same
    )


def wanted_by(works: Iterable[SetWork], guard: Guard) -> sql.Composable:
    """SELECT of where the live rows are that hold in an index what rows of the works want."""
    return sql.SQL("\nUNION ALL\n").join(
        select for work in works for select in _wanted(work, guard)
    )


def by_table(works: Iterable[SetWork]) -> list[list[SetWork]]:
    """The works, those of one table together."""
    found: dict[int, list[SetWork]] = {}
    for work in works:
        found.setdefault(work.table.oid, []).append(work)
    return list(found.values())


def exists(connection: Connection, select: sql.Composable) -> bool:
    """Whether the SELECT finds anything."""
    return bool(answer(connection, sql.SQL("SELECT EXISTS ({})").format(select)))


def waiting(
    connection: Connection,
    changes: Changes,
    among: sql.Composable,
) -> list[Any]:
    """Rows `w` whose new values another live row still holds, of those that meet `among`."""
    found: set[Any] = set()
    for guard in guarding(changes):
        rows = changed(changes, guard, all_of([changes.changing, among]))
        select = holders(changes, guard, rows, others=True, selected=_ROW)
        found.update(row[0] for row in connection.execute(select).fetchall())
    return sorted(found)


def guarding(changes: Changes) -> list[Guard]:
    """The indexes with which an update of these columns may collide while it goes on."""
    return [
        guard
        for guard in changes.table.guards
        if changes.written & set(guard.columns) and not guard.deferrable
    ]


def holders_of(connection: Connection, work: SetWork, key: str) -> list[str]:
    """Row keys of the set's own rows that hold what the row `key` wants; at most five."""
    wanted = work.compose(
        "n.seeder_row IN (SELECT {row} FROM {stage} s WHERE s.addr = {})", sql.Literal(key)
    )
    selects = [select for guard in asked(work) for select in _wanted(work, guard, wanted)]
    if not selects:
        return []
    rows = connection.execute(
        work.compose(
            "SELECT b.addr FROM {base} b JOIN {live} t ON {} WHERE {} AND b.seed_set = ANY ({})"
            " AND (t.tableoid, t.ctid) IN ({}) ORDER BY 1 LIMIT 5",
            work.at_primary_key("t", "b"),
            work.owning("b"),
            sql.Literal(list(work.own_ids)),
            sql.SQL(" UNION ALL ").join(selects),
        )
    ).fetchall()
    return [row[0] for row in rows]


def holder_name(work: SetWork) -> sql.Composable:
    """What people are told of live row `t` of the set's table: table and primary key."""
    secret = {column.name for column in work.seed_set.columns if column.secret}
    known: list[sql.Composable] = [
        sql.SQL("{} || ({})::text").format(Named(f"{name} "), sql.Identifier("t", name))
        for name in work.base.primary_key
        if name not in secret
    ]
    return sql.SQL("{} || ' (' || pg_catalog.concat_ws(', ', {}) || ')'").format(
        Named(str(work.table)), sql.SQL(", ").join(known or [Named("secret")])
    )


_HOLDER = sql.SQL("t.tableoid, t.ctid")
_NOWHERE = sql.SQL("NULL::oid, NULL::tid")
_ROW = sql.SQL("DISTINCT n.seeder_row")


def asked(work: SetWork) -> list[Guard]:
    """Indexes whose new values the set decides, and that are known before the write.

    Not those that keep just the key unique, which passes to no other row unless a row moves or
    is out of scope.
    """
    scope = {name for name, _ in work.seed_set.scope}
    identity = scope.union(work.seed_set.key)
    marks = {name for name, _ in work.seed_set.removed_values} | work.marks
    return [
        guard
        for guard in work.table.guards
        if any(work.stage.has(name) or name in marks for name in guard.columns)
        and (
            work.any_moves
            or not scope.issubset(guard.columns)
            or not guard.by_equality
            or not identity.issuperset(guard.columns)
        )
    ]


def _union(selects: Iterable[sql.Composable]) -> sql.Composable | None:
    listed = list(selects)
    return sql.SQL("\nUNION ALL\n").join(listed) if listed else None


def holders(
    place: Place | SetWork,
    guard: Guard,
    wanting: sql.Composable,
    *,
    others: bool = False,
    selected: sql.Composable = _HOLDER,
    wanted: sql.Composable = EVERY,
    holding: sql.Composable = EVERY,
) -> sql.Composed:
    """SELECT from `takers` `n` and the live rows `t` that hold what they want.

    `wanted` and `holding` are conditions on the one and the other; `others` leaves out a row
    that holds what it wants itself. By default it selects where the live rows are.
    """
    conditions = [wanted, holding, collide(guard, "n", "h"), in_index(guard, "h")]
    if others:
        primary_key = place.primary_key if isinstance(place, Place) else place.base.primary_key
        conditions.append(negated(same_row(place.table, primary_key, "t", "n")))
    return sql.SQL(
        "SELECT {selected} FROM ({wanting}) n\n"
        "JOIN ({live} t CROSS JOIN LATERAL (SELECT {values} FROM (SELECT t.*) r) h) ON {match}"
    ).format(
        selected=selected,
        wanting=wanting,
        live=place.table.rows,
        values=_values(guard),
        match=all_of(conditions),
    )


def collide(guard: Guard, one: str, other: str) -> sql.Composable:
    """Condition: what two rows hold in the index keeps them apart."""
    conditions: list[sql.Composable] = []
    compared = zip(guard.operators, guard.collations, strict=True)
    for number, (operator, collation) in enumerate(compared, start=1):
        mine, its = sql.Identifier(one, f"u{number}"), sql.Identifier(other, f"u{number}")
        condition = compared_by(mine, operator, its, collation)
        if guard.nulls_collide:
            both_null = sql.SQL("({} IS NULL AND {} IS NULL OR {})")
            condition = both_null.format(mine, its, condition)
        conditions.append(condition)
    return all_of(conditions)


def _values(guard: Guard) -> sql.Composable:
    """What the index holds of row `r`."""
    values = [called(Theirs(value), f"u{n}") for n, value in enumerate(guard.expressions, start=1)]
    if guard.predicate:
        values.append(sql.SQL("({}) AS guarded").format(Theirs(guard.predicate)))
    return sql.SQL(", ").join(values)


def in_index(guard: Guard, row: str) -> sql.Composable:
    """Condition on `_values`: the index holds the row."""
    return sql.Identifier(row, "guarded") if guard.predicate else TRUE


def keeps(guard: Guard) -> sql.Composable:
    """Condition: the row that `n` collides with becomes none of `a`, or collides as that too.

    Of `a` those that no index holds are there as well.
    """
    still = all_of([in_index(guard, "a"), collide(guard, "n", "a")])
    return any_of([sql.SQL("a.seeder_row IS NULL"), still])


def inserted(work: SetWork, guard: Guard, *, row: sql.Composable | None = None) -> sql.Composable:
    """`takers` of a set's rows that are inserted, known by their place or by `row`."""
    columns = {name: _new_value(work, name) for name in guard.columns}
    told = row or work.stage.row()
    return takers(guard, columns, (), told, inserted_rows(work), is_inserted(work))


def updated(work: SetWork, guard: Guard, *, guarded: bool = True) -> sql.Composable:
    """`takers` of a set's rows that are updated, or these whatever they come to hold."""
    changes = changes_of(work, ())
    return changed(changes, guard, changes.changing, guarded=guarded)


def changed(
    changes: Changes, guard: Guard, where: sql.Composable, *, guarded: bool = True
) -> sql.Composable:
    """`takers` of the rows that are changed, or these whatever they come to hold."""
    columns = {name: changes.after(name) for name in guard.columns}
    keys = [sql.Identifier("t", name) for name in changes.primary_key]
    return takers(guard, columns, keys, changes.row, changes.source, where, guarded=guarded)


def brought_back(work: SetWork, guard: Guard) -> sql.Composable:
    """Rows that are back in the catalog and lose their marks (`marks.bring_back`)."""
    columns: dict[str, sql.Composable] = {
        name: after_update(work, name)
        if work.stage.has(name)
        else either(
            has_note("removed", name),
            cast(removal(name, after=False), work.live(name)),
            sql.Identifier("t", name),
        )
        for name in guard.columns
    }
    changes = changes_of(work, ())
    keys = [sql.Identifier("t", name) for name in changes.primary_key]
    marked = work.compose("{} JOIN {base} b ON b.ctid = w.b", changes.source)
    freed = work.compose("w.live AND b.state = {set} AND w.verdict = ANY ({})", MARKS_FREED)
    return takers(guard, columns, keys, changes.row, marked, freed)


def takers(
    guard: Guard,
    columns: dict[str, sql.Composable],
    keys: Sequence[sql.Composable],
    row: sql.Composable,
    source: sql.Composable,
    condition: sql.Composable,
    *,
    guarded: bool = True,
) -> sql.Composable:
    """SELECT of rows as they are going to be: `seeder_row`, `k1`.., `u1`.., of an index.

    Only those that the index holds then, unless `guarded` is False; of an index with a predicate
    that column tells.
    """
    named = [called(key, f"k{n}") for n, key in enumerate(keys, start=1)]
    named += [called(value, f"c{n}") for n, value in enumerate(columns.values(), start=1)]
    columns_then = sql.SQL("SELECT {}").format(
        sql.SQL(", ").join(
            called(sql.Identifier("q", f"c{n}"), name) for n, name in enumerate(columns, start=1)
        )
    )
    if guard.generated:
        made = [
            called(sql.SQL("({})").format(Theirs(expression)), name)
            for name, expression in guard.generated
        ]
        columns_then = sql.SQL("SELECT m.*, {} FROM ({}) m").format(
            sql.SQL(", ").join(made), columns_then
        )
    return sql.SQL(
        "SELECT q.*, e.* FROM (SELECT {row} AS seeder_row, {named} FROM {source}{where}"
        " OFFSET 0) q\nCROSS JOIN LATERAL (SELECT {values} FROM ({columns}) r) e"
        "{guarded}"
    ).format(
        row=row,
        named=sql.SQL(", ").join(named),
        source=source,
        where=where(condition),
        values=_values(guard),
        columns=columns_then,
        guarded=where(in_index(guard, "e") if guarded else TRUE),
    )


def _new_value(work: SetWork, name: str) -> sql.Composable:
    """What an insert writes; NULL, which collides with nothing, where only it can tell."""
    live = work.live(name)
    constant = live.default if live.constant_default else None
    default = cast(sql.SQL("NULL") if constant is None else Theirs(constant), live)
    return if_given(work, name, work.stage.d(name), default) if work.stage.has(name) else default
