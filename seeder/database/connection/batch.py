"""Many statements in one round trip, where none of them has parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from psycopg import sql

from seeder.database.connection.connect import Connection

AT_ONCE = 100
"""How many go together: the round trips that more would save are few."""

Item = TypeVar("Item")


def send(connection: Connection, statements: Iterable[sql.Composable]) -> list[int]:
    """Execute statements in order; returns how many rows each of them touched.

    In the caller's transaction. An error leaves those after it undone, and the transaction
    aborted, as if they had come one by one.
    """
    touched: list[int] = []
    for some in at_most(AT_ONCE, list(statements)):
        cursor = connection.execute(sql.SQL(";\n").join(some))
        touched.append(cursor.rowcount)
        while cursor.nextset():
            touched.append(cursor.rowcount)
    return touched


def at_most(number: int, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Cut a sequence into pieces of so many items, and a shorter last one."""
    for start in range(0, len(items), number):
        yield items[start : start + number]
