"""Updates in turn: a row that wants a unique value which another row holds comes after it.

Where rows wait for each other in a circle, as in a swap, they step aside first: within the
transaction NULL or a made-up value takes the place of theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql

from seeder.database import collisions
from seeder.database.culprit import always_generated, refused
from seeder.database.schema import Guard
from seeder.database.values import cast
from seeder.database.work import SetWork
from seeder.database.write import (
    EVERY,
    at_live,
    is_written,
    update,
    writing,
    written_columns,
)

_TURNS = 20
"""How many rows may wait for each other in a chain before all that wait step aside."""


def update_in_turn(
    connection: psycopg.Connection[Any], work: SetWork, among: sql.Composable = EVERY
) -> int:
    """Write the columns that the verdicts call for; returns the number of rows.

    `among` is a condition on verdict row `w`.
    """
    written = written_columns(connection, work)
    for name in written:
        if work.live(name).identity == "a":
            raise always_generated(connection, work, name)
    guards = collisions.guarding(work, written)
    waiting = collisions.waiting(connection, work, guards, among)
    if not waiting:
        return update(connection, work, written, among=among)
    others = sql.SQL("{} AND NOT {}").format(among, _one_of(work, waiting))
    count = update(connection, work, written, among=others)
    for _ in range(_TURNS):
        still = collisions.waiting(connection, work, guards, _one_of(work, waiting))
        free = set(waiting) - set(still)
        if not free:
            break
        count += update(connection, work, written, among=_one_of(work, sorted(free)))
        waiting = still
    if waiting:
        with refused(connection, work, waiting):
            for guard in guards:
                _step_aside(connection, work, guard, _one_of(work, waiting))
            count += update(connection, work, written, among=_one_of(work, waiting))
    return count


def _one_of(work: SetWork, rows: Sequence[Any]) -> sql.Composable:
    return sql.SQL("w.s = ANY ({}::{}[])").format(sql.Literal(list(rows)), work.stage.row_type)


def _step_aside(
    connection: psycopg.Connection[Any], work: SetWork, guard: Guard, among: sql.Composable
) -> None:
    """Give up the values by which rows collide in an index; the update writes them anew."""
    before: list[sql.Composable] = []
    sets: list[sql.Composable] = []
    for name, value in _made_up(work, guard):
        # One column of a row is enough, of those that the update writes in it.
        here = sql.SQL(" AND ").join(
            [
                sql.SQL("coalesce({}, false)").format(is_written(work, name)),
                *(sql.SQL("NOT coalesce({}, false)").format(each) for each in before),
            ]
        )
        sets.append(
            sql.SQL("{0} = CASE WHEN {1} THEN {2} ELSE t.{0} END").format(
                sql.Identifier(name), here, value
            )
        )
        before.append(is_written(work, name))
    if sets:
        connection.execute(
            sql.SQL(
                "UPDATE {live} t SET {sets} FROM"
                " (SELECT w.*, row_number() OVER (ORDER BY w.s) AS seeder_turn FROM {verdict} w"
                " WHERE {writing} AND {among}) w WHERE {at}"
            ).format(
                live=work.table.identifier,
                sets=sql.SQL(", ").join(sets),
                verdict=work.verdict,
                writing=writing(work),
                among=among,
                at=at_live(work),
            )
        )


_TEXTS = ("text", "character varying", "character", "citext")
_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
_MOMENTS = ("timestamp without time zone", "timestamp with time zone")


def _made_up(work: SetWork, guard: Guard) -> Iterator[tuple[str, sql.Composable]]:
    """Columns of an index whose values can be given up, and for what: NULL where it may be."""
    columns = [name for name in guard.columns if work.stage.has(name)]
    if not guard.nulls_collide and not guard.predicate:
        for name in columns:
            if not work.live(name).not_null:
                yield name, cast(sql.SQL("NULL"), work.live(name))
                return
    referring = {name for key in work.table.foreign_keys for name in key.columns}
    for name in columns:
        if name not in referring and (value := _unused(work, name)) is not None:
            yield name, cast(value, work.live(name))


def _unused(work: SetWork, name: str) -> sql.Composable | None:
    """A value that no row of the table or the catalog has."""
    live = work.live(name)
    highest = sql.SQL("(SELECT max(v) FROM (SELECT {} FROM {} UNION ALL SELECT {} FROM {} s) q(v))")
    top = highest.format(
        sql.Identifier(name), work.table.identifier, work.stage.d(name), work.stage.relation
    )
    match live.base:
        case base if base in _TEXTS:
            length = live.type.partition("(")[2].partition(")")[0]
            return sql.SQL("left(replace(gen_random_uuid()::text, '-', ''), {})").format(
                sql.Literal(int(length) if length.isdigit() else 32)
            )
        case base if base in _NUMBERS:
            return sql.SQL("{} + w.seeder_turn").format(top)
        case "date":
            return sql.SQL("{} + w.seeder_turn::integer").format(top)
        case base if base in _MOMENTS:
            return sql.SQL("{} + w.seeder_turn * interval '1 second'").format(top)
        case "uuid":
            return sql.SQL("gen_random_uuid()")
        case _:
            return None
