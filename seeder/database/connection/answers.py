"""What a statement answers: one value, or rows as values of a class."""

from __future__ import annotations

from typing import Any, LiteralString, TypeAlias, TypeVar

import psycopg
from msgspec import convert
from psycopg import sql
from psycopg.abc import Params

from seeder.database.connection.connect import Connection

Session: TypeAlias = Connection | psycopg.Cursor[Any]
"""Runs statements and answers with tuples: a connection of seeder's own, or a cursor on one that
may have another row factory."""

Record = TypeVar("Record")


def answer(
    connection: Session, statement: LiteralString | sql.Composed, parameters: Params | None = None
) -> Any:
    """The first value of the first row; None where there is no row."""
    row = connection.execute(statement, parameters).fetchone()
    return None if row is None else row[0]


def records(found: psycopg.Cursor[Any], kind: type[Record]) -> tuple[Record, ...]:
    """The rows of an answer as values of a class, whose fields are called like its columns."""
    names = [column.name for column in found.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in found]
    return convert(rows, tuple[kind, ...])  # type: ignore[valid-type]  # a class at run time
