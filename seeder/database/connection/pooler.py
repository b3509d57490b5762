"""Find out whether a transaction pooler stands between seeder and the server.

Behind one, two jobs both "get" the advisory lock, and the lock outlives them.
"""

from __future__ import annotations

import select
import time

from psycopg import pq

from seeder.database.connection.connect import Connection, connect
from seeder.database.connection.failures import translated
from seeder.database.connection.target import Target
from seeder.errors import DatabaseUnavailable, ServerUnsupported

_LOOKS = 20
_PATIENCE = 3.0
"""Seconds to wait for a second session of a pooler that may have no room for one."""


def require_direct(connection: Connection, target: Target) -> None:
    """Raise ServerUnsupported behind a transaction pooler; a session pooler is fine.

    A direct connection costs one query. Behind a proxy a second connection holds a
    transaction, and with it a server process: if that is the process of `connection`, or
    if `connection` now has another one, processes are shared.
    """
    with translated(doing="looking for a pooler", otherwise=DatabaseUnavailable):
        if connection.pgconn.backend_pid != _server_process(connection) and _shares_processes(
            connection, target
        ):
            raise ServerUnsupported(
                "The database URL leads through a transaction pooler, where an advisory lock "
                "protects nothing.",
                hint="Use the direct URL of the database, or a pooler in session mode.",
            )


def _shares_processes(connection: Connection, target: Target) -> bool:
    pid = _server_process(connection)
    try:
        other = connect(target)
    except DatabaseUnavailable:  # a session pooler that is full: ours is the only session
        other = None
    try:
        for _ in range(_LOOKS):
            if other is not None:
                others = _begin(other)
                if others == pid:
                    return True
                if others is None:
                    other.close()
                    other = None
            # With its own process taken by `other`, this would wait for ever; see above.
            if _server_process(connection) != pid:
                return True
            if other is not None:
                other.execute("ROLLBACK")
        return False
    finally:
        if other is not None:
            other.close()


def _begin(other: Connection) -> int | None:
    """Begin a transaction and return its process; None if no process comes in time."""
    other.pgconn.send_query(b"BEGIN; SELECT pg_catalog.pg_backend_pid()")
    until = time.monotonic() + _PATIENCE
    pid = None
    while True:
        while other.pgconn.is_busy():
            left = until - time.monotonic()
            if left <= 0 or not select.select([other.pgconn.socket], [], [], left)[0]:
                return None
            other.pgconn.consume_input()
        result = other.pgconn.get_result()
        if result is None:
            return pid
        if result.status == pq.ExecStatus.TUPLES_OK:
            pid = int(result.get_value(0, 0) or 0)


def _server_process(connection: Connection) -> int:
    row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    assert row is not None  # noqa: S101  # a query without FROM has one row
    return int(row[0])
