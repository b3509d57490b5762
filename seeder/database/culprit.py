"""Which row it was that a constraint rejected: by address, never by value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from seeder.database import write
from seeder.database.failures import Kind, describe, kind_of, names_of
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
    connection: psycopg.Connection[Any], work: SetWork, *, late: frozenset[str] = frozenset()
) -> Iterator[None]:
    """Turn a rejection inside the block into one that names the row.

    The block runs in a savepoint, so that the search for the row can be made afterwards.
    """
    try:
        with connection.transaction():
            yield
    except psycopg.Error as error:
        if kind_of(error) is not Kind.OTHER:
            raise
        raise _named(connection, work, error, late) from None


def _named(
    connection: psycopg.Connection[Any],
    work: SetWork,
    error: psycopg.Error,
    late: frozenset[str],
) -> Rejected:
    key = _first_rejected(connection, work, late)
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
    """The row key at the end of the shortest beginning of the inserts that fails."""
    keys = [
        row[0]
        for row in connection.execute(
            sql.SQL("SELECT s.addr FROM {} WHERE {} ORDER BY {}").format(
                write.inserted_rows(work), write.is_inserted(work), work.stage.row()
            )
        )
    ]
    if not keys or not _fails(connection, work, late, len(keys)):
        return None
    low, high = 0, len(keys)  # so many pass, so many fail
    while high - low > 1:
        middle = (low + high) // 2
        if _fails(connection, work, late, middle):
            high = middle
        else:
            low = middle
    return str(keys[high - 1])


def _fails(
    connection: psycopg.Connection[Any], work: SetWork, late: frozenset[str], first: int
) -> bool:
    try:
        with connection.transaction() as attempt:
            write.insert(connection, work, late=late, first=first)
            raise psycopg.Rollback(attempt)
    except psycopg.DatabaseError as error:
        if kind_of(error) is not Kind.OTHER:
            raise
        return True
    return False
