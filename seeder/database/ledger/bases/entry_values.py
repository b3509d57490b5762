"""What an entry `b` of a base remembers of a column, in SQL."""

from __future__ import annotations

from psycopg import sql

from seeder.database.connection.marked_sql import Named
from seeder.database.ledger.bases.bases import BaseColumn


def asked(column: BaseColumn) -> sql.Composable:
    """The value last asked for, of base entry `b`."""
    return sql.SQL("b.{}").format(column.asked)


def noted(part: str, column: BaseColumn, otherwise: sql.Composable) -> sql.Composed:
    """A value that an entry's notes hold under `part`, else another expression."""
    name = Named(column.name)
    return sql.SQL(
        "CASE WHEN b.notes -> {part}::text ? {name}::text"
        " THEN (b.notes -> {part}::text ->> {name}::text)::{storage} ELSE {otherwise} END"
    ).format(
        part=Named(part),
        name=name,
        storage=sql.SQL(column.storage),
        otherwise=otherwise,
    )


def last_asked(column: BaseColumn) -> sql.Composable:
    """The value last asked for, also where the row has since moved to another key."""
    return noted("moved", column, asked(column))


def stored(column: BaseColumn) -> sql.Composable:
    """The value that the table made of what was last asked for."""
    return noted("stored", column, last_asked(column))


def unknown(column: BaseColumn) -> sql.Composable:
    """Condition: what was last applied to the column is not known."""
    return sql.SQL("coalesce(b.notes -> 'unknown'::text ? {}::text, false)").format(
        Named(column.name)
    )


def omitted(column: BaseColumn) -> sql.Composable:
    """Condition: the row never gave the column, and its default varies from row to row."""
    return sql.SQL("coalesce(b.notes -> 'omitted'::text ? {}::text, false)").format(
        Named(column.name)
    )
