"""Which row it was that a constraint rejected: by address, never by value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from seeder.database import write
from seeder.database.failures import Kind, describe, kind_of, names_of
from seeder.database.prepare import MERGING
from seeder.database.work import SetWork
from seeder.errors import Problem, SeedingFailed


class Rejected(SeedingFailed):
    """A constraint or trigger rejected a row; a race may be the cause of some of these."""

    @property
    def sqlstate(self) -> object:
        """Postgres' code for the rejection."""
        return self.facts.get("sqlstate")


@contextmanager
def rejected(
    connection: psycopg.Connection[Any],
    work: SetWork,
    *,
    late: frozenset[str] = frozenset(),
    inserts: bool = True,
) -> Iterator[None]:
    """Turn a rejection inside the block into one that names the row.

    The block runs in a savepoint, so that the search for the row can be made afterwards;
    only among rows that the block `inserts`.
    """
    try:
        with connection.transaction():
            yield
    except psycopg.Error as error:
        if kind_of(error) is not Kind.OTHER:
            raise
        key = _first_rejected(connection, work, late) if inserts else None
        raise _named(work, error, key) from None


def _named(work: SetWork, error: psycopg.Error, key: str | None) -> Rejected:
    what = describe(error)
    if key is None:
        message = f"A row of set {work.name} was rejected by {work.table}: {what}."
        problem = Problem(message=f"{what}.", file=work.seed_set.file)
    else:
        address = work.seed_set.address(key)
        message = f"{address} was rejected by {work.table}: {what}."
        row = next((row for row in work.seed_set.rows if row.key == key), None)
        problem = Problem(
            message=f"{address}: {what}.",
            file=(row.file if row else None) or work.seed_set.file,
            line=row.line if row else None,
            address=address,
        )
    return Rejected(
        message,
        hint="Nothing was seeded. Mend the row, or the constraint, and run again.",
        problems=(problem,),
        set=work.name,
        **names_of(error),
    )


def _first_rejected(
    connection: psycopg.Connection[Any], work: SetWork, late: frozenset[str]
) -> str | None:
    """The row key at the end of the shortest beginning of the writes that fails."""
    inserted = connection.execute(
        sql.SQL("SELECT s.addr FROM {} WHERE {} ORDER BY {}").format(
            write.inserted_rows(work), write.is_inserted(work), work.stage.row()
        )
    ).fetchall()

    def inserts_fail(first: int) -> bool:
        return _fails(connection, lambda: write.insert(connection, work, late=late, first=first))

    if inserted and inserts_fail(len(inserted)):
        return str(inserted[_shortest(inserts_fail, len(inserted)) - 1][0])
    if work.decision not in MERGING:
        return None
    updated = connection.execute(
        sql.SQL("SELECT s.addr FROM {} w JOIN {} s ON {} = w.s WHERE {} ORDER BY w.s").format(
            work.verdict, work.stage.relation, work.stage.row(), write.writing(work)
        )
    ).fetchall()

    def updates_fail(first: int) -> bool:
        def both() -> None:
            write.insert(connection, work, late=late)
            write.update(connection, work, first=first)

        return _fails(connection, both)

    if updated and updates_fail(len(updated)):
        return str(updated[_shortest(updates_fail, len(updated)) - 1][0])
    return None


def _shortest(fails: Callable[[int], bool], total: int) -> int:
    """The least number of rows that fails, where all of them do."""
    low, high = 0, total  # so many pass, so many fail
    while high - low > 1:
        middle = (low + high) // 2
        if fails(middle):
            high = middle
        else:
            low = middle
    return high


def _fails(connection: psycopg.Connection[Any], writes: Callable[[], object]) -> bool:
    try:
        with connection.transaction() as attempt:
            writes()
            raise psycopg.Rollback(attempt)
    except psycopg.DatabaseError as error:
        if kind_of(error) is not Kind.OTHER:
            raise
        return True
    return False
