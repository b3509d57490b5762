"""A SQLAlchemy engine whose only connection is seeder's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.pool import StaticPool

from seeder.database.connection.connect import Connection


@contextmanager
def engine_over(connection: Connection) -> Iterator[Engine]:
    """An engine over `connection`, which is out of autocommit while the block runs.

    On a connection in autocommit SQLAlchemy's transactions would be none. Afterwards the
    connection is open, idle and in autocommit again, unless it was lost.
    """
    connection.autocommit = False
    try:
        # Never disposed: that would close the connection, and with it drop the lock.
        yield create_engine(
            "postgresql+psycopg://",
            creator=lambda: connection,
            poolclass=StaticPool,
            use_native_hstore=False,  # would change how this connection reads hstore for good
        )
    finally:
        # A lost connection must not hide the error that tells of the loss.
        with suppress(psycopg.Error):
            connection.rollback()
            connection.isolation_level = None  # SQLAlchemy sets it after an autocommit block
            connection.autocommit = True
