"""Find out whether an advisory lock keeps others out: poolers, and engines with one session.

Behind a transaction pooler two jobs both "get" the lock, and it outlives them.
"""

from __future__ import annotations

import selectors
import time
from contextlib import closing

from psycopg import pq

from seeder.database.connection.answers import answer
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
                code="transaction-pooler",
            )


def require_exclusive(connection: Connection, target: Target, key: int) -> None:
    """Raise ServerUnsupported where a second session gets a lock that `connection` holds.

    PGlite behind its socket server (0.2.17) has one session for all connections, or takes no
    second one. Elsewhere a second session that cannot be had in time tells nothing: a pooler is
    full, or the role's limit is reached.
    """
    with translated(doing="trying the advisory lock", otherwise=DatabaseUnavailable):
        try:
            other = connect(target, timeout=_PATIENCE)
        except DatabaseUnavailable:
            shared = "PGlite" in answer(connection, "SELECT pg_catalog.version()")
        else:
            with closing(other):
                shared = _ask(other, f"SELECT pg_catalog.pg_try_advisory_lock({key})::int4") == 1
                if shared:
                    other.execute("SELECT pg_catalog.pg_advisory_unlock(%s)", [key])
    if shared:
        raise ServerUnsupported(
            "This server grants one advisory lock to two connections at a time, so that two jobs"
            " would work at once.",
            hint="Use a Postgres server: PGlite has one session for all of its connections.",
            code="transaction-pooler",
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
                others = _ask(other, "BEGIN; SELECT pg_catalog.pg_backend_pid()")
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


def _ask(other: Connection, statement: str) -> int | None:
    """The number that a query returns; None if a pooler has no process for it in time."""
    other.pgconn.send_query(statement.encode())
    until = time.monotonic() + _PATIENCE
    number = None
    with selectors.DefaultSelector() as answers:
        answers.register(other.pgconn.socket, selectors.EVENT_READ)
        while True:
            while other.pgconn.is_busy():
                left = until - time.monotonic()
                if left <= 0 or not answers.select(left):
                    return None
                other.pgconn.consume_input()
            result = other.pgconn.get_result()
            if result is None:
                return number
            if result.status == pq.ExecStatus.TUPLES_OK:
                number = int(result.get_value(0, 0) or 0)


def _server_process(connection: Connection) -> int:
    return int(answer(connection, "SELECT pg_catalog.pg_backend_pid()"))
