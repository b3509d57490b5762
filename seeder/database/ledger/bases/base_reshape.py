"""Brings a base into the shape that the sets need, and after a changed primary key."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from msgspec.structs import replace
from psycopg import sql
from psycopg.types.json import Jsonb

from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named, Theirs
from seeder.database.ledger.bases.bases import (
    Base,
    BaseColumn,
    BaseKey,
    Wanted,
    definitions,
    document,
    new_column,
)
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.schema.equality import all_of, canonical, cast, equal
from seeder.database.schema.tables import Column


def copied(connection: Connection, base: Base) -> Base:
    """A survey's copy of a base, which it may rewrite while the ledger stays untouched."""
    name = f"seeder_base_{base.id}"
    connection.execute(
        sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT * FROM {}").format(
            sql.Identifier(name), base.relation
        )
    )
    return replace(base, relation=sql.Identifier("pg_temp", name), copied=True)


def reshape(
    connection: Connection,
    ledger: Ledger,
    base: Base,
    wanted: Mapping[str, Wanted],
    next_column: int,
    *,
    place: BaseKey | None,
    write: bool,
) -> Base:
    """Add, rename and recast columns, and follow a changed table, key and primary key.

    `place` is where the base belongs now, None: where it is. Entries keep their keys; they
    follow a changed one once the rows are staged (`rekey`).
    """
    columns = dict(base.columns)
    renamed: dict[str, str] = {}
    for name, each in wanted.items():
        before = next((old for old in each.was if old in columns and old not in wanted), None)
        if name not in columns and before is not None:
            columns[name] = replace(columns.pop(before), name=name)
            renamed[before] = name
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
    old_key = tuple(renamed.get(name, name) for name in base.key)
    key = old_key if place is None else place.key
    primary_key = base.table.primary_key or key
    renamed |= _renamed_primary_key(base, primary_key, renamed)
    base = replace(
        base,
        key=old_key,
        primary_key=tuple(renamed.get(name, name) for name in base.primary_key),
    )
    rekeyed = primary_key != base.primary_key
    grown = [] if rekeyed else _outgrown(connection, base)
    changed = bool(added or renamed or retyped or referring or rekeyed or grown)
    if not changed and place is None:
        return base
    if changed and not write and not base.copied:
        base = copied(connection, base)
    for old, new in renamed.items():
        _rename_in_notes(connection, base, old, new)
        if write:
            _rename_in_images(connection, ledger, base, old, new)
    for name in referring:
        columns[name] = replace(columns[name], reference=True)
        _alter(connection, base, sql.SQL("ADD COLUMN {} text").format(columns[name].symbol))
    for name in added:
        columns[name] = new_column(wanted[name], next_column)
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
    if (
        rekeyed
        or (grown and not _retype_primary_key(connection, base, grown))
        or (set(primary_key) & set(renamed.values()) and _other_rows(connection, base))
    ):
        base = _follow_primary_key(connection, base, primary_key)
    if write:
        connection.execute(
            ledger.sql(
                "UPDATE {s}.bases SET table_schema = %s, table_name = %s, key = %s, columns = %s,"
                " next_column = %s, primary_key = %s WHERE id = %s"
            ),
            [
                base.table.schema,
                base.table.name,
                list(key),
                Jsonb(document(columns)),
                next_column,
                list(primary_key),
                base.id,
            ],
        )
    return replace(base, key=key)


def _renamed_primary_key(
    base: Base, primary_key: tuple[str, ...], renamed: Mapping[str, str]
) -> dict[str, str]:
    """Columns of the primary key that stand where others stood that are gone.

    Nobody has to declare it: seed files seldom name the column. See `_other_rows`.
    """
    if len(primary_key) != len(base.primary_key):
        return {}
    return {
        old: new
        for old, new in zip(base.primary_key, primary_key, strict=True)
        if old not in base.table.columns and old not in (*base.key, *renamed)
    }


def _other_rows(connection: Connection, base: Base) -> bool:
    """Whether most keys are at other rows than the primary key that the base knows."""
    if not set(base.key) <= set(base.table.columns):
        return False
    row = connection.execute(
        sql.SQL(
            "SELECT pg_catalog.count(*) FILTER (WHERE {same}), pg_catalog.count(*) FROM {base} b"
            " JOIN {live} l ON {match}"
        ).format(
            base=base.relation,
            live=base.table.rows,
            match=_by_key(base),
            same=sql.SQL(" AND ").join(
                sql.SQL("{} IS NOT DISTINCT FROM b.{}").format(
                    canonical(sql.Identifier("l", name), base.table.columns[name]),
                    base.p(position),
                )
                for position, name in enumerate(base.primary_key)
            ),
        )
    ).fetchone()
    same, found = row or (0, 0)
    return bool(2 * same < found)


def _by_key(base: Base) -> sql.Composable:
    """Condition: live row `l` has the key that entry `b` was last asked for."""
    columns = base.table.columns
    return all_of(
        equal(
            sql.Identifier("l", name),
            cast(sql.SQL("b.{}").format(base.columns[name].asked), columns[name]),
            columns[name],
        )
        for name in base.key
    )


def _update(connection: Connection, base: Base, sets: sql.Composable) -> None:
    connection.execute(sql.SQL("UPDATE {} SET {}").format(base.relation, sets))


def _alter(connection: Connection, base: Base, clause: sql.Composable) -> None:
    connection.execute(sql.SQL("ALTER TABLE {} {}").format(base.relation, clause))


def _rename_in_notes(connection: Connection, base: Base, old: str, new: str) -> None:
    connection.execute(
        sql.SQL(
            "UPDATE {base} SET notes = (SELECT pg_catalog.jsonb_object_agg(part.key, CASE"
            " WHEN pg_catalog.jsonb_typeof(part.value) = 'array' AND part.value ? %(old)s::text"
            "   THEN (part.value - %(old)s::text) || pg_catalog.jsonb_build_array(%(new)s::text)"
            " WHEN pg_catalog.jsonb_typeof(part.value) = 'object' AND part.value ? %(old)s::text"
            "   THEN (part.value - %(old)s::text)"
            "     || pg_catalog.jsonb_build_object(%(new)s::text, part.value -> %(old)s::text)"
            " ELSE part.value END) FROM pg_catalog.jsonb_each(notes) part)"
            " WHERE notes IS NOT NULL"
        ).format(base=base.relation),
        {"old": old, "new": new},
    )


def _rename_in_images(
    connection: Connection, ledger: Ledger, base: Base, old: str, new: str
) -> None:
    """What runs overwrote is known by the column's name of today, so that it can be undone."""
    connection.execute(
        ledger.sql(
            "UPDATE {s}.sets SET columns = (columns - %(old)s::text) ||"
            " pg_catalog.to_jsonb(%(new)s::text)"
            " WHERE base = %(base)s AND columns ? %(old)s::text"
        ),
        {"old": old, "new": new, "base": base.id},
    )
    for side in ("before", "after", "merged"):
        connection.execute(
            ledger.sql(
                "UPDATE {s}.changes SET {side} = ({side} - %(old)s::text)"
                " || pg_catalog.jsonb_build_object(%(new)s::text, {side} -> %(old)s::text)"
                " WHERE base = %(base)s AND {side} ? %(old)s::text",
                side=sql.Identifier(side),
            ),
            {"old": old, "new": new, "base": base.id},
        )


_UNKNOWN = sql.SQL(
    "notes = pg_catalog.jsonb_set(coalesce(notes, '{{}}'), '{{unknown}}',"
    " coalesce(notes -> 'unknown'::text, '[]') || pg_catalog.jsonb_build_array({name}::text))"
)

_UNASKED = sql.SQL(
    "notes = coalesce(notes, '{{}}') || pg_catalog.jsonb_build_object("
    "'unknown', coalesce(notes -> 'unknown'::text, '[]')"
    " || pg_catalog.jsonb_build_array({name}::text),"
    " 'omitted', coalesce(notes -> 'omitted'::text, '[]')"
    " || pg_catalog.jsonb_build_array({name}::text))"
)


def _add(connection: Connection, base: Base, column: BaseColumn, live: Column) -> None:
    """A column new in the catalog: its base is its constant default, NULL, or unknown."""
    for definition in definitions(column):
        _alter(connection, base, sql.SQL("ADD COLUMN {}").format(definition))
    if not live.constant_default:
        _update(connection, base, _UNASKED.format(name=Named(column.name)))
    elif live.default is not None:
        default = canonical(cast(sql.SQL("({})").format(Theirs(live.default)), live), live)
        _update(connection, base, sql.SQL("{} = {}").format(column.asked, default))


def _recast(
    connection: Connection,
    base: Base,
    old: BaseColumn,
    new: BaseColumn,
    live: Column,
) -> None:
    """A column whose type changed: recast what was asked; where that fails, unknown."""
    for definition in definitions(new):
        _alter(connection, base, sql.SQL("ADD COLUMN {}").format(definition))
    recast = cast(sql.SQL("{}::text").format(old.asked), live)
    symbols = (
        sql.SQL(", {} = {}").format(new.symbol, old.symbol)
        if old.reference and new.reference
        else sql.SQL("")
    )
    try:
        with connection.transaction():
            value = sql.SQL("{} = {}").format(new.asked, canonical(recast, live))
            _update(connection, base, value + symbols)
            _recast_stored(connection, base, new, live)
    except psycopg.DataError:
        _update(connection, base, _UNKNOWN.format(name=Named(new.name)) + symbols)
    for gone in (old.asked, old.symbol) if old.reference else (old.asked,):
        _alter(connection, base, sql.SQL("DROP COLUMN {}").format(gone))


def _recast_stored(connection: Connection, base: Base, column: BaseColumn, live: Column) -> None:
    stored = sql.SQL("notes -> 'stored'::text ->> {}::text").format(Named(column.name))
    noted = sql.SQL(
        "notes = pg_catalog.jsonb_set(notes, ARRAY['stored', {name}],"
        " coalesce(pg_catalog.to_jsonb(({value})::text), 'null'))"
        " WHERE notes -> 'stored'::text ? {name}::text"
    )
    value = canonical(cast(stored, live), live)
    _update(connection, base, noted.format(name=Named(column.name), value=value))


def _outgrown(connection: Connection, base: Base) -> list[int]:
    """Positions of the primary key whose columns have other types than the base's."""
    types: dict[str, str] = dict(
        connection.execute(
            "SELECT attname, pg_catalog.format_type(atttypid, NULL) FROM pg_attribute"
            " WHERE attrelid = %s::regclass::oid AND attname::text ~ '^p[0-9]+$'"
            " AND NOT attisdropped",
            [base.relation.as_string(connection)],
        ).fetchall()
    )
    return [
        position
        for position, name in enumerate(base.primary_key)
        if types[f"p{position + 1}"] != base.table.columns[name].storage
    ]


def _retype_primary_key(connection: Connection, base: Base, positions: list[int]) -> bool:
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


def _follow_primary_key(connection: Connection, base: Base, primary_key: tuple[str, ...]) -> Base:
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
    if not set(base.key) <= set(table.columns):
        return base
    connection.execute(
        sql.SQL("UPDATE {base} b SET {sets} FROM {live} l WHERE {match}").format(
            base=base.relation,
            live=table.rows,
            sets=sql.SQL(", ").join(
                sql.SQL("{} = {}").format(
                    base.p(position),
                    canonical(sql.Identifier("l", name), table.columns[name]),
                )
                for position, name in enumerate(primary_key)
            ),
            match=_by_key(base),
        )
    )
    return base
