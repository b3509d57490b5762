"""Bases: per target table and natural key, what was last applied to each row.

A base is one ordinary table in the ledger's schema, without indexes: it is always joined
as a whole, by hash, and written by ctid, which the advisory lock makes safe. Its columns:

- `scope`, `addr`: the row's identity, for references and for people
- `seed_set`: the set that last asked for it; `born`, `run`: the runs that inserted and
  last changed it (`born` is NULL for adopted rows); `state`: `EntryState`
- `p1`..: the primary key of the live row
- `c7`..: what was asked for, per column: a plain type as itself, anything else as text,
  so that no type of the user's is ever blocked by the ledger
- `r7`..: for reference columns, the row key that was asked for
- `notes`: NULL for nearly all rows, else a JSON object with any of `unknown` (columns
  whose base is not known), `stored` (column: text, where the table made something else of
  what was asked), `offered` (column: text, a desired value that was kept out), `moved`
  (key column: text of the old key) and `removed` (column: [before, after], written when the
  row left the catalog).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from seeder.database.ledger import Ledger
from seeder.database.schema import Column, Table
from seeder.database.values import canonical, cast
from seeder.merge.model import SeedSet


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseColumn:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
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
    """Made in this very transaction, and empty."""

    def p(self, position: int) -> sql.Identifier:
        """The ledger column of the primary key's column at a zero-based position."""
        return sql.Identifier(f"p{position + 1}")


@dataclass(frozen=True, slots=True)
class BaseKey:
    """What makes two sets share a base: the live table, and all columns that identify."""

    schema: str
    table: str
    key: tuple[str, ...]


def base_key(table: Table, seed_set: SeedSet) -> BaseKey:
    """The base that a set's rows live in."""
    return BaseKey(schema=table.schema, table=table.name, key=seed_set.key)


def former_key(seed_set: SeedSet) -> tuple[str, ...]:
    """The key under the names that its columns had before migrations renamed them."""
    return tuple(seed_set.column(name).was or name for name in seed_set.key)


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
    shape already, or where `moves` may rewrite entries, a temporary copy takes its place
    and the ledger stays untouched.
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
    if moves and not write:
        base = _copied(connection, base)
    return _reshape(connection, ledger, base, wanted, next_column, write=write)


def _copied(connection: psycopg.Connection[Any], base: Base) -> Base:
    name = f"seeder_base_{base.id}"
    connection.execute(
        sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT * FROM {}").format(
            sql.Identifier(name), base.relation
        )
    )
    return replace(base, relation=sql.Identifier("pg_temp", name), copied=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    column: Column
    reference: bool
    was: str | None


def _wanted(table: Table, sets: Iterable[SeedSet]) -> dict[str, _Wanted]:
    wanted: dict[str, _Wanted] = {}
    for each in sets:
        for column in each.columns:
            if column.secret:
                continue
            before = wanted.get(column.name)
            wanted[column.name] = _Wanted(
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
    wanted: Mapping[str, _Wanted],
    *,
    write: bool,
) -> Base:
    columns = {
        name: _column(each, n) for n, (name, each) in enumerate(sorted(wanted.items()), start=1)
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
                _document(columns),
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
    definitions: list[sql.Composable] = [
        sql.SQL(
            "scope text NOT NULL, addr text NOT NULL, seed_set integer NOT NULL,"
            " state \"char\" NOT NULL DEFAULT 'a', born bigint, run bigint NOT NULL, notes jsonb"
        )
    ]
    definitions += [
        sql.SQL("{} {}").format(
            sql.Identifier(f"p{n}"),
            sql.SQL(table.columns[name].storage),
        )
        for n, name in enumerate(primary_key, start=1)
    ]
    for column in columns.values():
        definitions += _definitions(column)
    connection.execute(sql.SQL("{} ({}){}").format(head, sql.SQL(", ").join(definitions), tail))
    return Base(
        id=number,
        relation=relation,
        table=table,
        key=key,
        primary_key=primary_key,
        columns=columns,
        fresh=write,
    )


def _column(wanted: _Wanted, n: int) -> BaseColumn:
    return BaseColumn(
        n=n,
        name=wanted.column.name,
        type=wanted.column.base,
        storage=wanted.column.storage,
        reference=wanted.reference,
    )


def _definitions(column: BaseColumn) -> list[sql.Composable]:
    storage = sql.SQL(column.storage)
    made: list[sql.Composable] = [sql.SQL("{} {}").format(column.asked, storage)]
    if column.reference:
        made.append(sql.SQL("{} text").format(column.symbol))
    return made


def _document(columns: Mapping[str, BaseColumn]) -> Jsonb:
    return Jsonb(
        [
            {
                "n": each.n,
                "name": each.name,
                "type": each.type,
                "storage": each.storage,
                "reference": each.reference,
            }
            for each in columns.values()
        ]
    )


def _reshape(
    connection: psycopg.Connection[Any],
    ledger: Ledger,
    base: Base,
    wanted: Mapping[str, _Wanted],
    next_column: int,
    *,
    write: bool,
) -> Base:
    """Add, rename and recast columns, and follow a changed primary key."""
    columns = dict(base.columns)
    renamed: list[tuple[str, str]] = []
    for name, each in wanted.items():
        if name not in columns and each.was is not None and each.was in columns:
            columns[name] = replace(columns.pop(each.was), name=name)
            renamed.append((each.was, name))
    added = [name for name in wanted if name not in columns]
    retyped = [
        name
        for name, each in wanted.items()
        if name in columns and columns[name].type != each.column.base
    ]
    referring = [
        name
        for name, each in wanted.items()
        if name in columns and each.reference and not columns[name].reference
    ]
    primary_key = base.table.primary_key or base.key
    rekeyed = primary_key != base.primary_key
    grown = [] if rekeyed else _outgrown(connection, base)
    if not (added or renamed or retyped or referring or rekeyed or grown):
        return base
    if not write and not base.copied:
        base = _copied(connection, base)
    for old, new in renamed:
        _rename_in_notes(connection, base, old, new)
    for name in referring:
        columns[name] = replace(columns[name], reference=True)
        _alter(connection, base, sql.SQL("ADD COLUMN {} text").format(columns[name].symbol))
    for name in added:
        columns[name] = _column(wanted[name], next_column)
        next_column += 1
        _add(connection, base, columns[name], wanted[name].column)
    for name in retyped:
        recast = replace(
            columns[name],
            n=next_column,
            type=wanted[name].column.base,
            storage=wanted[name].column.storage,
        )
        next_column += 1
        _recast(connection, base, columns[name], recast, wanted[name].column)
        columns[name] = recast
    base = replace(base, columns=columns)
    if rekeyed or (grown and not _retype_primary_key(connection, base, grown)):
        base = _follow_primary_key(connection, base, primary_key)
    if write:
        connection.execute(
            ledger.sql(
                "UPDATE {s}.bases SET key = %s, columns = %s, next_column = %s,"
                " primary_key = %s WHERE id = %s"
            ),
            [list(base.key), _document(columns), next_column, list(primary_key), base.id],
        )
    return base


def _alter(connection: psycopg.Connection[Any], base: Base, clause: sql.Composable) -> None:
    connection.execute(sql.SQL("ALTER TABLE {} {}").format(base.relation, clause))


def _rename_in_notes(connection: psycopg.Connection[Any], base: Base, old: str, new: str) -> None:
    connection.execute(
        sql.SQL(
            "UPDATE {base} SET notes = (SELECT jsonb_object_agg(part.key, CASE"
            " WHEN jsonb_typeof(part.value) = 'array' AND part.value ? %(old)s"
            "   THEN (part.value - %(old)s::text) || jsonb_build_array(%(new)s::text)"
            " WHEN jsonb_typeof(part.value) = 'object' AND part.value ? %(old)s"
            "   THEN (part.value - %(old)s::text)"
            "     || jsonb_build_object(%(new)s::text, part.value -> %(old)s)"
            " ELSE part.value END) FROM jsonb_each(notes) part)"
            " WHERE notes IS NOT NULL"
        ).format(base=base.relation),
        {"old": old, "new": new},
    )


UNKNOWN = sql.SQL(
    "notes = jsonb_set(coalesce(notes, '{{}}'), '{{unknown}}',"
    " coalesce(notes -> 'unknown', '[]') || jsonb_build_array({name}::text))"
)


def _add(connection: psycopg.Connection[Any], base: Base, column: BaseColumn, live: Column) -> None:
    """A column new in the catalog: its base is its constant default, NULL, or unknown."""
    for definition in _definitions(column):
        _alter(connection, base, sql.SQL("ADD COLUMN {}").format(definition))
    if not live.constant_default:
        connection.execute(
            sql.SQL("UPDATE {} SET ").format(base.relation)
            + UNKNOWN.format(name=sql.Literal(column.name))
        )
    elif live.default is not None:
        default = sql.SQL("({})").format(sql.SQL(live.default))
        connection.execute(
            sql.SQL("UPDATE {} SET {} = {}").format(
                base.relation, column.asked, canonical(cast(default, live), live)
            )
        )


def _recast(
    connection: psycopg.Connection[Any],
    base: Base,
    old: BaseColumn,
    new: BaseColumn,
    live: Column,
) -> None:
    """A column whose type changed: recast what was asked; where that fails, unknown."""
    for definition in _definitions(new):
        _alter(connection, base, sql.SQL("ADD COLUMN {}").format(definition))
    recast = cast(sql.SQL("{}::text").format(old.asked), live)
    symbols = (
        sql.SQL(", {} = {}").format(new.symbol, old.symbol)
        if old.reference and new.reference
        else sql.SQL("")
    )
    try:
        with connection.transaction():
            connection.execute(
                sql.SQL("UPDATE {} SET {} = {}{}").format(
                    base.relation, new.asked, canonical(recast, live), symbols
                )
            )
            _recast_stored(connection, base, new, live)
    except psycopg.DataError:
        connection.execute(
            sql.SQL("UPDATE {} SET ").format(base.relation)
            + UNKNOWN.format(name=sql.Literal(new.name))
            + symbols
        )
    for gone in (old.asked, old.symbol) if old.reference else (old.asked,):
        _alter(connection, base, sql.SQL("DROP COLUMN {}").format(gone))


def _recast_stored(
    connection: psycopg.Connection[Any], base: Base, column: BaseColumn, live: Column
) -> None:
    stored = sql.SQL("notes -> 'stored' ->> {}").format(sql.Literal(column.name))
    connection.execute(
        sql.SQL(
            "UPDATE {} SET notes = jsonb_set(notes, ARRAY['stored', {name}],"
            " coalesce(to_jsonb(({value})::text), 'null')) WHERE notes -> 'stored' ? {name}"
        ).format(
            base.relation,
            name=sql.Literal(column.name),
            value=canonical(cast(stored, live), live),
        )
    )


def _outgrown(connection: psycopg.Connection[Any], base: Base) -> list[int]:
    """Positions of the primary key whose columns have other types than the base's."""
    types = dict(
        connection.execute(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attname ~ '^p[0-9]+$' AND NOT attisdropped",
            [base.relation.as_string(connection)],
        ).fetchall()
    )
    return [
        position
        for position, name in enumerate(base.primary_key)
        if types[f"p{position + 1}"] != base.table.columns[name].storage
    ]


def _retype_primary_key(
    connection: psycopg.Connection[Any], base: Base, positions: list[int]
) -> bool:
    """Recast the primary keys that the base knows; False where that fails."""
    try:
        with connection.transaction():
            for position in positions:
                column = base.table.columns[base.primary_key[position]]
                p = base.p(position)
                value = canonical(cast(sql.SQL("{}::text").format(p), column), column)
                clause = sql.SQL("ALTER COLUMN {} TYPE {} USING {}")
                _alter(connection, base, clause.format(p, sql.SQL(column.storage), value))
    except psycopg.DataError:
        return False
    return True


def _follow_primary_key(
    connection: psycopg.Connection[Any], base: Base, primary_key: tuple[str, ...]
) -> Base:
    """The table has another primary key now: find each live row by its natural key."""
    table = base.table
    for position in range(len(base.primary_key)):
        _alter(connection, base, sql.SQL("DROP COLUMN {}").format(base.p(position)))
    base = replace(base, primary_key=primary_key)
    for position, name in enumerate(primary_key):
        _alter(
            connection,
            base,
            sql.SQL("ADD COLUMN {} {}").format(
                base.p(position),
                sql.SQL(table.columns[name].storage),
            ),
        )
    connection.execute(
        sql.SQL("UPDATE {base} b SET {sets} FROM {live} l WHERE {match}").format(
            base=base.relation,
            live=table.identifier,
            sets=sql.SQL(", ").join(
                sql.SQL("{} = {}").format(
                    base.p(position),
                    canonical(sql.Identifier("l", name), table.columns[name]),
                )
                for position, name in enumerate(primary_key)
            ),
            match=sql.SQL(" AND ").join(
                sql.SQL("{} = b.{}").format(
                    canonical(sql.Identifier("l", name), table.columns[name]),
                    base.columns[name].asked,
                )
                for name in base.key
            ),
        )
    )
    return base
