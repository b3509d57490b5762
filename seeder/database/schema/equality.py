"""Values on their way to Postgres, and how two of them are compared there."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec
from msgspec.structs import replace
from psycopg import sql

from seeder.database.schema.tables import Column, ForeignKey
from seeder.database.schema.types import Type
from seeder.merge.model import Cell, Text

TRUE, FALSE = sql.SQL("true"), sql.SQL("false")
"""Conditions that hold always and never; those that are made of others leave them out."""

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
    if isinstance(value, list | tuple) and column.kind.is_array:
        return _array(value)
    if isinstance(value, Mapping) and column.kind.is_hstore:
        return _hstore(value)
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
            raise NotRepresentable("a mapping needs a json, jsonb or hstore column")
        case list() | tuple():
            raise NotRepresentable("a list needs an array, json or jsonb column")
    raise NotRepresentable(f"a value of type {type(value).__name__} cannot be seeded")


def _hstore(values: Mapping[str, Cell]) -> str:
    texts = [
        f"{_quoted(name)}=>{'NULL' if value is None else _quoted(_scalar(value))}"
        for name, value in values.items()
    ]
    return ", ".join(texts)


def _quoted(text: str) -> str:
    return '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))


def _array(values: list[Cell] | tuple[Cell, ...]) -> str:
    parts = []
    for value in values:
        if value is None:
            parts.append("NULL")
        elif isinstance(value, list | tuple):
            parts.append(_array(value))
        else:
            parts.append(_quoted(_scalar(value)))
    return "{" + ",".join(parts) + "}"


def type_sql(column: Column) -> sql.SQL:
    """The type of values on their way to the column: domains are resolved, so that NULL passes."""
    return sql.SQL(column.kind.limited or column.type)


def staged_type(column: Column) -> sql.SQL:
    """The type of a stage's column: `type_sql`, but money as a number, whatever `lc_monetary`."""
    return sql.SQL("numeric") if column.base == "money" else type_sql(column)


def cast(expression: sql.Composable, column: Column) -> sql.Composed:
    """An expression cast to the column's type."""
    if column.base == "money":
        return sql.SQL("({})::numeric::money").format(expression)
    return sql.SQL("({})::{}").format(expression, type_sql(column))


def canonical(expression: sql.Composable, column: Column) -> sql.Composed:
    """An expression of the column's type in the form in which the ledger keeps values.

    A plain type stands for itself. Everything else is text under the session settings
    that seeder fixes; json goes through jsonb, and money through numeric, which says the same
    under every `lc_monetary`.
    """
    match column.base:
        case "text":
            return sql.SQL('({})::text COLLATE "C"').format(expression)
        case "json":
            return sql.SQL('(({})::jsonb)::text COLLATE "C"').format(expression)
        case base if base == column.storage or base == "money":
            return sql.SQL("({})::{}").format(expression, sql.SQL(column.storage))
        case _:
            return sql.SQL('({})::text COLLATE "C"').format(expression)


LONGEST = 4_000
"""Characters of a value that is told; of a longer one the start, and what tells it apart."""

_SHORT = frozenset({"boolean", "smallint", "integer", "bigint", "real", "uuid", "date"})


def bounded(value: sql.Composable, column: Column) -> sql.Composable:
    """A value of a column as text that is no longer than a plan or a list shows."""
    text = sql.SQL("({})::text").format(value)
    return text if column.base in _SHORT else cut(text, LONGEST)


def cut(text: sql.Composable, longest: int) -> sql.Composable:
    """The start of a longer text, with its length and what tells it apart."""
    return sql.SQL(
        "CASE WHEN pg_catalog.octet_length({text}) <= {longest} THEN {text} ELSE"
        " pg_catalog.left({text}, {longest})"
        " || '... (' || pg_catalog.length({text})::text || ' characters, SHA-256 '"
        " || pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to({text},"
        " 'UTF8')), 'hex'), 16) || ')' END"
    ).format(text=text, longest=sql.Literal(longest))


def same(one: sql.Composable, other: sql.Composable, column: Column) -> sql.Composed:
    """Whether two values in canonical form are the same, NULL being a value like any other.

    Not what `equal` says: `a` and `A` of citext are one key and two values.
    """
    by_form = sql.SQL("(({}) IS NOT DISTINCT FROM ({}))").format(one, other)
    if column.kind.compared is None:
        return by_form
    return sql.SQL(
        "CASE WHEN {by_form} THEN true"
        " ELSE coalesce(({one})::{kind} OPERATOR(pg_catalog.=) ({other})::{kind}, false) END"
    ).format(by_form=by_form, one=one, other=other, kind=sql.SQL(column.kind.compared))


def same_text(live: sql.Composable, text: sql.Composable, column: Column) -> sql.Composed:
    """Whether a value of the column is the one that a text form stands for, as `same` does."""
    return same(sql.SQL("({})::text").format(canonical(live, column)), text, column)


def equal(one: sql.Composable, other: sql.Composable, column: Column) -> sql.Composed:
    """Whether two values of the column's type are one key; NULL where one of them is NULL.

    Two NULLs are one key where the column says so, and the result is never NULL then.
    By the operator and in the collation that keep the column unique, never by what `=` means
    on the search_path.
    """
    if column.nulls_equal:
        plain = replace(column, nulls_equal=False)
        if column.kind.is_array:  # an array of arrays holds no NULL
            return equal_or_null(one, other, plain)
        if column.kind.equals is None:
            one, other = canonical(one, column), canonical(other, column)
        # Elements of arrays are compared as keys are, NULL with NULL too; and arrays can be hashed.
        arrays = [sql.SQL("ARRAY[{}]").format(each) for each in (one, other)]
        return compared_by(arrays[0], "OPERATOR(pg_catalog.=)", arrays[1], column.collation)
    if column.kind.equals is None:
        one, other = canonical(one, column), canonical(other, column)
        return sql.SQL("{} OPERATOR(pg_catalog.=) {}").format(one, other)
    return compared_by(one, column.kind.equals, other, column.collation)


def equal_or_null(one: sql.Composable, other: sql.Composable, column: Column) -> sql.Composed:
    """As `equal`, two NULLs being one key; never NULL."""
    return sql.SQL("coalesce({equal}, {one} IS NULL AND {other} IS NULL)").format(
        equal=equal(one, other, column), one=one, other=other
    )


Pair: TypeAlias = tuple[sql.Composable, sql.Composable, Column]
"""Two values of a column's type."""


ADDRESS = Column(
    name="addr",
    type="text",
    kind=Type(base="text", category="S", equals="OPERATOR(pg_catalog.=)", joins=True),
    collation=None,
    not_null=True,
    default=None,
    identity="",
    generated=False,
    sequence=None,
)
"""What a row key is, in pairs."""


def all_equal(pairs: Iterable[Pair]) -> sql.Composable:
    """Condition: the values of every pair are one key, as `equal` says."""
    return all_of(equal(one, other, column) for one, other, column in pairs)


def found_in(
    pairs: Sequence[Pair], source: sql.Composable, condition: sql.Composable = TRUE
) -> sql.Composable:
    """Condition, never NULL: the first of each pair equal the others in a row of `source`.

    `source` is a FROM clause, and `condition` one on its rows. As a row compared with ANY, which
    Postgres answers from one hash table however few rows it expects to ask; EXISTS would be asked
    anew for each row. That takes one operator for all columns.
    """
    if condition == FALSE:
        return FALSE
    operators = {None if column.nulls_equal else column.kind.equals for _, _, column in pairs}
    operator = operators.pop()
    if operators or operator is None:
        return sql.SQL("EXISTS (SELECT {}{})").format(
            source, where(all_of([condition, all_equal(pairs)]))
        )
    ones = [
        sql.SQL("{}{}").format(
            one, sql.SQL(f" COLLATE {column.collation}" if column.collation else "")
        )
        for one, _, column in pairs
    ]
    return sql.SQL("coalesce(({}) {} ANY (SELECT {} {}{}), false)").format(
        sql.SQL(", ").join(ones),
        sql.SQL(operator),
        sql.SQL(", ").join(other for _, other, _ in pairs),
        source,
        where(condition),
    )


def compared_by(
    one: sql.Composable, operator: str, other: sql.Composable, collation: str | None = None
) -> sql.Composed:
    """Two values compared by a qualified operator, in a qualified collation."""
    parts = one, sql.SQL(operator), other, sql.SQL(f" COLLATE {collation}" if collation else "")
    return sql.SQL("{} {} {}{}").format(*parts)


def refers(key: ForeignKey, referring: str, target: str) -> sql.Composable:
    """Condition: a row refers to another by the foreign key; both are aliases."""
    return all_of(
        compared_by(sql.Identifier(target, there), operator, sql.Identifier(referring, here))
        for here, there, operator in zip(
            key.columns, key.target_columns, key.operators, strict=True
        )
    )


def all_of(conditions: Iterable[sql.Composable]) -> sql.Composable:
    """Conditions joined by AND."""
    left = [each for each in conditions if each != TRUE]
    if FALSE in left:
        return FALSE
    return sql.SQL(" AND ").join(left) if left else TRUE


def any_of(conditions: Iterable[sql.Composable]) -> sql.Composable:
    """Conditions joined by OR, in parentheses."""
    left = [each for each in conditions if each != FALSE]
    if TRUE in left:
        return TRUE
    return sql.SQL("({})").format(sql.SQL(" OR ").join(left)) if left else FALSE


def negated(condition: sql.Composable) -> sql.Composable:
    """Whether a condition, which is never NULL, does not hold."""
    if condition in (TRUE, FALSE):
        return FALSE if condition == TRUE else TRUE
    named = isinstance(condition, sql.Identifier)
    return sql.SQL("NOT {}" if named else "NOT ({})").format(condition)


def surely(condition: sql.Composable) -> sql.Composable:
    """Whether a condition, which may be NULL, holds."""
    if condition in (TRUE, FALSE):
        return condition
    return sql.SQL("coalesce({}, false)").format(condition)


def where(condition: sql.Composable) -> sql.Composable:
    """A WHERE clause after a space; nothing for a condition that every row meets."""
    return sql.SQL("") if condition == TRUE else sql.SQL(" WHERE {}").format(condition)


def either(
    condition: sql.Composable, value: sql.Composable, otherwise: sql.Composable
) -> sql.Composable:
    """One value or the other, as a CASE expression where rows differ in the condition."""
    if condition in (TRUE, FALSE):
        return value if condition == TRUE else otherwise
    return sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(condition, value, otherwise)
