"""Alembic's own table: which revisions a database is at."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from seeder.database.connection.answers import answer
from seeder.database.connection.connect import Connection
from seeder.database.connection.failures import translated
from seeder.errors import MigrationFailed
from seeder.merge.model import Migrations


def current(connection: Connection, migrations: Migrations) -> tuple[str, ...]:
    """The revisions in the version table, sorted; empty where there is no such table."""
    if migrations.none:
        return ()
    name = _name(migrations)
    with translated(doing="reading the version table", otherwise=MigrationFailed):
        if qualified(connection, migrations) is None:
            return ()
        query = sql.SQL("SELECT version_num FROM {} ORDER BY version_num").format(name)
        return tuple(revision for (revision,) in connection.execute(query).fetchall())


def qualified(connection: Connection, migrations: Migrations) -> str | None:
    """The version table's qualified, quoted name; None where there is none."""
    if migrations.none:
        return None
    found: str | None = answer(
        connection,
        "SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname) FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.oid = pg_catalog.to_regclass(%s)::oid",
        [_name(migrations).as_string(connection)],
    )
    return found


def create_schema(connection: Connection, migrations: Migrations) -> None:
    """Make the schema that the version table is to be in, where it is named and not there."""
    schema = migrations.version_table_schema
    if schema is None:
        return
    # IF NOT EXISTS would ask for the right to create schemas, even where this one exists.
    found = "SELECT pg_catalog.to_regnamespace(pg_catalog.quote_ident(%s))"
    if answer(connection, found, [schema]) is None:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))


def write_revisions(
    connection: Connection, migrations: Migrations, revisions: Sequence[str]
) -> None:
    """Put these revisions into the version table, which is made as Alembic makes it."""
    name = _name(migrations)
    create_schema(connection, migrations)
    connection.execute(
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS {} (version_num varchar(32) NOT NULL,"
            " CONSTRAINT {} PRIMARY KEY (version_num))"
        ).format(name, sql.Identifier(f"{migrations.version_table}_pkc"))
    )
    connection.execute(sql.SQL("DELETE FROM {}").format(name))
    connection.execute(
        sql.SQL("INSERT INTO {} SELECT pg_catalog.unnest(%s::text[])").format(name),
        [list(revisions)],
    )


def _name(migrations: Migrations) -> sql.Identifier:
    schema, table = migrations.version_table_schema, migrations.version_table
    return sql.Identifier(schema, table) if schema else sql.Identifier(table)
