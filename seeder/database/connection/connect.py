"""Open a connection, or say in seeder's terms why there is none."""

from __future__ import annotations

from typing import TypeAlias

import psycopg
from psycopg.rows import TupleRow

from seeder.database.connection.failures import connect_failure
from seeder.database.connection.target import Target
from seeder.errors import SeederError

Connection: TypeAlias = psycopg.Connection[TupleRow]
"""The one connection of a run: autocommit, so every transaction is opened visibly."""

SHORTEST_TIMEOUT = 2.0
"""Seconds; libpq and psycopg raise anything shorter to this."""


def connect(target: Target, *, timeout: float = 10.0) -> Connection:
    """Connect within `timeout` seconds per address.

    Raises AccessDenied, DatabaseMissing, DatabaseUnavailable, ConfigurationInvalid or
    ServerUnsupported (a pooler that refuses startup parameters).
    """
    given = int(target.parameters.get("connect_timeout") or 0)
    seconds = max(SHORTEST_TIMEOUT, min(timeout, given if given > 0 else timeout))
    failure: SeederError
    try:
        return psycopg.connect(
            # psycopg.connect quotes keyword values; a conninfo string is never built here.
            **{**target.parameters, "connect_timeout": int(seconds)},  # type: ignore[arg-type]  # mypy matches ** with every keyword
            autocommit=True,
            prepare_threshold=None,  # a pooler may hand the next statement to another backend
        )
    except psycopg.Error as error:
        failure = connect_failure(error)
    # Outside the handler: a chained psycopg error would carry the password in its pgconn.
    raise failure
