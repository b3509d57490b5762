"""Schemas in which every role may put what others then call."""

from __future__ import annotations

from seeder.database.connection.connect import Connection


def open_schemas(connection: Connection) -> tuple[str, ...]:
    """Schemas of the search_path in which PUBLIC may create what migrations and triggers call."""
    rows = connection.execute(
        "SELECT nspname FROM pg_namespace"
        " WHERE nspname = ANY (pg_catalog.current_schemas(false))"
        " AND pg_catalog.has_schema_privilege('public'::name, oid, 'CREATE'::text) ORDER BY 1"
    ).fetchall()
    return tuple(name for (name,) in rows)
