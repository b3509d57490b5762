"""Open a connection, or say in seeder's terms why there is none."""

from __future__ import annotations

import re
from typing import Any, Self, TypeAlias

import psycopg
from psycopg.abc import Params, Query
from psycopg.rows import TupleRow

from seeder.database.connection.failures import OF_DDL, connect_failure
from seeder.database.connection.target import Target
from seeder.errors import SeederError

Connection: TypeAlias = psycopg.Connection[TupleRow]
"""The one connection of a run: autocommit, so every transaction is opened visibly."""

SHORTEST_TIMEOUT = 2.0
"""Seconds; libpq and psycopg raise anything shorter to this."""


_DDL = re.compile(rb"\s*(CREATE|ALTER|DROP|COMMENT|GRANT|REVOKE|REFRESH|REINDEX)\b", re.IGNORECASE)


class Cursor(psycopg.Cursor[TupleRow]):
    """Marks what the database raised in answer to DDL.

    That comes from an event trigger, which speaks to whoever changes the schema and sees no row.
    """

    def execute(self, query: Query, params: Params | None = None, **options: Any) -> Self:
        """As psycopg's."""
        try:
            return super().execute(query, params, **options)  # type: ignore[arg-type]  # Template is later
        except psycopg.errors.RaiseException as error:
            if self._query is not None and _DDL.match(self._query.query):
                error.add_note(OF_DDL)
            raise


class ClientCursor(Cursor, psycopg.ClientCursor[TupleRow]):
    """Puts values into statements here, not on the server."""


def connect(target: Target, *, timeout: float = 10.0, primary: bool = True) -> Connection:
    """Connect within `timeout` seconds per address.

    Of several hosts the first one that is a primary, or any that answers where a standby will
    do; `target_session_attrs` of the URL says otherwise.

    A URL that stands in a file is read anew: its password may have been replaced since.

    Raises AccessDenied, DatabaseMissing, DatabaseUnavailable, ConfigurationInvalid or
    ServerUnsupported (a pooler that refuses startup parameters).
    """
    target = target.current()
    given = int(target.parameters.get("connect_timeout") or 0)
    seconds = max(SHORTEST_TIMEOUT, min(timeout, given if given > 0 else timeout))
    several = {"target_session_attrs": "primary"} if primary and target.addresses > 1 else {}
    failure: SeederError
    try:
        return psycopg.connect(
            # psycopg.connect quotes keyword values; a conninfo string is never built here.
            **{**several, **target.parameters, "connect_timeout": int(seconds)},  # type: ignore[arg-type]  # mypy matches ** with every keyword
            autocommit=True,
            cursor_factory=Cursor,
            prepare_threshold=None,  # a pooler may hand the next statement to another backend
        )
    except psycopg.Error as error:
        failure = connect_failure(error)
    # Outside the handler: a chained psycopg error would carry the password in its pgconn.
    raise failure
