"""Which row it was that a constraint rejected: by address, never by value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import partial
from typing import Any, assert_never

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


class Writes(Enum):
    """What a block writes: among these rows the rejected one is searched for."""

    INSERTS = "inserts"
    UPDATES = "updates"
    REMOVALS = "removals"
    """Rows that have left the catalog, and have no place in a file to be named."""


@contextmanager
def rejected(
    connection: psycopg.Connection[Any],
    work: SetWork,
    writes: Writes,
    *,
    late: frozenset[str] = frozenset(),
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
        key: str | None
        match writes:
            case Writes.INSERTS:
                key = _first_inserted(connection, work, late)
            case Writes.UPDATES:
                key = _first_updated(connection, work)
            case Writes.REMOVALS:
                key = None
            case _:
                assert_never(writes)
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


def _first_inserted(
    connection: psycopg.Connection[Any], work: SetWork, late: frozenset[str]
) -> str | None:
    rows = connection.execute(
        sql.SQL("SELECT s.addr FROM {} WHERE {} ORDER BY {}").format(
            write.inserted_rows(work), write.is_inserted(work), work.stage.row()
        )
    ).fetchall()
    return _first_rejected(
        connection, rows, lambda first: write.insert(connection, work, late=late, first=first)
    )


def _first_updated(connection: psycopg.Connection[Any], work: SetWork) -> str | None:
    rows = connection.execute(
        sql.SQL("SELECT s.addr FROM {} w JOIN {} s ON {} = w.s WHERE {} ORDER BY w.s").format(
            work.verdict, work.stage.relation, work.stage.row(), write.writing(work)
        )
    ).fetchall()
    return _first_rejected(
        connection, rows, lambda first: write.update(connection, work, first=first)
    )


def _first_rejected(
    connection: psycopg.Connection[Any],
    rows: Sequence[tuple[str]],
    write_first: Callable[[int], object],
) -> str | None:
    """The row at the end of the shortest beginning of the writes that fails."""
    if not rows or not _fails(connection, partial(write_first, len(rows))):
        return None
    low, high = 0, len(rows)  # so many pass, so many fail
    while high - low > 1:
        middle = (low + high) // 2
        if _fails(connection, partial(write_first, middle)):
            high = middle
        else:
            low = middle
    return rows[high - 1][0]


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
