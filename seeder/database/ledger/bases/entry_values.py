"""What an entry `b` of a base remembers of a column, in SQL."""

from __future__ import annotations

from psycopg import sql

from seeder.database.connection.marked_sql import Named
from seeder.database.ledger.bases.bases import BaseColumn
from seeder.database.schema.equality import either


def asked(column: BaseColumn) -> sql.Composable:
    """The value last asked for, of base entry `b`."""
    return sql.SQL("b.{}").format(column.asked)


def has_note(part: str, name: str) -> sql.Composable:
    """Condition: the entry's notes hold the column under `part`."""
    return sql.SQL("coalesce(b.notes -> {}::text ? {}::text, false)").format(
        Named(part), Named(name)
    )


def note(part: str, name: str) -> sql.Composable:
    """What they hold there, as text."""
    return sql.SQL("b.notes -> {}::text ->> {}::text").format(Named(part), Named(name))


def removal(name: str, *, after: bool) -> sql.Composable:
    """What a removal found in a column that it marks, or what it left there, as text."""
    return sql.SQL("b.notes #>> ARRAY['removed', {}, {}]").format(
        Named(name), Named("1" if after else "0")
    )


def noted(part: str, column: BaseColumn, otherwise: sql.Composable) -> sql.Composable:
    """A value that an entry's notes hold under `part`, else another expression."""
    value = sql.SQL("({})::{}").format(note(part, column.name), sql.SQL(column.storage))
    return either(has_note(part, column.name), value, otherwise)


def last_asked(column: BaseColumn) -> sql.Composable:
    """The value last asked for, also where the row has since moved to another key."""
    return noted("moved", column, asked(column))


def stored(column: BaseColumn) -> sql.Composable:
    """The value that the table made of what was last asked for."""
    return noted("stored", column, last_asked(column))


def unknown(column: BaseColumn) -> sql.Composable:
    """Condition: what was last applied to the column is not known."""
    return has_note("unknown", column.name)


def omitted(column: BaseColumn) -> sql.Composable:
    """Condition: the row never gave the column, and its default varies from row to row."""
    return has_note("omitted", column.name)
