"""Wait until the target database answers this role and takes writes."""

from __future__ import annotations

from time import monotonic

import psycopg
import tenacity

from seeder.database.connection.connect import SHORTEST_TIMEOUT, Connection, connect
from seeder.database.connection.failures import as_seeder_error
from seeder.database.connection.target import Target
from seeder.errors import (
    AccessDenied,
    DatabaseMissing,
    DatabaseUnavailable,
    DeadlineExceeded,
    SeederError,
    ServerUnsupported,
)
from seeder.runtime.log import Log
from seeder.runtime.retry import attempts

OLDEST_SERVER = 14
"""The oldest major version of Postgres that seeder supports."""

_LONGEST_ATTEMPT = 10.0
_BETWEEN_ATTEMPTS = tenacity.wait_random_exponential(multiplier=0.2, max=2.0)


def wait_until_ready(
    target: Target,
    *,
    timeout: float,
    log: Log,
    deadline: float | None = None,
    grace: float = 10.0,
    writable: bool = True,
) -> Connection:
    """Try to connect until the database is ready, for at most `timeout` seconds.

    Ready means: this role may log in to this database, it answers a query, and (unless
    `writable` is false) it is a primary that takes writes. `deadline` is a value of `monotonic`
    that no attempt starts behind. A refused login or a missing database is final only after
    `grace` seconds, since roles and databases may still be being created.

    Raises DatabaseUnavailable when the timeout ends the wait, DeadlineExceeded when the
    deadline does, and at once or after the grace what `connect` raises.
    """
    started = monotonic()
    limit = started + timeout
    if deadline is not None:
        limit = min(limit, deadline)

    reason: object = None

    def time_left() -> float:
        # An address that swallows packets takes libpq's shortest timeout, whatever is left.
        slow = reason == "no answer in time"
        return limit - monotonic() - (SHORTEST_TIMEOUT if slow else 0.0)

    for number in attempts(time_left, pause=_BETWEEN_ATTEMPTS):
        seconds = min(_LONGEST_ATTEMPT, max(0.0, limit - monotonic()) / target.addresses)
        try:
            connection = _attempt(target, timeout=seconds, writable=writable)
            break
        except (AccessDenied, DatabaseMissing, DatabaseUnavailable) as error:
            failure, reason = error, error.facts.get("reason")
        waited = round(monotonic() - started, 1)
        final = not isinstance(failure, DatabaseUnavailable)
        if final and monotonic() - started >= grace:
            raise failure
        log.awaited(
            "database.awaited",
            f"Waiting for the database, {waited:.0f} s: {reason}",
            attempt=number,
            reason=reason,
            waited_s=waited,
        )
    else:
        if final:
            raise failure
        kind = DeadlineExceeded if limit == deadline else DatabaseUnavailable
        raise kind(
            f"The database was not available for {waited:.1f} s: {reason}.",
            hint=failure.hint,
            reason=reason,
            waited_s=waited,
        )
    log.info(
        "database.ready",
        attempts=number,
        waited_s=round(monotonic() - started, 1),
        server_version=connection.info.server_version,
    )
    return connection


def _attempt(target: Target, *, timeout: float, writable: bool) -> Connection:
    connection = connect(target, timeout=timeout, primary=writable)
    ready = False
    try:
        _require_supported(connection)
        if writable:
            _require_writable(connection)
        else:
            connection.execute("SELECT 1")
        ready = True
    except psycopg.Error as error:
        raise _unanswered(error) from None
    finally:
        if not ready:
            connection.close()
    return connection


def _require_supported(connection: Connection) -> None:
    found = connection.info.server_version // 10000
    if found < OLDEST_SERVER:
        raise ServerUnsupported(
            f"The server is Postgres {found}; seeder supports {OLDEST_SERVER} and later.",
            hint="Upgrade the server.",
            server_version=connection.info.server_version,
        )


def _require_writable(connection: Connection) -> None:
    row = connection.execute(
        "SELECT pg_catalog.pg_is_in_recovery(),"
        " pg_catalog.current_setting('default_transaction_read_only')::bool"
    ).fetchone()
    standby, read_only = row or (False, False)
    if standby or read_only:
        reason = "server is a standby" if standby else "default_transaction_read_only is on"
        raise DatabaseUnavailable(
            f"The database takes no writes: {reason}.",
            hint="Use the URL of the primary." if standby else "Switch it off for the job's role.",
            reason=reason,
            code="database-read-only",
        )


def _unanswered(error: psycopg.Error) -> SeederError:
    """A server that fails right after the login is about to stop or still starting."""
    failure = as_seeder_error(error, doing="checking the database", otherwise=DatabaseUnavailable)
    if isinstance(failure, AccessDenied):
        return failure
    return DatabaseUnavailable(failure.message, hint=failure.hint, **failure.facts)  # type: ignore[arg-type]  # facts hold no `problems`
