"""Bases: per target table and natural key, what was last applied to each row.

A base is one ordinary table in the ledger's schema. It is joined as a whole, by hash, and
written by ctid, which the advisory lock makes safe. So it has no index, but for one of entries
with notes where it is large. Its columns:

- `scope`, `addr`: the row's identity, for references and for people
- `seed_set`: the set that last asked for it; `inserted_by`, `run`: the runs that inserted and
  last changed it (`inserted_by` is NULL for adopted rows); `state`: `EntryState`
- `p1`..: the primary key of the live row
- `c7`..: what was asked for, per column: a plain type as itself, anything else as text,
  so that no type of the user's is ever blocked by the ledger
- `r7`..: for reference columns, the row key that was asked for
- `notes`: NULL for nearly all rows, else a JSON object with any of `unknown` (columns
  whose base is not known), `omitted` (those among them that the row has never given), `stored`
  (column: text, where the table made something else of what was asked), `offered` (column:
  text, a desired value that was kept out), `since` (column: the run that reported that, where it
  is an earlier one than `run`), `parts` (column: path: [JSON asked for, JSON kept
  out], what of such a document it was, where it is merged inside), `moved` (key column: text of
  the old key), `removed` (column: [before, after], written when the row left the catalog) and
  `removal_blocked` (the run that first reported that the row left the catalog and could not be
  deleted as `removed: delete` asks), with `protected` (true: by a trigger).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import asdict
from psycopg import sql

from seeder.database.schema.tables import Column, Table
from seeder.merge.model import SeedSet

OWN: Mapping[str, str] = {
    "scope": "text NOT NULL",
    "addr": "text NOT NULL",
    "seed_set": "integer NOT NULL",
    "state": "\"char\" NOT NULL DEFAULT 'a'",
    "inserted_by": "bigint",
    "run": "bigint NOT NULL",
    "notes": "jsonb",
}
"""The columns that every base has, whatever its table is."""


class BaseColumn(Struct, frozen=True, kw_only=True):
    """A column of a base."""

    n: int
    name: str
    type: str
    """The live column's type, domains resolved, when values were last recorded."""
    storage: str
    reference: bool = False

    @property
    def asked(self) -> sql.Identifier:
        """The ledger column with the value asked for."""
        return sql.Identifier(f"c{self.n}")

    @property
    def symbol(self) -> sql.Identifier:
        """The ledger column with the row key asked for, of reference columns."""
        return sql.Identifier(f"r{self.n}")


class Base(Struct, frozen=True, kw_only=True):
    """The base of one target table and natural key."""

    id: int
    """Zero for the temporary base of a plan on a table that was never seeded."""
    relation: sql.Composable
    table: Table
    key: tuple[str, ...]
    primary_key: tuple[str, ...]
    """Columns of the live table that identify a row; the natural key where it has none."""
    columns: Mapping[str, BaseColumn]
    copied: bool = False
    """A survey's own copy, which it may rewrite."""
    fresh: bool = False
    """New in this very transaction."""

    def p(self, position: int) -> sql.Identifier:
        """The ledger column of the primary key's column at a zero-based position."""
        return sql.Identifier(f"p{position + 1}")


class BaseKey(Struct, frozen=True):
    """What makes two sets share a base: the live table, and all columns that identify."""

    schema: str
    table: str
    key: tuple[str, ...]


def base_key(table: Table, seed_set: SeedSet) -> BaseKey:
    """The base that a set's rows live in."""
    return BaseKey(schema=table.schema, table=table.name, key=seed_set.key)


class Wanted(Struct, frozen=True, kw_only=True):
    """A column that the sets of a base need."""

    column: Column
    reference: bool
    was: tuple[str, ...]


def new_column(wanted: Wanted, n: int) -> BaseColumn:
    """The column as a base gets it, under a number that is free."""
    return BaseColumn(
        n=n,
        name=wanted.column.name,
        type=wanted.column.base,
        storage=wanted.column.storage,
        reference=wanted.reference,
    )


def definitions(column: BaseColumn) -> list[sql.Composable]:
    """The ledger columns of a column, as DDL writes them."""
    storage = sql.SQL(column.storage)
    made: list[sql.Composable] = [sql.SQL("{} {}").format(column.asked, storage)]
    if column.reference:
        made.append(sql.SQL("{} text").format(column.symbol))
    return made


def document(columns: Mapping[str, BaseColumn]) -> list[dict[str, object]]:
    """The columns as the ledger lists them."""
    return [asdict(each) for each in columns.values()]
