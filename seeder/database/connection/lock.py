"""The advisory lock that lets one job at a time work on a database.

A session lock on the connection that does the work: if it dies, the lock goes and the
transaction with it, so no two jobs overlap.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

import psycopg
import tenacity
from msgspec import Struct

from seeder.database.connection.answers import answer, records
from seeder.database.connection.connect import Connection
from seeder.database.connection.failures import translated
from seeder.errors import (
    ConnectionLost,
    DatabaseUnavailable,
    DeadlineExceeded,
    LockNotAcquired,
    SeederError,
)
from seeder.runtime.log import Log
from seeder.runtime.retry import News, attempts

_BETWEEN_ATTEMPTS = tenacity.wait_exponential(
    multiplier=0.05, max=1.0, exp_base=1.5
) + tenacity.wait_random(0, 0.1)

_HOLDER = """
    SELECT pid, coalesce(application_name, '') AS application_name, backend_start AS since
    FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND database = (SELECT oid FROM pg_database WHERE datname = pg_catalog.current_database())
      AND (classid::bigint << 32 | objid::bigint) = %s
"""

# Without the sessions, which cost more than the rest.
_OWN = """
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND pid = pg_catalog.pg_backend_pid() AND (classid::bigint << 32 | objid::bigint) = %s
"""

# pg_locks looks through the slots of all sessions; an unlock only at what this one holds. Held
# twice, the lock stays held in between. Dividing by zero keeps the COMMIT from being reached.
_COMMIT_HELD = """
    SELECT 1 / (pg_catalog.pg_advisory_unlock(%(key)s)
                AND pg_catalog.pg_try_advisory_lock(%(key)s))::int;
    COMMIT
"""


class Holder(Struct, frozen=True, kw_only=True):
    """The session that holds the lock."""

    pid: int
    application_name: str
    """Empty where this role may not see it."""
    since: datetime | None
    """When the session began; Postgres does not record when a lock was taken."""

    def __str__(self) -> str:
        name = f" ({self.application_name})" if self.application_name else ""
        since = f" since {self.since:%Y-%m-%d %H:%M:%S %Z}" if self.since else ""
        return f"process {self.pid}{name}{since}"


def key_of(ledger_schema: str) -> int:
    """The lock's key: a signed 64-bit hash of the ledger schema's name.

    Advisory locks are per database, so any two images on one database exclude each other.
    The value must never change: an older image must compute the same.

    >>> key_of("seeder")
    2843324848285969997
    """
    digest = hashlib.sha256(f"seeder advisory lock: {ledger_schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def acquire(
    connection: Connection,
    key: int,
    *,
    timeout: float,
    log: Log,
    deadline: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Take the lock, waiting at most `timeout` seconds, and return the seconds waited.

    Raises LockNotAcquired, naming the holder, after the timeout, and DeadlineExceeded at
    the deadline (a value of `time.monotonic`).
    """
    started = time.monotonic()
    limit = started + timeout
    if deadline is not None:
        limit = min(limit, deadline)
    is_news = News()
    with translated(doing="taking the advisory lock", otherwise=DatabaseUnavailable):
        # Poll: a blocked pg_advisory_lock would hang the holder's CREATE INDEX CONCURRENTLY.
        for _ in attempts(lambda: limit - time.monotonic(), pause=_BETWEEN_ATTEMPTS, sleep=sleep):
            if _try(connection, key):
                break
            held_by, waited = holder(connection, key), time.monotonic() - started
            if held_by is not None and is_news(held_by):
                facts = _facts(held_by)
                log.awaited(
                    "lock.awaited",
                    f"Waiting for another job, {waited:.0f} s: "
                    + ", ".join(f"{name} {value}" for name, value in facts.items()),
                    waited_s=round(waited, 1),
                    **facts,
                )
        else:
            kind = DeadlineExceeded if limit == deadline else LockNotAcquired
            raise kind(
                f"The advisory lock was not free for {waited:.1f} s;"
                f" {held_by or 'another session'} holds it.",
                hint="Wait for that job, or end its session with pg_terminate_backend.",
                problems=(),
                code=None,
                **_facts(held_by),
            )
    waited = time.monotonic() - started
    log.info("lock.acquired", waited_s=round(waited, 1))
    return waited


def verify(connection: Connection, key: int) -> None:
    """Raise ConnectionLost unless this very session still holds the lock."""
    with translated(doing="verifying the advisory lock", otherwise=ConnectionLost):
        held = connection.execute(_OWN, [key]).fetchone() is not None
    if not held:
        raise ConnectionLost(
            "The advisory lock is no longer held by this session.",
            hint="A migration or task must not call pg_advisory_unlock_all() or DISCARD ALL.",
        )


@contextmanager
def held_twice(connection: Connection, key: int) -> Iterator[None]:
    """Hold the lock once more while the block runs, as `commit_held` asks for it."""
    verify(connection, key)
    _try(connection, key)
    try:
        yield
    finally:
        with suppress(SeederError):  # whoever works on asks for the lock
            release(connection, key)


def commit_held(connection: Connection, key: int) -> None:
    """Commit the open transaction if this session still holds the lock; one statement for both.

    On a connection whose cursors put values into statements. Raises ConnectionLost without the
    lock; psycopg errors pass through.
    """
    try:
        connection.execute(_COMMIT_HELD, {"key": key})
    except psycopg.errors.DivisionByZero:
        connection.rollback()
        verify(connection, key)
        raise  # out of a deferred constraint


def holder(connection: Connection, key: int) -> Holder | None:
    """Who holds the lock, or None. psycopg errors pass through."""
    return next(iter(records(connection.execute(_HOLDER, [key]), Holder)), None)


def release(connection: Connection, key: int) -> None:
    """Give the lock back early; closing the connection does it anyway."""
    with translated(doing="releasing the advisory lock", otherwise=ConnectionLost):
        connection.execute("SELECT pg_catalog.pg_advisory_unlock(%s)", [key])


def _try(connection: Connection, key: int) -> bool:
    return bool(answer(connection, "SELECT pg_catalog.pg_try_advisory_lock(%s)", [key]))


def _facts(found: Holder | None) -> dict[str, object]:
    if found is None:
        return {}
    since = found.since.isoformat() if found.since else None
    return {
        "holder_pid": found.pid,
        "holder_application": found.application_name,
        "holder_since": since,
    }
