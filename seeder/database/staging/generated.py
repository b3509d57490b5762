"""Columns that `!now` and `!uuid` leave to the server: the catalog's default for them.

A row that does not give a column gets the table's default; for these the catalog's takes its
place, and nothing else is special about them.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from seeder.database.schema.equality import type_sql
from seeder.database.schema.tables import Column, Table
from seeder.merge.model import Generator, SeedSet


class _Made(Struct, frozen=True, kw_only=True):
    expression: str
    bases: frozenset[str]
    """Types of columns that can take it, beside texts."""


_MADE = {
    # The transaction's, so that all rows of a run say the same.
    Generator.NOW: _Made(
        expression="pg_catalog.now()",
        bases=frozenset(
            {
                "timestamp with time zone",
                "timestamp without time zone",
                "date",
                "time with time zone",
                "time without time zone",
            }
        ),
    ),
    Generator.UUID: _Made(expression="pg_catalog.gen_random_uuid()", bases=frozenset({"uuid"})),
}


def takes(column: Column, generator: Generator) -> bool:
    """Whether the column's type can hold what is made."""
    return column.kind.category == "S" or column.base in _MADE[generator].bases


def made(generator: Generator, column: Column) -> str:
    """What makes a value, as SQL in the column's type."""
    return f"{_MADE[generator].expression}::{type_sql(column).as_string()}"


def with_generators(table: Table, seed_set: SeedSet) -> Table:
    """The table with the catalog's defaults in the place of its own."""
    columns = {
        each.name: replace(
            table.columns[each.name],
            default=made(each.generator, table.columns[each.name]),
            identity="",
            sequence=None,
        )
        for each in seed_set.generated
        if each.generator is not None
    }
    return replace(table, columns={**table.columns, **columns}) if columns else table
