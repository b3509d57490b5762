"""Opens the base of a table: reads it, or makes it, in the shape that the sets need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import sql

from seeder.database.base_reshape import copied, reshape
from seeder.database.bases import (
    Base,
    BaseColumn,
    Wanted,
    definitions,
    document,
    former_key,
    new_column,
)
from seeder.database.ledger import Ledger
from seeder.database.schema import Table
from seeder.merge.model import SeedSet


def open_base(
    connection: psycopg.Connection[Any],
    ledger: Ledger,
    table: Table,
    sets: Iterable[SeedSet],
    *,
    write: bool,
    moves: bool = False,
) -> Base:
    """Open the base of a table for the sets that share it, in the shape they need.

    With `write` the ledger is brought into that shape; otherwise, where it is not in that
    shape already, or where `moves` or references in the key may rewrite entries, a
    temporary copy takes its place and the ledger stays untouched.
    """
    sets = tuple(sets)
    key = sets[0].key
    stored = _read(connection, ledger, table, key)
    if stored is None and former_key(sets[0]) != key:
        stored = _read(connection, ledger, table, former_key(sets[0]))
    wanted = _wanted(table, sets)
    if stored is None:
        return _create(connection, ledger, table, key, wanted, write=write)
    base, next_column = replace(stored[0], key=key), stored[1]
    if not write and (moves or any(_key_references(each) for each in sets)):
        base = copied(connection, base)
    return reshape(connection, ledger, base, wanted, next_column, write=write)


def _key_references(each: SeedSet) -> list[str]:
    return [name for name in each.key if each.column(name).reference is not None]


def _wanted(table: Table, sets: Iterable[SeedSet]) -> dict[str, Wanted]:
    wanted: dict[str, Wanted] = {}
    for each in sets:
        for column in each.columns:
            if column.secret:
                continue
            before = wanted.get(column.name)
            wanted[column.name] = Wanted(
                column=table.columns[column.name],
                reference=column.reference is not None or (before is not None and before.reference),
                was=column.was or (before.was if before else None),
            )
    return wanted


def _read(
    connection: psycopg.Connection[Any], ledger: Ledger, table: Table, key: tuple[str, ...]
) -> tuple[Base, int] | None:
    if not ledger.exists(connection):
        return None
    row = connection.execute(
        ledger.sql(
            "SELECT id, primary_key, columns, next_column FROM {s}.bases"
            " WHERE table_schema = %s AND table_name = %s AND key = %s"
        ),
        [table.schema, table.name, list(key)],
    ).fetchone()
    if row is None:
        return None
    columns = [BaseColumn(**each) for each in row[2]]
    base = Base(
        id=row[0],
        relation=sql.Identifier(ledger.schema, f"base_{row[0]}"),
        table=table,
        key=key,
        primary_key=tuple(row[1]),
        columns={column.name: column for column in columns},
    )
    return base, row[3]


def _create(
    connection: psycopg.Connection[Any],
    ledger: Ledger,
    table: Table,
    key: tuple[str, ...],
    wanted: Mapping[str, Wanted],
    *,
    write: bool,
) -> Base:
    columns = {
        name: new_column(each, n) for n, (name, each) in enumerate(sorted(wanted.items()), start=1)
    }
    primary_key = table.primary_key or key
    number = 0
    if write:
        row = connection.execute(
            ledger.sql(
                "INSERT INTO {s}.bases (table_schema, table_name, key, primary_key, columns,"
                " next_column) VALUES (%s, %s, %s, %s, %s, %s) RETURNING id"
            ),
            [
                table.schema,
                table.name,
                list(key),
                list(primary_key),
                document(columns),
                len(columns) + 1,
            ],
        ).fetchone()
        number = row[0] if row else 0
        relation: sql.Composable = sql.Identifier(ledger.schema, f"base_{number}")
        head = sql.SQL("CREATE TABLE {}").format(relation)
        tail = sql.SQL("")
    else:
        name = f"seeder_base_{table.oid}_{abs(hash(key)) % 10**6}"
        relation = sql.Identifier("pg_temp", name)
        head = sql.SQL("CREATE TEMP TABLE {}").format(sql.Identifier(name))
        tail = sql.SQL(" ON COMMIT DROP")
    made: list[sql.Composable] = [
        sql.SQL(
            "scope text NOT NULL, addr text NOT NULL, seed_set integer NOT NULL,"
            " state \"char\" NOT NULL DEFAULT 'a', born bigint, run bigint NOT NULL, notes jsonb"
        )
    ]
    made += [
        sql.SQL("{} {}").format(
            sql.Identifier(f"p{n}"),
            sql.SQL(table.columns[name].storage),
        )
        for n, name in enumerate(primary_key, start=1)
    ]
    for column in columns.values():
        made += definitions(column)
    connection.execute(sql.SQL("{} ({}){}").format(head, sql.SQL(", ").join(made), tail))
    return Base(
        id=number,
        relation=relation,
        table=table,
        key=key,
        primary_key=primary_key,
        columns=columns,
        fresh=write,
    )
