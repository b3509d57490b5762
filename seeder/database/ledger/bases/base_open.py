"""Opens the bases of tables: reads them, or makes them, in the shape that the sets need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from psycopg import sql
from psycopg.types.json import Jsonb

from seeder.database.connection.batch import send
from seeder.database.connection.connect import Connection
from seeder.database.ledger.bases.base_reshape import copied, reshape
from seeder.database.ledger.bases.bases import (
    OWN,
    Base,
    BaseColumn,
    BaseKey,
    Wanted,
    base_key,
    definitions,
    document,
    new_column,
)
from seeder.database.ledger.bases.entries import stored_bases
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.schema.tables import Table
from seeder.merge.model import SeedSet


class Shared(Struct, frozen=True, kw_only=True):
    """What shares a base: sets on one table, by one key."""

    table: Table
    sets: tuple[SeedSet, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """The natural key."""
        return self.sets[0].key

    @property
    def secrets(self) -> frozenset[str]:
        """What is secret on the table; all sets on it were told the same."""
        return self.sets[0].secrets

    @property
    def refers_in_key(self) -> bool:
        """Whether the key is made of other rows."""
        return any(s.column(name).reference is not None for s in self.sets for name in s.key)

    @property
    def place(self) -> BaseKey:
        """Where the ledger lists it."""
        return base_key(self.table, self.sets[0])


def open_bases(
    connection: Connection,
    ledger: Ledger,
    shared: Sequence[Shared],
    *,
    write: bool,
    moves: bool = False,
    former: Mapping[BaseKey, BaseKey] | None = None,
) -> list[Base]:
    """Open the base of each table and key, in the shape that the sets sharing it need.

    `former` says of tables and keys that were renamed where the ledger lists their bases.

    With `write` the ledger is brought into that shape; otherwise, where it is not in that
    shape already, or where `moves` or references in the key may rewrite entries, a
    temporary copy takes its place and the ledger stays untouched.

    A base that is new to the ledger is listed there and not made yet: see `make`.
    """
    listed = stored_bases(connection, ledger) if ledger.exists(connection) else ()
    stored = {each.place: each for each in listed}
    bases: dict[int, Base] = {}
    missing: dict[int, _New] = {}
    for number, each in enumerate(shared):
        wanted = _wanted(each.table, each.sets)
        found = stored.pop(each.place, None)
        before = (former or {}).get(each.place)
        if before is not None:
            if found is not None and write:  # made for references while the renaming was not told
                relation = sql.Identifier(f"base_{found.id}")
                connection.execute(ledger.sql("DELETE FROM {s}.bases WHERE id = %s"), [found.id])
                connection.execute(ledger.sql("DROP TABLE {s}.{b}", b=relation))
            found = stored.pop(before)
        if found is None:
            missing[number] = _New(shared=each, wanted=wanted)
            continue
        # A run takes what has become secret out of the ledger; a survey looks away.
        base = found.open(ledger, each.table, without=each.secrets)
        if not write and (moves or each.refers_in_key):
            base = copied(connection, base)
        bases[number] = reshape(
            connection,
            ledger,
            base,
            wanted,
            found.next_column,
            place=None if before is None else each.place,
            write=write,
        )
    made = _create(connection, ledger, list(missing.values()), write=write)
    bases |= dict(zip(missing, made, strict=True))
    return [bases[number] for number in range(len(shared))]


def _wanted(table: Table, sets: Iterable[SeedSet]) -> dict[str, Wanted]:
    wanted: dict[str, Wanted] = {}
    for each in sets:
        for column in each.columns:
            if column.name in each.secrets:
                continue
            before = wanted.get(column.name)
            wanted[column.name] = Wanted(
                column=table.columns[column.name],
                reference=column.reference is not None or (before is not None and before.reference),
                was=column.was or (before.was if before else ()),
            )
    return wanted


class _New(Struct, frozen=True, kw_only=True):
    """A base that is not there yet."""

    shared: Shared
    wanted: Mapping[str, Wanted]

    @property
    def primary_key(self) -> tuple[str, ...]:
        return self.shared.table.primary_key or self.shared.key

    def columns(self) -> dict[str, BaseColumn]:
        ordered = enumerate(sorted(self.wanted.items()), start=1)
        return {name: new_column(each, n) for n, (name, each) in ordered}


def _create(
    connection: Connection, ledger: Ledger, new: Sequence[_New], *, write: bool
) -> list[Base]:
    numbers = _list(connection, ledger, new) if write and new else [0] * len(new)
    bases: list[Base] = []
    statements: list[sql.Composable] = []
    for n, (number, each) in enumerate(zip(numbers, new, strict=True), start=1):
        table, key, columns = each.shared.table, each.shared.key, each.columns()
        if write:
            relation = sql.Identifier(ledger.schema, f"base_{number}")
        else:
            made = sql.SQL(", ").join(_definitions(table, each.primary_key, columns))
            name = f"seeder_new_base_{table.oid}_{n}"
            relation = sql.Identifier("pg_temp", name)
            statements.append(
                sql.SQL("CREATE TEMP TABLE {} ({}) ON COMMIT DROP").format(
                    sql.Identifier(name), made
                )
            )
        bases.append(
            Base(
                id=number,
                relation=relation,
                table=table,
                key=key,
                primary_key=each.primary_key,
                columns=columns,
                fresh=write,
            )
        )
    send(connection, statements)
    return bases


def make(connection: Connection, bases: Iterable[Base]) -> None:
    """Make the tables of bases that are new to the ledger, in one round trip."""
    statements: list[sql.Composable] = []
    for base in bases:
        columns = _definitions(base.table, base.primary_key, base.columns)
        statements += creation(base.relation, sql.SQL(", ").join(columns))
    send(connection, statements)


def creation(relation: sql.Composable, columns: sql.Composable) -> list[sql.Composable]:
    """The statements that make a base of these columns."""
    return [
        sql.SQL("CREATE TABLE {} ({})").format(relation, columns),
        # It has no key, and a publication FOR ALL TABLES takes no updates without an identity.
        sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(relation),
    ]


def _definitions(
    table: Table, primary_key: Sequence[str], columns: Mapping[str, BaseColumn]
) -> list[sql.Composable]:
    made: list[sql.Composable] = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in OWN.items()
    ]
    made += [
        sql.SQL("{} {}").format(sql.Identifier(f"p{n}"), sql.SQL(table.columns[name].storage))
        for n, name in enumerate(primary_key, start=1)
    ]
    for column in columns.values():
        made += definitions(column)
    return made


def _list(connection: Connection, ledger: Ledger, new: Sequence[_New]) -> list[int]:
    """Enter bases into the ledger's list; returns their numbers."""
    documents = []
    for each in new:
        columns = each.columns()
        documents.append(
            {
                "table_schema": each.shared.table.schema,
                "table_name": each.shared.table.name,
                "key": each.shared.key,
                "primary_key": each.primary_key,
                "columns": document(columns),
                "next_column": len(columns) + 1,
                "secrets": sorted(each.shared.secrets),
            }
        )
    rows = connection.execute(
        ledger.sql(
            "INSERT INTO {s}.bases (project, table_schema, table_name, key, primary_key, columns,"
            " next_column, secrets) SELECT {p}, table_schema, table_name, key, primary_key,"
            " columns, next_column, secrets"
            " FROM pg_catalog.jsonb_to_recordset(%s) AS new (table_schema text, table_name"
            " text, key text[], primary_key text[], columns jsonb, next_column integer,"
            " secrets text[])"
            " RETURNING id, table_schema, table_name, key"
        ),
        [Jsonb(documents)],
    ).fetchall()
    numbers = {(schema, name, tuple(key)): number for number, schema, name, key in rows}
    return [
        numbers[each.shared.table.schema, each.shared.table.name, each.shared.key] for each in new
    ]
