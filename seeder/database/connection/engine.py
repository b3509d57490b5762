"""A SQLAlchemy engine over seeder's own connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.pool import NullPool

from seeder.database.connection.connect import ClientCursor, Connection

_SETTINGS = ("role", "search_path", "lock_timeout", "statement_timeout")


@contextmanager
def engine_over(connection: Connection) -> Iterator[Engine]:
    """An engine over `connection`, which is out of autocommit while the block runs.

    On a connection in autocommit SQLAlchemy's transactions would be none. Who asks the engine
    for a second connection while the first is in use gets one of its own, as from any engine.
    Afterwards the connection is open, idle and in autocommit again, unless it was lost.

    Values are put into statements here, not by the server, as psycopg2 does: revisions that
    were written for it bind parameters inside of DO, SET and DDL, which take none.
    """
    connection.autocommit = False
    factory = connection.cursor_factory
    connection.cursor_factory = ClientCursor
    own = _Own(connection)
    engine = create_engine(
        "postgresql+psycopg://",
        creator=own.connect,
        poolclass=NullPool,
        use_native_hstore=False,  # would change how this connection reads hstore for good
    )
    # Never closed with the engine's own means: that would drop the lock.
    engine.dialect.do_close = own.close  # type: ignore[method-assign,assignment]  # by position
    engine.dialect.do_terminate = own.close  # type: ignore[method-assign,assignment]  # by position
    try:
        yield engine
    finally:
        connection.cursor_factory = factory
        # If the connection is lost, these calls fail too; let the original error through.
        with suppress(psycopg.Error):
            connection.rollback()
            connection.isolation_level = None  # SQLAlchemy sets it after an autocommit block
            connection.autocommit = True


class _Own:
    """Hands out seeder's connection to one user at a time, and others beside it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._in_use = False
        settings = [f"pg_catalog.current_setting('{name}')" for name in _SETTINGS]
        self._settings = connection.execute(f"SELECT {', '.join(settings)}").fetchone() or ()
        connection.rollback()

    def connect(self) -> Connection:
        if not self._in_use:
            self._in_use = True
            return self._connection
        info = self._connection.info
        given: dict[str, Any] = {**info.get_parameters(), "password": info.password or None}
        other: Connection = psycopg.connect(
            **given, prepare_threshold=None, cursor_factory=ClientCursor
        )
        for name, value in zip(_SETTINGS, self._settings, strict=True):
            other.execute("SELECT pg_catalog.set_config(%s, %s, false)", [name, value])
        other.commit()
        return other

    def close(self, connection: Any) -> None:
        if connection is self._connection:
            self._in_use = False
        else:
            connection.close()
