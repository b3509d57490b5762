"""The session of the one connection: what seeder relies on, whatever role or URL say."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import psycopg
from psycopg import sql

from seeder.database.connection import lock
from seeder.database.connection.connect import Connection
from seeder.database.connection.failures import translated
from seeder.errors import AccessDenied, DatabaseUnavailable

_SETTINGS: Mapping[str, str] = {
    # Values are compared as text, so their form must never vary.
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmloption": "content",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "escape_string_warning": "off",
    "array_nulls": "on",
    "quote_all_identifiers": "off",
    # A lock is lost with its session, so nothing but seeder ends this one.
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",  # 17+
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "log_parameter_max_length_on_error": "0",  # values stay out of the server's log
    "row_security": "off",  # raise where a policy would hide rows
    # Measured: these two make staging and joining of large sets faster, others do not.
    "work_mem": "64MB",
    "jit": "off",
    # What is looked up by ctid was read or written a moment ago, and lies in a cache.
    "random_page_cost": "1.1",
}
"""Neither `search_path`, which triggers and functions of the project rely on, nor
`default_transaction_read_only`: a provider switches that on to protect a full disk."""

_OF_THE_NETWORK: Mapping[str, str] = {
    "tcp_keepalives_idle": "keepalives_idle",
    "tcp_keepalives_interval": "keepalives_interval",
    "tcp_keepalives_count": "keepalives_count",
    "tcp_user_timeout": "tcp_user_timeout",
}
"""The server watches its client as the client was told to watch the server. By default it would
notice after two hours that a host has vanished, and hold the lock until then."""

_APPLY = """
    SELECT pg_catalog.set_config(name, wanted.value, false)
    FROM ROWS FROM (pg_catalog.unnest(%(names)s::text[]), pg_catalog.unnest(%(values)s::text[]))
         AS wanted (given, value)
    JOIN pg_catalog.pg_settings ON name OPERATOR(pg_catalog.=) given
    WHERE coalesce(setting OPERATOR(pg_catalog.<>) wanted.value, true)
  UNION ALL
    -- Where a search_path does not name pg_catalog, that comes first, as it should.
    SELECT pg_catalog.set_config('search_path', coalesce((
        SELECT pg_catalog.string_agg(pg_catalog.quote_ident(s::text), ', '::text)
        FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) s
        WHERE s OPERATOR(pg_catalog.<>) 'pg_catalog'::name), ''), false)
    WHERE 'pg_catalog'::name OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false))
"""
# Of the project's search_path nothing is known yet, so that every operator is qualified.


def prepare(
    connection: Connection, *, lock_timeout: float | None = None, role: str | None = None
) -> None:
    """Apply the settings by `set_config`, since poolers refuse startup options.

    `lock_timeout` in seconds, None for no limit. `role` as for SET ROLE; raises
    AccessDenied where this login may not take it on.
    """
    milliseconds = 0 if lock_timeout is None else max(1, round(lock_timeout * 1000))
    client = connection.info.get_parameters()
    watch = {name: client[own] for name, own in _OF_THE_NETWORK.items() if own in client}
    settings = {**_SETTINGS, **watch, "lock_timeout": str(milliseconds)}
    if role is not None:  # first: "$user" in a search_path is the role
        with translated(doing="setting the role", otherwise=AccessDenied):
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    with translated(doing="preparing the session", otherwise=DatabaseUnavailable):
        connection.execute(_APPLY, {"names": list(settings), "values": list(settings.values())})
        # A killed job's lock is free at once, instead of after its running statement. Servers
        # on Windows know the setting and refuse every value but 0.
        with suppress(psycopg.errors.InvalidParameterValue):
            connection.execute("SET client_connection_check_interval = '500ms'")
        # Large stages are read several times; by default all but 8 MB of them come from files.
        # Refused where this session has used temporary tables, in migrations or before a pooler
        # handed it on.
        with suppress(psycopg.errors.InvalidParameterValue):
            connection.execute("SET temp_buffers = '128MB'")


def restore(
    connection: Connection,
    *,
    lock_key: int,
    lock_timeout: float | None = None,
    role: str | None = None,
) -> None:
    """Undo what migrations did to the session, and make sure that the lock is still held.

    A baseline from pg_dump leaves `search_path` empty. DISCARD ALL would drop the lock.
    Raises ConnectionLost if the lock is gone.
    """
    with translated(doing="restoring the session", otherwise=DatabaseUnavailable):
        connection.rollback()
        connection.execute("RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL")
    prepare(connection, lock_timeout=lock_timeout, role=role)
    lock.verify(connection, lock_key)


def open_schemas(connection: Connection) -> tuple[str, ...]:
    """Schemas of the search_path in which PUBLIC may create what migrations and triggers call."""
    rows = connection.execute(
        "SELECT nspname FROM pg_namespace"
        " WHERE nspname = ANY (pg_catalog.current_schemas(false))"
        " AND pg_catalog.has_schema_privilege('public'::name, oid, 'CREATE'::text) ORDER BY 1"
    ).fetchall()
    return tuple(name for (name,) in rows)
