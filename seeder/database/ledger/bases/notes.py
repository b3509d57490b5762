"""Pieces of an entry's notes, and of what the audit trail keeps, in SQL."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from seeder.database.connection.marked_sql import Named
from seeder.database.schema.equality import either

EMPTY = sql.SQL("'{}'::jsonb")
NONE = sql.SQL("'[]'::jsonb")
"""An object, and an array, of nothing."""


def as_object(name: str, value: sql.Composable) -> sql.Composable:
    """An object of one member: a column's name, and its value as text."""
    return sql.SQL("pg_catalog.jsonb_build_object({}, ({})::text)").format(Named(name), value)


def objects(
    members: Iterable[tuple[sql.Composable, str, sql.Composable]],
) -> sql.Composable:
    """An object of those members, (condition, name, value), whose condition holds."""
    return sql.SQL(" || ").join(
        either(condition, as_object(name, value), EMPTY) for condition, name, value in members
    )


def as_array(name: str) -> sql.Composable:
    """An array of one member: a column's name."""
    return sql.SQL("pg_catalog.jsonb_build_array({}::text)").format(Named(name))


def since(name: sql.Composable) -> sql.Composable:
    """The run that reported that a column of entry `b` is in conflict, as JSON."""
    return sql.SQL(
        "coalesce(b.notes -> 'since'::text -> {}::text, pg_catalog.to_jsonb(b.run))"
    ).format(name)


def joined(parts: dict[str, list[sql.Composable]]) -> sql.Composable:
    """Notes of the parts that are not empty; NULL when all are."""
    pieces: list[sql.Composable] = []
    for name, parts_of in parts.items():
        if not parts_of:
            continue
        whole = sql.SQL(" || ").join(parts_of)
        pieces.append(
            sql.SQL(
                "CASE WHEN {whole} IN ('[]', '{{}}') THEN {empty} ELSE"
                " pg_catalog.jsonb_build_object({name}, {whole}) END"
            ).format(whole=sql.SQL("({})").format(whole), name=Named(name), empty=EMPTY)
        )
    if not pieces:
        return sql.SQL("NULL::jsonb")
    return sql.SQL("nullif({}, {})").format(sql.SQL(" || ").join(pieces), EMPTY)


# -- entries of rows that are there ------------------------------------------------------
