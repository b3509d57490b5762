"""Each statement that is sent becomes an event, without the values that it carries."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import Any, Self

import psycopg
from psycopg import sql
from psycopg.abc import Params, Query
from psycopg.rows import TupleRow

from seeder.database.connection.connect import Connection, Cursor
from seeder.database.connection.marked_sql import Named, Theirs
from seeder.runtime.log import Log

MASK = "'***'"
"""Stands for a text, whatever it is."""


def tell(connection: Connection, log: Log) -> None:
    """Have every further statement of a connection told, but for those of SQLAlchemy.

    That has cursors of its own (`engine_over`); it sends the project's migrations and tasks.
    """
    connection.cursor_factory = partial(_Telling, log=log)  # type: ignore[assignment]  # called, never subclassed
    connection.server_cursor_factory = partial(_TellingOnTheServer, log=log)  # type: ignore[assignment]  # as above


def shown(statement: Query) -> str:
    """A statement as it may be read by anybody: texts that are not seeder's own are masked.

    Parameters stay placeholders. Of literals there remain numbers, booleans and NULL, and what
    is known to be a word of seeder or a name of the schema. A statement in bytes is the project's.

    >>> shown(sql.SQL("SELECT {}, {}").format(sql.Literal(7), Named("anna")))
    "SELECT 7, '***'"
    """
    match statement:
        case str():
            text = statement
        case bytes():
            text = f"/* the project's own, {len(statement)} bytes */"
        case sql.Composable():
            text = "".join(_parts(statement))
        case _:
            text = "/* not shown */"
    return textwrap.dedent(text.strip("\n")).strip()


def _parts(part: sql.Composable) -> Iterator[str]:
    match part:
        case sql.Composed():
            for each in part:
                yield from _parts(each)
        case Theirs():
            yield MASK if "'" in part.text or "$" in part.text else part.text
        case sql.Literal():
            yield _literal(part)
        case sql.SQL() | sql.Identifier() | sql.Placeholder():
            yield part.as_string(None)
        case _:
            yield MASK


def _literal(literal: sql.Literal) -> str:
    value = literal._obj  # what it stands for is nowhere else
    ours = isinstance(literal, Named)
    if isinstance(value, list | tuple):
        known = bool(value) and all(_is_plain(each) or ours for each in value)
    else:
        known = _is_plain(value) or ours
    return literal.as_string(None) if known else MASK


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int)


@contextmanager
def _told(log: Log, cursor: psycopg.Cursor[Any] | None, statement: Query) -> Iterator[None]:
    """Tell of a statement when it is over."""
    started = monotonic()
    fields: dict[str, object] = {}
    event = "statement.executed"
    try:
        yield
    except psycopg.Error as error:
        event, fields["sqlstate"] = "statement.failed", error.sqlstate
        raise
    finally:
        fields["milliseconds"] = round((monotonic() - started) * 1000, 1)
        if cursor is not None and cursor.rowcount >= 0 and event == "statement.executed":
            fields["rows"] = cursor.rowcount
        log.debug(event, **fields, sql=shown(statement))


class _Telling(Cursor):
    """A cursor that logs each statement once it has run."""

    def __init__(self, connection: Any, *, log: Log, **options: Any) -> None:
        super().__init__(connection, **options)
        self._log = log

    def execute(self, query: Query, params: Params | None = None, **options: Any) -> Self:
        """As psycopg's."""
        with _told(self._log, self, query):
            return super().execute(query, params, **options)

    def executemany(
        self, query: Query, params_seq: Iterable[Params], *, returning: bool = False
    ) -> None:
        """As psycopg's; one event for all."""
        with _told(self._log, self, query):
            super().executemany(query, params_seq, returning=returning)

    @contextmanager
    def copy(
        self,
        statement: Query,
        params: Params | None = None,
        *,
        writer: psycopg.copy.Writer | None = None,
    ) -> Iterator[psycopg.Copy]:
        """As psycopg's; rows are told, and none of them shown."""
        with (
            _told(self._log, self, statement),
            super().copy(statement, params, writer=writer) as copy,
        ):
            yield copy


class _TellingOnTheServer(psycopg.ServerCursor[TupleRow]):
    """A server-side cursor that logs its declaration; its rows are fetched later."""

    def __init__(self, connection: Any, name: str, *, log: Log, **options: Any) -> None:
        super().__init__(connection, name, **options)
        self._log = log

    def execute(self, query: Query, params: Params | None = None, **options: Any) -> Self:
        """As psycopg's."""
        with _told(self._log, None, query):
            return super().execute(query, params, **options)
