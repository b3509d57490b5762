"""What tells the rows of an exported table apart: its key, and the scope where that holds."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct
from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.schema.equality import all_of
from seeder.database.schema.tables import Column, Table, Unique
from seeder.merge.model import TableName

Secrets: TypeAlias = Mapping[TableName, frozenset[str]]
"""By qualified table the columns that are secret."""


class RowIdentity(Struct, frozen=True, kw_only=True):
    """What tells rows apart."""

    key: tuple[str, ...]
    scope: tuple[str, ...] = ()
    """Columns that are NULL in the rows that are exported, and in no others."""
    deleted: str | None = None
    """A soft-delete column; rows that it marks are not exported."""
    nulls_equal: bool = False
    """The key has NULLs, and its index tells them apart no more than other values."""

    @property
    def condition(self) -> sql.Composable:
        """Which rows of the table, known as `t`, are exported."""
        fixed = [*self.scope, *([self.deleted] if self.deleted else [])]
        if not fixed:
            return sql.SQL("true")
        return all_of(sql.SQL("{} IS NULL").format(sql.Identifier("t", name)) for name in fixed)


def identity_of(connection: Connection, table: Table, secrets: Secrets) -> RowIdentity | None:
    """What the table's unique indexes say tells its rows apart; None where that is nothing."""
    key = natural_key(connection, table, secrets)
    if key is not None:
        return RowIdentity(key=key)
    candidates = _candidates(table, secrets)
    for unique in candidates:
        found = _of_partial_index(unique, table)
        if found and not _with_nulls(connection, table, found.key, found.condition):
            return found
    for unique in candidates:
        if unique.predicate is None and (found := identity_by(connection, table, unique.columns)):
            return found
    return None


def identity_by(connection: Connection, table: Table, key: tuple[str, ...]) -> RowIdentity | None:
    """What tells rows apart by these columns; None where NULL is all that there is in them.

    Rows with NULL are told apart by the other columns, within a scope, unless an index says that
    NULL is a value like any other.
    """
    nulls = _with_nulls(connection, table, key)
    if not nulls:
        return RowIdentity(key=key)
    referring = {name for each in table.foreign_keys for name in each.columns}
    collide = any(
        each.nulls_collide and each.predicate is None and {*each.columns} <= {*key}
        for each in table.uniques
    )
    if collide and table.primary_key and not referring & nulls:
        return RowIdentity(key=key, nulls_equal=True)
    rest = tuple(name for name in key if name not in nulls)
    return RowIdentity(key=rest, scope=tuple(n for n in key if n in nulls)) if rest else None


def natural_key(connection: Connection, table: Table, secrets: Secrets) -> tuple[str, ...] | None:
    """The smallest unique index without serial numbers, secrets and NULLs, if there is one."""
    for unique in _candidates(table, secrets):
        if unique.predicate is None and not _with_nulls(connection, table, unique.columns):
            return unique.columns
    return None


def _candidates(table: Table, secrets: Secrets) -> list[Unique]:
    secret = secrets.get(table.qualified, frozenset())
    return sorted(
        (
            unique
            for unique in table.uniques
            if secret.isdisjoint(unique.columns)
            and not any(
                fills_itself(table.columns[name]) or is_credential(table.columns[name])
                for name in unique.columns
            )
        ),
        key=lambda unique: (
            any(not table.columns[name].not_null for name in unique.columns),
            unique.columns != table.primary_key,
            len(unique.columns),
        ),
    )


_IS_NULL = re.compile(r'\(*"?(?P<name>[^"()]+?)"? IS NULL\)*\Z')


def _of_partial_index(unique: Unique, table: Table) -> RowIdentity | None:
    """Of an index `WHERE organization_id IS NULL`, or `WHERE deleted_at IS NULL`."""
    found = [_IS_NULL.match(part) for part in (unique.predicate or "").split(" AND ")]
    names = [each["name"] for each in found if each and each["name"] in table.columns]
    if len(names) < len(found):
        return None
    marks = [name for name in names if table.columns[name].base.startswith("timestamp")]
    if len(marks) > 1:
        return None
    return RowIdentity(
        key=unique.columns,
        scope=tuple(name for name in names if name not in marks),
        deleted=marks[0] if marks else None,
    )


def is_indexed(identity: RowIdentity, table: Table) -> bool:
    """Whether a unique index keeps the key unique, as a seed set needs it."""
    fixed = {*identity.scope, identity.deleted}
    return any(
        {*each.columns} <= {*identity.key, *identity.scope}
        and (each.predicate is None or any(name and name in each.predicate for name in fixed))
        for each in table.uniques
    )


def fills_itself(column: Column) -> bool:
    """Whether the database makes up the value: serial, identity, now(), a random uuid."""
    made_up = column.identity or column.generated or column.sequence is not None
    return bool(made_up or not column.constant_default)


_CREDENTIALS = frozenset(
    {
        *("password", "passwd", "pwd", "passphrase", "passcode", "secret", "secrets", "token"),
        *("credential", "credentials", "salt", "otp", "totp", "apikey", "privatekey"),
    }
)
_SECRET_KEYS = frozenset({"api", "private", "access", "signing", "encryption", "secret", "hmac"})
"""What stands before `key` where that is a credential."""
_ABOUT = frozenset({"type", "kind", "name", "hint", "policy", "algorithm", "url", "label", "id"})
"""Last words of columns that say something about a credential, and are none."""
_STAMPS = frozenset(
    {"created", "updated", "modified", "changed", "inserted", "edited", "joined", "registered"}
)


def _words(name: str) -> list[str]:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word for word in re.split(r"[^a-z0-9]+", parted.lower()) if word]


def is_credential(column: Column) -> bool:
    """Whether a column looks as if it held passwords, keys or tokens; by its name and type."""
    words = _words(column.name)
    if column.kind.category not in ("S", "U", "A") or column.base == "uuid" or not words:
        return False
    keys = any(a in _SECRET_KEYS and b == "key" for a, b in itertools.pairwise(words))
    return words[-1] not in _ABOUT and (keys or not _CREDENTIALS.isdisjoint(words))


def is_stamp(column: Column) -> bool:
    """Whether the application itself writes down there when a row was made, changed or seen."""
    if column.base != "date" and not column.base.startswith("timestamp"):
        return False
    words = _words(column.name)
    return column.default is None and (words[:1] == ["last"] or not _STAMPS.isdisjoint(words))


def _with_nulls(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    condition: sql.Composable | None = None,
) -> set[str]:
    """Those of the columns that are NULL in some row."""
    nullable = [name for name in columns if not table.columns[name].not_null]
    if not nullable:
        return set()
    row = connection.execute(
        sql.SQL("SELECT {} FROM {} t WHERE {}").format(
            sql.SQL(", ").join(
                sql.SQL("coalesce(pg_catalog.bool_or({} IS NULL), false)").format(
                    sql.Identifier("t", name)
                )
                for name in nullable
            ),
            table.rows,
            condition or sql.SQL("true"),
        )
    ).fetchone()
    return {name for name, has in zip(nullable, row or (), strict=True) if has}
