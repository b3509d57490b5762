"""Live tables read for export: keys that are no serial numbers, references by natural key.

Values are text that Postgres casts back to the very same value under the session settings
that seeder fixes; JSON and simple arrays are JSON text.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import TypeAlias

from msgspec import Struct, field
from psycopg import sql

from seeder.database.connection.answers import answer
from seeder.database.connection.connect import Connection
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.ledger.tables.secrets import read_secrets
from seeder.database.schema.equality import canonical
from seeder.database.schema.tables import Column, ForeignKey, Table, read_tables
from seeder.database.settling.export_keys import (
    RowIdentity,
    Secrets,
    fills_itself,
    identity_by,
    identity_of,
    is_credential,
    is_indexed,
    is_stamp,
    natural_key,
)
from seeder.errors import ConfigurationInvalid, Problem
from seeder.merge.model import SetReference, TableName, TableReference, row_key

ExportCell: TypeAlias = str | tuple[str | None, ...] | None


class Kind(Enum):
    """How a value is written."""

    TEXT = "text"
    BOOLEAN = "boolean"
    NUMBER = "number"
    JSON = "json"
    """A document, in a json or jsonb column."""
    LIST = "list"
    """An array as JSON, or as a JSON string where JSON cannot say what it is."""


class ExportColumn(Struct, frozen=True, kw_only=True):
    """A column of an exported table."""

    name: str
    kind: Kind
    reference: SetReference | TableReference | None = None
    insert_only: bool = False


class ExportTable(Struct, kw_only=True):
    """A table on its way into a seed set.

    A cell is NULL where it is None, and holds the values of a row's key where it refers to one.
    """

    name: str
    """Of the set."""
    given: TableName
    table: Table
    identity: RowIdentity
    remarks: list[str] = field(default_factory=list)
    """What a person should know."""
    comments: list[str] = field(default_factory=list)
    """What is as it always is, and stands in the file only."""
    secrets: list[str] = field(default_factory=list)
    """Columns that are declared secret, and have no values here."""
    columns: list[ExportColumn] = field(default_factory=list)
    through: dict[str, ForeignKey] = field(default_factory=dict)
    """By column: the foreign key that makes it a reference."""
    rows: list[dict[str, ExportCell]] = field(default_factory=list)
    raw: list[dict[str, str | None]] = field(default_factory=list)
    """Values that foreign keys store, or are stored in."""

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that tell its rows apart."""
        return self.identity.key


def read_exports(
    connection: Connection,
    ledger: Ledger,
    names: Sequence[TableName],
    keys: Mapping[TableName, tuple[str, ...]],
) -> list[ExportTable]:
    """Read whole tables, in the caller's transaction, but for what the ledger says is secret.

    Args:
        connection: of a prepared session.
        ledger: which may not be there.
        names: the tables, in the order of the result.
        keys: natural keys for tables whose indexes do not tell.

    Raises:
        ConfigurationInvalid: a table does not exist, or has no natural key.
    """
    tables = read_tables(connection, names)
    secrets = read_secrets(connection, ledger)
    found = [
        _draft(connection, tables.get(name), name, keys.get(name), names, secrets) for name in names
    ]
    _refuse([each for each in found if isinstance(each, Problem)])
    drafts = [each for each in found if isinstance(each, ExportTable)]
    for draft in drafts:
        _choose_columns(connection, draft, drafts, secrets)
    for draft in drafts:
        _read_rows(connection, draft, drafts)
    _resolve_all(connection, drafts)
    _require_distinct(drafts)
    return drafts


# -- which tables, and what tells their rows apart ---------------------------------------------


def _draft(
    connection: Connection,
    table: Table | None,
    name: TableName,
    key: tuple[str, ...] | None,
    names: Sequence[TableName],
    secrets: Secrets,
) -> ExportTable | Problem:
    """A table, or why it cannot be exported."""
    if table is None:
        return _no_such_table(connection, name)
    if table.kind not in ("r", "p"):
        return Problem(message=f"{name} is not a table.")
    if key is None:
        identity = identity_of(connection, table, secrets)
        if identity is None:
            return Problem(
                message=f"Nothing but a serial number tells the rows of {name} apart.",
                remedy="Name the columns that do with --key; a seed set needs a unique index"
                " on them.",
            )
    else:
        if unknown := set(key).difference(table.columns):
            return Problem(message=f"The table {name} has no column {', '.join(sorted(unknown))}.")
        if shown := secrets.get(table.qualified, frozenset()) & set(key):
            return Problem(
                message=f"A seed set has declared {', '.join(sorted(shown))} of {name} secret,"
                " and a key is shown."
            )
        identity = identity_by(connection, table, key)
        if identity is None:
            return Problem(
                message=f"{', '.join(key)} of {name} is NULL in some rows.",
                remedy="Name columns with --key that tell its rows apart.",
            )
    draft = ExportTable(name=_set_name(name, names), given=name, table=table, identity=identity)
    draft.remarks += _about(connection, table, identity)
    return draft


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise ConfigurationInvalid(
            "Cannot export.", problems=tuple(problems), code="export-refused"
        )


def _about(connection: Connection, table: Table, identity: RowIdentity) -> Iterator[str]:
    others = sql.SQL("SELECT pg_catalog.count(*) FROM {} t WHERE NOT ({})")
    if number := answer(connection, others.format(table.rows, identity.condition)):
        why = " or ".join([*identity.scope, *([identity.deleted] if identity.deleted else [])])
        yield f"left out, since they have a value in {why}: {_rows(number)}."
    if not is_indexed(identity, table):
        yield (
            "no unique index keeps the key unique, which a seed set needs: CREATE UNIQUE INDEX ON"
            f" {table} ({', '.join([*identity.scope, *identity.key])})"
        )


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number:,} rows"


def _no_such_table(connection: Connection, name: TableName) -> Problem:
    rows = connection.execute(
        "SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN c.relname"
        " ELSE pg_catalog.concat(n.nspname, '.', c.relname) END FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')"
        " AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'::text"
    ).fetchall()
    near = difflib.get_close_matches(str(name), [row[0] for row in rows], n=1)
    return Problem(
        message=f"The table {name} does not exist.",
        remedy=f"Did you mean {near[0]}?" if near else None,
    )


def _set_name(name: TableName, names: Sequence[TableName]) -> str:
    """The table's name, unless another schema has it too; no file stem begins with a number."""
    twin = sum(other.name == name.name for other in names) > 1
    text = f"{name.schema}_{name.name}" if twin and name.schema else name.name
    text = "".join(c if c.isalnum() or c in "_-" else "_" for c in text)
    return text if not text[:1].isdigit() else f"table_{text}"


# -- which columns, and how -----------------------------------------------------------------


def _choose_columns(
    connection: Connection,
    draft: ExportTable,
    drafts: Sequence[ExportTable],
    secrets: Secrets,
) -> None:
    fixed = {*draft.key, *draft.identity.scope, draft.identity.deleted}
    for name in [*draft.key, *(name for name in draft.table.columns if name not in fixed)]:
        column = draft.table.columns[name]
        if column.generated:
            draft.comments.append(f"{name}: left out; the database computes it.")
            continue
        declared = name in secrets.get(draft.table.qualified, ())
        if declared or (is_credential(column) and name not in draft.key):
            draft.secrets.append(name)
            draft.remarks.append(_why_secret(column, declared=declared))
            continue
        if column.is_large_object:
            draft.remarks.append(f"{name}: left out; it refers to a large object.")
            continue
        if fills_itself(column) and name not in draft.key:
            numbered = column.default is None or column.sequence is not None
            why = "the database numbers it" if numbered else f"its default is {column.default}"
            draft.comments.append(f"{name}: left out; {why}.")
            continue
        stamp = is_stamp(column) and name not in draft.key
        if stamp:
            draft.comments.append(f"{name}: written on insert only; the application changes it.")
        reference = _reference(connection, draft, name, drafts, secrets)
        kind = Kind.TEXT if reference else _kind(column)
        draft.columns.append(
            ExportColumn(name=name, kind=kind, reference=reference, insert_only=stamp)
        )


def _why_secret(column: Column, *, declared: bool) -> str:
    why = "a seed set has declared it secret" if declared else "it looks like a credential"
    needed = column.not_null and not column.fills_itself
    return f"{column.name}: left out; {why}." + (
        f" It is NOT NULL: give it in every row, as !env {column.name.upper()}." if needed else ""
    )


def _kind(column: Column) -> Kind:
    match column.base:
        case "boolean":
            return Kind.BOOLEAN
        case "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision":
            return Kind.NUMBER
        case "oid" | "money":
            return Kind.NUMBER
        case "json" | "jsonb":
            return Kind.JSON
        case base if base in _SIMPLE_ARRAYS:
            return Kind.LIST
    return Kind.TEXT


_SIMPLE_ARRAYS = frozenset(
    f"{base}[]"
    for base in ("text", "character varying", "smallint", "integer", "bigint", "boolean", "uuid")
)
"""Arrays whose elements JSON says exactly as Postgres does."""


def _reference(
    connection: Connection,
    draft: ExportTable,
    name: str,
    drafts: Sequence[ExportTable],
    secrets: Secrets,
) -> SetReference | TableReference | None:
    keys = [key for key in draft.table.foreign_keys if key.columns == (name,)]
    for key in keys:
        for other in drafts:
            # A key cannot be made of itself.
            own = other is draft and name in draft.key
            if other.table.qualified == key.target and not own:
                draft.through[name] = key
                return SetReference(set=other.name)
    for key in keys:
        target = read_tables(connection, [key.target])[key.target]
        if not fills_itself(target.columns[key.target_columns[0]]):
            return None  # what is stored is a natural key already
        natural = natural_key(connection, target, secrets)
        if natural is not None and len(natural) == 1:
            draft.through[name] = key
            bare = answer(connection, "SELECT pg_catalog.pg_table_is_visible(%s)", [target.oid])
            table = TableName(schema=None, name=key.target.name) if bare else key.target
            return TableReference(table=table, key=natural[0])
        draft.remarks.append(
            f"{name}: holds numbers of {key.target}, which is not exported and has no natural key"
            " of one column; they mean nothing in another database."
        )
    return None


# -- rows -------------------------------------------------------------------------------------


def _read_rows(connection: Connection, draft: ExportTable, drafts: Sequence[ExportTable]) -> None:
    stored = set(draft.through)
    for other in drafts:
        stored |= {
            key.target_columns[0]
            for key in other.through.values()
            if key.target == draft.table.qualified
        }
    names = [column.name for column in draft.columns]
    values = [_text(draft.table.columns[c.name], c.kind) for c in draft.columns]
    raw = sorted(stored)
    values += [sql.SQL("{}::text").format(sql.Identifier("t", name)) for name in raw]
    order = draft.table.primary_key or draft.key
    rows = connection.execute(
        sql.SQL("SELECT {} FROM {} t WHERE {} ORDER BY {}").format(
            sql.SQL(", ").join(values),
            draft.table.rows,
            draft.identity.condition,
            sql.SQL(", ").join(sql.Identifier("t", name) for name in order),
        )
    ).fetchall()
    for row in rows:
        draft.rows.append(dict(zip(names, row[: len(names)], strict=True)))
        draft.raw.append(dict(zip(raw, row[len(names) :], strict=True)))


def _text(column: Column, kind: Kind) -> sql.Composable:
    name = sql.Identifier("t", column.name)
    match kind:
        case Kind.JSON:
            return sql.SQL("{}::jsonb::text").format(name)
        case Kind.NUMBER:
            return sql.SQL("{}::text").format(canonical(name, column))
        case Kind.LIST:
            return sql.SQL(
                "CASE WHEN {0}::text LIKE '[%' THEN pg_catalog.to_json({0}::text)::text"
                " ELSE pg_catalog.array_to_json({0})::text END"
            ).format(name)
        case _:
            return sql.SQL("{}::text").format(name)


def _resolve_all(connection: Connection, drafts: Sequence[ExportTable]) -> None:
    """Put row keys in the place of what foreign keys store.

    What refers to a row that is left out is left out as well.
    """
    before = {draft.name: len(draft.rows) for draft in drafts}
    remaining = -1
    while remaining != (remaining := sum(len(draft.rows) for draft in drafts)):
        for draft in drafts:
            _resolve(connection, draft, drafts)
    for draft in drafts:
        if gone := before[draft.name] - len(draft.rows):
            draft.remarks.append(f"left out, since they refer to such rows: {_rows(gone)}.")


def _require_distinct(drafts: Sequence[ExportTable]) -> None:
    _refuse(
        [
            Problem(
                message=f"Several rows of {draft.given} have the same {', '.join(draft.key)}.",
                remedy="Name columns with --key that tell its rows apart.",
            )
            for draft in drafts
            if len({tuple(row[name] for name in draft.key) for row in draft.rows}) < len(draft.rows)
        ]
    )


def _resolve(connection: Connection, draft: ExportTable, drafts: Sequence[ExportTable]) -> None:
    kept = [True] * len(draft.rows)
    for column in draft.columns:
        if column.reference is None:
            continue
        key = draft.through[column.name]
        found: Mapping[str, ExportCell]
        if isinstance(column.reference, TableReference):
            found = _keys_of(connection, key, column.reference)
        else:
            wanted = column.reference.set
            other = next(each for each in drafts if each.name == wanted)
            found = _addresses(other, key.target_columns[0], drafts)
        for n, (row, raw) in enumerate(zip(draft.rows, draft.raw, strict=True)):
            stored = raw[column.name]
            row[column.name] = None if stored is None else found.get(stored)
            kept[n] &= stored is None or row[column.name] not in (None, (None,))
    draft.rows = [row for row, keep in zip(draft.rows, kept, strict=True) if keep]
    draft.raw = [raw for raw, keep in zip(draft.raw, kept, strict=True) if keep]


def _keys_of(connection: Connection, key: ForeignKey, reference: TableReference) -> dict[str, str]:
    rows = connection.execute(
        sql.SQL("SELECT {}::text, {}::text FROM {}").format(
            sql.Identifier(key.target_columns[0]),
            sql.Identifier(reference.key),
            sql.Identifier(*key.target.parts),
        )
    ).fetchall()
    return {row[0]: row[1] for row in rows}


def _addresses(
    draft: ExportTable, stored: str, drafts: Sequence[ExportTable], seen: tuple[str, ...] = ()
) -> dict[str, tuple[str | None, ...]]:
    """Key values of a table's rows by the value that foreign keys store."""
    if draft.name in seen:
        raise ConfigurationInvalid(
            f"The keys of {', '.join(seen)} are made of one another.",
            hint="Name another key with --key.",
            code="export-refused",
        )
    parts: list[list[str | None]] = []
    for name in draft.key:
        column = next(each for each in draft.columns if each.name == name)
        if isinstance(column.reference, SetReference):
            key = draft.through[name]
            wanted = column.reference.set
            other = next(each for each in drafts if each.name == wanted)
            found = _addresses(other, key.target_columns[0], drafts, (*seen, draft.name))
            parts.append(
                [
                    None if (to := found.get(str(raw[name]))) is None else row_key(to)
                    for raw in draft.raw
                ]
            )
        else:
            parts.append([None if row[name] is None else str(row[name]) for row in draft.rows])
    keys = zip(*parts, strict=True)
    return {str(raw[stored]): key for raw, key in zip(draft.raw, keys, strict=True)}
