"""Values on their way to Postgres, and how two of them are compared there."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Iterable, Mapping

import msgspec
from psycopg import sql

from seeder.database.schema.tables import Column
from seeder.merge.model import Cell, Text

_JSON = msgspec.json.Encoder(decimal_format="number")


class NotRepresentable(ValueError):
    """The value has no text form in a column of that type; says why, never the value."""


def copy_text(value: Cell, column: Column) -> str | None:
    """The text that Postgres casts to the column's type; None is NULL.

    Raises:
        NotRepresentable: for a mapping outside JSON, or a list outside JSON and arrays.
    """
    if value is None or isinstance(value, Text):
        return value
    if column.is_json:
        return _json(value)
    if isinstance(value, list | tuple) and column.is_array:
        return _array(value)
    return _scalar(value)


def _json(value: Cell) -> str:
    try:
        return _JSON.encode(value).decode()
    except (TypeError, OverflowError, RecursionError, UnicodeEncodeError):
        raise NotRepresentable("cannot be written as JSON") from None


def _scalar(value: Cell) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float() | decimal.Decimal() | uuid.UUID():
            return str(value)
        case bytes():
            return "\\x" + value.hex()
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return f"{value.days} days {value.seconds}.{value.microseconds:06d} seconds"
        case Mapping():
            raise NotRepresentable("a mapping needs a json or jsonb column")
        case list() | tuple():
            raise NotRepresentable("a list needs an array, json or jsonb column")
    raise NotRepresentable(f"a value of type {type(value).__name__} cannot be seeded")


def _array(values: list[Cell] | tuple[Cell, ...]) -> str:
    parts = []
    for value in values:
        if value is None:
            parts.append("NULL")
        elif isinstance(value, list | tuple):
            parts.append(_array(value))
        else:
            text = _scalar(value).replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'"{text}"')
    return "{" + ",".join(parts) + "}"


def type_sql(column: Column) -> sql.SQL:
    """The column's type in a staging table: domains are resolved, so that NULL passes."""
    is_domain = column.type.partition("(")[0] != column.base and not _same_type(column)
    return sql.SQL(column.base if is_domain else column.type)


def _same_type(column: Column) -> bool:
    """`numeric(4,2)`, `timestamp(3) with time zone`, `bit varying(3)[]` keep their modifier."""
    words = column.type
    start, end = words.find("("), words.find(")")
    return start >= 0 and (words[:start] + words[end + 1 :]) == column.base


def cast(expression: sql.Composable, column: Column) -> sql.Composed:
    """An expression cast to the column's type."""
    return sql.SQL("({})::{}").format(expression, type_sql(column))


def canonical(expression: sql.Composable, column: Column) -> sql.Composed:
    """An expression of the column's type in the form in which values are compared.

    A plain type stands for itself. Everything else is text under the session settings
    that seeder fixes; json goes through jsonb, so that spelling makes no difference.
    """
    match column.base:
        case "text":
            return sql.SQL('({})::text COLLATE "C"').format(expression)
        case "json":
            return sql.SQL('(({})::jsonb)::text COLLATE "C"').format(expression)
        case base if base == column.storage:
            return sql.SQL("({})::{}").format(expression, sql.SQL(base))
        case _:
            return sql.SQL('({})::text COLLATE "C"').format(expression)


def same(one: sql.Composable, other: sql.Composable) -> sql.Composed:
    """Whether two canonical expressions are equal, NULL being a value like any other."""
    return sql.SQL("({} IS NOT DISTINCT FROM {})").format(one, other)


def all_of(conditions: Iterable[sql.Composable]) -> sql.Composed:
    """Conditions joined by AND."""
    return sql.SQL(" AND ").join(conditions)
