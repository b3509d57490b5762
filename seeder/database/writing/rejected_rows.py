"""Which row it was that a constraint rejected: by address, never by value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import partial
from typing import Any, assert_never

import psycopg
from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.connection.failures import Kind, describe, kind_of, names_of
from seeder.database.judging import collisions, duplicates, verdict_rows
from seeder.database.schema.equality import where
from seeder.database.staging.work import SetWork
from seeder.database.writing import write
from seeder.database.writing.obstruction import obstruction
from seeder.errors import Problem, SeedingFailed


class Rejected(SeedingFailed):
    """A constraint or trigger rejected a row; a race may be the cause of some of these."""

    @property
    def sqlstate(self) -> object:
        """Postgres' code for the rejection."""
        return self.facts.get("sqlstate")


class Obstructed(Exception):  # no failure: the next attempt leaves the row alone
    """A live row holds a unique value that a trigger or a default has just given to another."""

    def __init__(self, work: SetWork, key: str, holder: str, otherwise: Rejected) -> None:
        super().__init__(str(otherwise))
        self.set, self.key, self.holder, self.otherwise = work.name, key, holder, otherwise


class Writes(Enum):
    """What a block writes: among these rows the rejected one is searched for."""

    INSERTS = "inserts"
    UPDATES = "updates"
    REMOVALS = "removals"
    """Rows that have left the catalog, and have no place in a file to be named."""


@contextmanager
def rejected(
    connection: Connection,
    work: SetWork,
    writes: Writes,
    *,
    late: frozenset[str] = frozenset(),
    run: int = 0,
) -> Iterator[None]:
    """Turn a rejection inside the block into one that names the row.

    The block runs in a savepoint, so that the search for the row can be made afterwards. With
    the number of a `run` it is Obstructed where a row in the way was here before that run.
    """
    try:
        with connection.transaction():
            yield
    except psycopg.Error as error:
        if kind_of(error) is not Kind.OTHER:
            raise
        key, why = None, error
        match writes:
            case Writes.INSERTS:
                if isinstance(error, psycopg.errors.UniqueViolation):
                    duplicates.require_distinct_keys(connection, work)
                key, why = _first_inserted(connection, work, late) or (None, error)
            case Writes.UPDATES:
                key, why = _first_updated(connection, work) or (None, error)
            case Writes.REMOVALS:
                pass
            case _:
                assert_never(writes)
        holders = [] if key is None else collisions.holders_of(connection, work, key)
        named = _named(work, why, *([] if key is None else [key]), holders=holders)
        # What no trigger made is the set's own to pass on, and told as such.
        if run and key is not None and (work.table.rewrites or not holders):
            found = obstruction(connection, work, key, why)
            if found is not None and found.seeded != run:
                raise Obstructed(work, key, found.name, named) from None
        raise named from None


@contextmanager
def refused(connection: Connection, work: SetWork, rows: Sequence[Any]) -> Iterator[None]:
    """Turn a rejection of any of these rows (`w.s`), which wait for each other, into one."""
    try:
        with connection.transaction():
            yield
    except psycopg.Error as error:
        if kind_of(error) is not Kind.OTHER:
            raise
        keys = connection.execute(
            work.compose(
                "SELECT s.addr FROM {stage} s WHERE {row} = ANY (%s::{}[]) ORDER BY {row} LIMIT 5",
                work.stage.row_type,
            ),
            [list(rows)],
        ).fetchall()
        raise _named(work, error, *(key for (key,) in keys), waiting=True) from None


def always_generated(connection: Connection, work: SetWork, name: str) -> SeedingFailed:
    """What to say of rows that are to have another value in a GENERATED ALWAYS identity."""
    rows = connection.execute(
        work.compose(
            "SELECT s.addr FROM {verdict} w JOIN {stage} s ON {row} = w.s WHERE {} AND {}"
            " ORDER BY w.s LIMIT 5",
            verdict_rows.writing(work),
            verdict_rows.is_written(work, name),
        )
    ).fetchall()
    keys = [key for (key,) in rows]
    what = f"the column {name} of {work.table}, which is GENERATED ALWAYS"
    verb = "is" if len(keys) == 1 else "are"
    return SeedingFailed(
        f"{_addresses(work, keys)} {verb} to have another value in {what}.",
        hint="Nothing was seeded. Leave the value as it is, or let a migration"
        f" ALTER TABLE {work.table} ALTER COLUMN {name} SET GENERATED BY DEFAULT.",
        problems=tuple(
            _problem(work, key, f"it is to have another value in {what}") for key in keys
        ),
        set=work.name,
        code="identity-always",
    )


def _named(
    work: SetWork,
    error: psycopg.Error,
    *keys: str,
    holders: Sequence[str] = (),
    waiting: bool = False,
) -> Rejected:
    what = describe(error)
    problems = [_problem(work, key, what) for key in keys]
    if not keys:
        message = f"A row of set {work.name} was rejected by {work.table}: {what}."
        problems = [Problem(message=f"{what}.", file=work.seed_set.file)]
    else:
        verb = "was" if len(keys) == 1 else "were"
        message = f"{_addresses(work, keys)} {verb} rejected by {work.table}: {what}."
    hint = "Fix the row, or the constraint, and run again."
    if holders:
        hint = (
            f"Its value is still that of {_addresses(work, holders)}: `seeder plan` shows what"
            " becomes of it. Where it stays, or leaves only once other rows have changed, let the"
            " value pass over two releases."
        )
    if waiting:
        hint = (
            "They want values that other rows still hold. Make the constraint DEFERRABLE, or let"
            " the values pass over two releases."
        )
    return Rejected(
        message,
        hint=f"Nothing was seeded. {hint}",
        problems=tuple(problems),
        set=work.name,
        **names_of(error),
    )


def _addresses(work: SetWork, keys: Sequence[str]) -> str:
    return ", ".join(work.seed_set.address(key) for key in keys)


def _problem(work: SetWork, key: str, what: str) -> Problem:
    address = work.seed_set.address(key)
    row = next((row for row in work.seed_set.rows if row.key == key), None)
    return Problem(
        message=f"{address}: {what}.",
        file=(row.file if row else None) or work.seed_set.file,
        line=row.line if row else None,
        address=address,
    )


def _first_inserted(
    connection: Connection, work: SetWork, late: frozenset[str]
) -> tuple[str, psycopg.Error] | None:
    rows = connection.execute(
        work.compose(
            "SELECT s.addr FROM {}{} ORDER BY {row}",
            verdict_rows.inserted_rows(work),
            where(verdict_rows.is_inserted(work)),
        )
    ).fetchall()
    return _first_rejected(
        connection, rows, lambda first: write.insert(connection, work, late=late, first=first)
    )


def _first_updated(connection: Connection, work: SetWork) -> tuple[str, psycopg.Error] | None:
    written = write.written_columns(connection, work)
    # A row that waits for another would be rejected too early here: it is named by `refused`.
    changes = collisions.changes_of(work, written)
    waiting = collisions.waiting(connection, changes, verdict_rows.EVERY)
    chosen = sql.SQL("w.s <> ALL ({}::{}[])").format(sql.Literal(waiting), work.stage.row_type)
    ordered = sql.SQL("{} AND {} ORDER BY w.s").format(verdict_rows.writing(work), chosen)
    rows = connection.execute(
        work.compose(
            "SELECT s.addr FROM {verdict} w JOIN {stage} s ON {row} = w.s WHERE {}", ordered
        )
    ).fetchall()

    def update_first(number: int) -> None:
        among = work.compose(
            "w.s IN (SELECT w.s FROM {verdict} w WHERE {} LIMIT {})", ordered, sql.Literal(number)
        )
        write.update(connection, work, written, among=among)

    return _first_rejected(connection, rows, update_first)


def _first_rejected(
    connection: Connection,
    rows: Sequence[tuple[str]],
    write_first: Callable[[int], object],
) -> tuple[str, psycopg.Error] | None:
    """The row at the end of the shortest beginning of the writes that fails, and why it does."""
    why = _fails(connection, partial(write_first, len(rows))) if rows else None
    if why is None:
        return None
    low, high = 0, len(rows)  # so many pass, so many fail
    while high - low > 1:
        middle = (low + high) // 2
        failed = _fails(connection, partial(write_first, middle))
        if failed is None:
            low = middle
        else:
            high, why = middle, failed
    return rows[high - 1][0], why


def _fails(connection: Connection, writes: Callable[[], object]) -> psycopg.Error | None:
    try:
        with connection.transaction() as attempt:
            writes()
            raise psycopg.Rollback(attempt)
    except psycopg.DatabaseError as error:
        if kind_of(error) is not Kind.OTHER:
            raise
        return error
    return None
