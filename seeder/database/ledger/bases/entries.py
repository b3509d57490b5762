"""The bases as the ledger has them, opened without a catalog to say what is wanted."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct
from psycopg import sql

from seeder.database.connection.answers import records
from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.ledger.bases.bases import Base, BaseColumn, BaseKey
from seeder.database.ledger.bases.entry_values import stored
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.schema.equality import all_of, canonical, cast, equal, same
from seeder.database.schema.tables import Table, read_tables
from seeder.merge.model import TableName


class StoredBase(Struct, frozen=True, kw_only=True):
    """A base as the ledger lists it."""

    id: int
    table_schema: str
    table_name: str
    key: tuple[str, ...]
    primary_key: tuple[str, ...]
    columns: tuple[BaseColumn, ...]
    next_column: int

    @property
    def table(self) -> TableName:
        """The name that its table had."""
        return TableName(schema=self.table_schema, name=self.table_name)

    @property
    def place(self) -> BaseKey:
        """Where the ledger lists it."""
        return BaseKey(schema=self.table_schema, table=self.table_name, key=self.key)

    def open(self, ledger: Ledger, table: Table, *, without: Collection[str] = ()) -> Base:
        """The base of a table that stands, `without` some of its columns."""
        return Base(
            id=self.id,
            relation=sql.Identifier(ledger.schema, f"base_{self.id}"),
            table=table,
            key=self.key,
            primary_key=self.primary_key,
            columns={each.name: each for each in self.columns if each.name not in without},
        )


def stored_bases(connection: Connection, ledger: Ledger) -> tuple[StoredBase, ...]:
    """The bases of the project, in the shape they were left in."""
    found = connection.execute(
        ledger.sql(
            "SELECT id, table_schema, table_name, key, primary_key, columns, next_column"
            " FROM {s}.bases WHERE project = {p} ORDER BY id"
        )
    )
    return records(found, StoredBase)


class Bases(Struct, frozen=True, kw_only=True):
    """All bases of a ledger whose tables still stand."""

    open: tuple[Base, ...]
    lost: tuple[str, ...]
    """Tables that are gone, or have another primary key than the ledger knows."""


def read_bases(connection: Connection, ledger: Ledger) -> Bases:
    """Open the bases of a ledger for reading, in the shape they were left in."""
    stored = stored_bases(connection, ledger)
    tables = read_tables(connection, {each.table for each in stored})
    found: list[Base] = []
    lost: list[str] = []
    for each in stored:
        table = tables.get(each.table)
        if table is None or not set(each.primary_key) <= set(table.columns):
            lost.append(str(each.table))
        else:
            found.append(each.open(ledger, table))
    return Bases(open=tuple(found), lost=tuple(lost))


def live_text(base: Base, name: str) -> sql.Composable:
    """A value of live row `t` as the text that images hold."""
    value = canonical(sql.Identifier("t", name), base.table.columns[name])
    return sql.SQL("({})::text").format(value)


def from_text(base: Base, name: str, text: sql.Composable) -> sql.Composable:
    """Text of an image as a value of the live column's type."""
    return cast(text, base.table.columns[name])


def at_key(base: Base, live: str, numbered: str) -> sql.Composable:
    """Condition: a live row has the primary key in the columns k1.. of another relation."""
    return all_of(
        equal(
            sql.Identifier(live, name),
            from_text(base, name, sql.Identifier(numbered, f"k{n}")),
            base.table.columns[name],
        )
        for n, name in enumerate(base.primary_key, start=1)
    )


def at_entry(base: Base, live: str) -> sql.Composable:
    """Condition: a live row has the primary key that entry `b` knows."""
    return all_of(
        equal(
            sql.Identifier(live, name),
            from_text(base, name, sql.SQL("b.{}").format(base.p(n))),
            base.table.columns[name],
        )
        for n, name in enumerate(base.primary_key)
    )


def is_stored(base: Base, column: BaseColumn) -> sql.Composable:
    """Condition: live row `t` still holds what seeder stored, by entry `b`."""
    now = base.table.columns[column.name]
    if column.type == now.base:
        return same(canonical(sql.Identifier("t", column.name), now), stored(column), now)
    return sql.SQL("({} IS NOT DISTINCT FROM ({})::text)").format(
        live_text(base, column.name), stored(column)
    )


def image(pieces: Iterable[tuple[str, sql.Composable]]) -> sql.Composable:
    """A JSON object of texts by column."""
    parts = [
        sql.SQL("pg_catalog.jsonb_build_object({}::text, {})").format(Named(name), value)
        for name, value in pieces
    ]
    return sql.SQL(" || ").join(parts) if parts else sql.SQL("'{}'::jsonb")
