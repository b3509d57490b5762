"""Leaving rows that step aside: others refer to them still, but their unique values are wanted.

What refers to such a row may leave or change later in the same seeding. Until then a made-up
value takes the place of the one that is wanted. A row that is there at the end all the same
gives it back: nothing is seeded.
"""

from __future__ import annotations

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.judging import collisions, diff
from seeder.database.judging.collisions import Changes
from seeder.database.judging.expressions import as_kept, called, untouched
from seeder.database.judging.verdict_rows import EVERY, at_live
from seeder.database.ledger.bases.notes import objects
from seeder.database.schema.equality import all_of
from seeder.database.staging.context import Seeding
from seeder.database.staging.work import SetWork
from seeder.database.writing.ordered_updates import step_aside
from seeder.errors import SeedingFailed
from seeder.merge.model import Removed


def let_step_aside(seeding: Seeding, work: SetWork, wanted: sql.Composable) -> None:
    """Give up the wanted values of rows that have left the set and that nobody has changed.

    `wanted` is a SELECT of where the live rows are that are in the way.
    """
    names = _columns(work)
    if not names or work.seed_set.removed is not Removed.DELETE or work.name in seeding.aside:
        return
    if not diff.find_gone(seeding.connection, work):
        return
    seeding.connection.execute(
        work.compose(
            "CREATE TEMP TABLE {aside} ON COMMIT DROP AS"
            " SELECT pg_catalog.row_number() OVER () AS n, b.addr, {keys}, {before} AS before"
            " FROM {diff} d JOIN {base} b ON b.ctid = d.b JOIN {live} t ON {at}"
            " WHERE d.s IS NULL AND (t.tableoid, t.ctid) IN ({wanted}) AND {untouched}",
            aside=sql.Identifier(_name(work)),
            keys=sql.SQL(", ").join(
                called(sql.Identifier("t", name), f"k{n}")
                for n, name in enumerate(work.base.primary_key, start=1)
            ),
            before=objects((EVERY, name, as_kept(work, name)) for name in names),
            at=work.at_primary_key("t", "b"),
            wanted=wanted,
            untouched=all_of(
                untouched(work, name, sql.Identifier("t", name), seeding.works) for name in names
            ),
        )
    )
    seeding.connection.execute(work.compose("DELETE FROM {diff} WHERE s IS NULL"))
    seeding.aside.append(work.name)
    changes = _changes(work, names)
    for guard in collisions.guarding(changes):
        step_aside(seeding.connection, changes, guard, EVERY)
    for name in names:
        _note(seeding.connection, work, name)


def settle(seeding: Seeding) -> None:
    """Once all has left: put the values that were given up into the images of the rows.

    Raises:
        SeedingFailed: a row that stepped aside is still there.
    """
    for name in seeding.aside:
        work = seeding.works[name]
        rows = seeding.connection.execute(
            work.compose(
                "SELECT w.addr FROM {} w JOIN {live} t ON {} ORDER BY 1 LIMIT 5",
                _relation(work),
                at_live(work),
            )
        ).fetchall()
        if rows:
            addresses = ", ".join(work.seed_set.address(addr) for (addr,) in rows)
            raise SeedingFailed(
                f"{addresses} cannot leave {work.table}, since a person changed it or other rows"
                " refer to it, while rows of the catalog want its unique values.",
                hint="Nothing was seeded. Delete it by hand, or leave the value where it is.",
                set=work.name,
                code="unique-value-held",
            )
        seeding.connection.execute(
            work.compose(
                "UPDATE {changes} c SET before = c.before || w.before FROM {aside} w"
                " WHERE c.run = {run} AND c.base = {id} AND c.scope = {scope}"
                " AND c.addr = w.addr AND c.after IS NULL",
                changes=seeding.ledger.sql("{s}.changes"),
                aside=_relation(work),
                run=sql.Literal(seeding.run),
                id=sql.Literal(work.base.id),
            )
        )


def _columns(work: SetWork) -> list[str]:
    """Columns that the set has asked for and that an index keeps unique, the key's apart."""
    unique = {name for guard in work.table.guards for name in guard.columns}
    known = {*work.base.primary_key, *work.seed_set.key}
    return sorted(name for name in unique if name in work.base.columns and name not in known)


def _name(work: SetWork) -> str:
    return f"seeder_aside_{work.stage.number}"


def _relation(work: SetWork) -> sql.Identifier:
    return sql.Identifier("pg_temp", _name(work))


def _changes(work: SetWork, names: list[str]) -> Changes:
    return Changes(
        table=work.table,
        primary_key=work.base.primary_key,
        relation=_relation(work),
        source=work.compose("{} w JOIN {live} t ON {}", _relation(work), at_live(work)),
        at=at_live(work),
        changing=EVERY,
        row=sql.SQL("w.n"),
        row_type=sql.SQL("bigint"),
        after=lambda name: sql.Identifier("t", name),
        is_written=lambda _: EVERY,
        written=frozenset(names),
    )


def _note(connection: Connection, work: SetWork, name: str) -> None:
    """Let the entry know the made-up value as what is stored: it is no edit of a person."""
    now = sql.SQL("({})::text").format(as_kept(work, name))
    connection.execute(
        work.compose(
            "UPDATE {base} b SET notes = coalesce(b.notes, '{{}}') ||"
            " pg_catalog.jsonb_build_object('stored',"
            " coalesce(b.notes -> 'stored'::text, '{{}}') || pg_catalog.jsonb_build_object({name},"
            " {now}))"
            " FROM {aside} w JOIN {live} t ON {at} WHERE b.scope = {scope} AND b.addr = w.addr"
            " AND w.before ->> {name}::text IS DISTINCT FROM {now}",
            name=Named(name),
            now=now,
            aside=_relation(work),
            at=at_live(work),
        )
    )
