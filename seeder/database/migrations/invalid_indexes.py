"""Indexes that CREATE INDEX CONCURRENTLY left half-built."""

from __future__ import annotations

from seeder.database.connection.connect import Connection
from seeder.database.connection.failures import translated
from seeder.errors import MigrationFailed

_INVALID = r"""
    SELECT pg_catalog.format('%I.%I', namespace.nspname, class.relname)
    FROM pg_index AS index
    JOIN pg_class AS class ON class.oid = index.indexrelid
    JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
    WHERE NOT index.indisvalid
      -- A partitioned index is invalid until every partition has its part.
      AND class.relkind = 'i'
      AND namespace.nspname !~ '^pg_'::text AND namespace.nspname <> 'information_schema'
      -- What an interrupted REINDEX CONCURRENTLY leaves beside a valid index.
      AND class.relname !~ '_cc(new|old)\d*$'::text
      -- Only its table's owner can have made an index.
      AND pg_catalog.pg_has_role(class.relowner, 'USAGE')
      -- Another session may be building it right now.
      AND NOT EXISTS (
        SELECT FROM pg_stat_progress_create_index AS build
        JOIN pg_locks AS held USING (pid)
        WHERE build.datid = held.database AND held.relation = index.indrelid
          AND held.mode = 'ShareUpdateExclusiveLock' AND build.pid <> pg_catalog.pg_backend_pid()
      )
    ORDER BY 1
"""


def invalid_indexes(connection: Connection) -> tuple[str, ...]:
    """Names of invalid indexes that a migration under this role can have left.

    Postgres maintains them and never uses them; a unique one guarantees nothing.
    """
    with translated(doing="looking for invalid indexes", otherwise=MigrationFailed):
        return tuple(name for (name,) in connection.execute(_INVALID).fetchall())
