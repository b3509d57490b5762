"""Updates in turn: a row that wants a unique value which another row holds comes after it.

Where rows wait for each other in a circle, as in a swap, they step aside first: within the
transaction NULL or a made-up value takes the place of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.judging import collisions
from seeder.database.judging.collisions import Changes
from seeder.database.judging.expressions import called
from seeder.database.judging.verdict_rows import EVERY
from seeder.database.schema.equality import all_of, cast, either, negated, surely, type_sql
from seeder.database.schema.tables import Guard
from seeder.database.staging.work import SetWork
from seeder.database.writing.rejected_rows import always_generated, refused
from seeder.database.writing.write import update, written_columns

_TURNS = 20
"""How many rows may wait for each other in a chain before all that wait step aside."""


def update_in_turn(connection: Connection, work: SetWork, among: sql.Composable = EVERY) -> int:
    """Write the columns that the verdicts call for; returns the number of rows.

    `among` is a condition on verdict row `w`.
    """
    written = written_columns(connection, work)
    for name in written:
        if work.live(name).identity == "a":
            raise always_generated(connection, work, name)
    return in_turn(
        connection,
        collisions.changes_of(work, written),
        lambda rows: update(connection, work, written, among=rows),
        among=among,
        refused=lambda rows: refused(connection, work, rows),
    )


def in_turn(
    connection: Connection,
    changes: Changes,
    write: Callable[[sql.Composable], int],
    *,
    among: sql.Composable = EVERY,
    refused: Callable[[Sequence[Any]], AbstractContextManager[None]],
) -> int:
    """Write changes, those of rows that wait for others after theirs.

    Args:
        connection: the seeding connection.
        changes: the changes, whose live rows are locked.
        write: writes those that meet a condition on `w`; returns how many.
        among: writes no others.
        refused: says of a rejection which rows waited for each other.

    Returns:
        The number of rows written, those that had to step aside counted once.
    """
    waiting = collisions.waiting(connection, changes, among)
    if not waiting:
        return write(among)
    others = all_of([among, negated(_one_of(changes, waiting))])
    count = write(others)
    for _ in range(_TURNS):
        still = collisions.waiting(connection, changes, _one_of(changes, waiting))
        free = set(waiting) - set(still)
        if not free:
            break
        count += write(_one_of(changes, sorted(free)))
        waiting = still
    if waiting:
        with refused(waiting):
            for guard in collisions.guarding(changes):
                step_aside(connection, changes, guard, _one_of(changes, waiting))
            count += write(_one_of(changes, waiting))
    return count


def _one_of(changes: Changes, rows: Sequence[Any]) -> sql.Composable:
    return sql.SQL("{} = ANY ({}::{}[])").format(
        changes.row, sql.Literal(list(rows)), changes.row_type
    )


def step_aside(
    connection: Connection, changes: Changes, guard: Guard, among: sql.Composable
) -> None:
    """Give up the values by which rows collide in an index; the update writes them anew.

    A row that gives up its primary key is known by the made-up one from then on.
    """
    before: list[sql.Composable] = []
    sets: list[sql.Composable] = []
    for name, value in _made_up(changes, guard):
        # One column of a row is enough, of those that the update writes in it.
        is_written = surely(changes.is_written(name))
        here = all_of([is_written, *map(negated, before)])
        given_up = either(here, value, sql.Identifier("t", name))
        sets.append(sql.SQL("{} = {}").format(sql.Identifier(name), given_up))
        before.append(is_written)
    if not sets:
        return
    keys = {f"k{n}": name for n, name in enumerate(changes.primary_key, start=1)}
    connection.execute(
        sql.SQL(
            "WITH aside AS (UPDATE {live} t SET {sets} FROM"
            " (SELECT w.*, pg_catalog.row_number() OVER (ORDER BY {row}) AS seeder_turn FROM"
            " {relation} w"
            " WHERE {rows}) w WHERE {at} RETURNING {row} AS seeder_row, {now})\n"
            "UPDATE {relation} w SET {known} FROM aside a WHERE {row} = a.seeder_row"
        ).format(
            live=changes.table.rows,
            sets=sql.SQL(", ").join(sets),
            row=changes.row,
            relation=changes.relation,
            rows=all_of([changes.changing, among]),
            at=changes.at,
            now=sql.SQL(", ").join(
                called(sql.Identifier("t", name), key) for key, name in keys.items()
            ),
            known=sql.SQL(", ").join(
                sql.SQL("{0} = a.{0}").format(sql.Identifier(key)) for key in keys
            ),
        )
    )


_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
_MOMENTS = ("timestamp without time zone", "timestamp with time zone")


def _made_up(changes: Changes, guard: Guard) -> Iterator[tuple[str, sql.Composable]]:
    """Columns of an index whose values can be given up, and for what: NULL where it may be."""
    table = changes.table
    columns = [name for name in guard.columns if name in changes.written]
    if not guard.nulls_collide and not guard.predicate and not guard.generated:
        for name in columns:
            if not table.columns[name].not_null:
                yield name, cast(sql.SQL("NULL"), table.columns[name])
                return
    referring = {name for key in table.foreign_keys for name in key.columns}
    for name in columns:
        if name not in referring and (value := _unused(changes, name)) is not None:
            yield name, cast(value, table.columns[name])


def _unused(changes: Changes, name: str) -> sql.Composable | None:
    """A value that no row has, nor is to have; another for each row."""
    live = changes.table.columns[name]
    top = sql.SQL(
        "(SELECT pg_catalog.max(v) FROM (SELECT {} FROM {} UNION ALL SELECT {} FROM {}) q(v))"
    ).format(sql.Identifier(name), changes.table.rows, changes.after(name), changes.source)
    match live.base:
        case base if live.kind.category == "S" and base != '"char"':
            length = type_sql(live).as_string().partition("(")[2].partition(")")[0]
            return sql.SQL(
                "pg_catalog.left(pg_catalog.replace("
                "pg_catalog.gen_random_uuid()::text, '-', ''), {})"
            ).format(sql.Literal(int(length) if length.isdigit() else 32))
        case base if base in _NUMBERS:
            return sql.SQL("{} + w.seeder_turn").format(top)
        case "date":
            return sql.SQL("{} + w.seeder_turn::integer").format(top)
        case base if base in _MOMENTS:
            return sql.SQL("{} + w.seeder_turn * interval '1 second'").format(top)
        case "uuid":
            return sql.SQL("pg_catalog.gen_random_uuid()")
        case _:
            return None
