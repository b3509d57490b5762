"""The second stage of checking: the catalog against the live schema."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from seeder.database.schema.tables import Column, Table
from seeder.database.staging.generated import takes
from seeder.database.staging.work import SetTarget, TableTarget, Target
from seeder.errors import Problem
from seeder.merge.model import (
    Generator,
    Nulls,
    SeedColumn,
    SeedSet,
    SetReference,
    TableName,
    TableReference,
    Way,
)
from seeder.merge.moments import moving_word, refusal
from seeder.merge.secrecy import exposed

Tables = Mapping[TableName, Table]
Remembered = Mapping[int, Mapping[str, str]]
"""By a table's oid, the columns that were seeded there before, with their types."""


def tables_of(sets: Iterable[SeedSet]) -> set[TableName]:
    """Every table that the sets write or look things up in."""
    names = set()
    for each in sets:
        names.add(each.table)
        names |= {
            column.reference.table
            for column in each.columns
            if isinstance(column.reference, TableReference)
        }
    return names


class Together(NamedTuple):
    """Sets that are checked against each other."""

    by_name: Mapping[str, SeedSet]
    on_table: Mapping[int, Sequence[SeedSet]]
    """By the table's oid."""


def together(sets: Iterable[SeedSet], tables: Tables) -> Together:
    """Sort sets by what their checks look for in others."""
    by_name = {each.name: each for each in sets}
    on_table: dict[int, list[SeedSet]] = {}
    for each in by_name.values():
        if (table := tables.get(each.table)) is not None:
            on_table.setdefault(table.oid, []).append(each)
    return Together(by_name=by_name, on_table=on_table)


def problems(
    sets: Sequence[SeedSet], tables: Tables, *, remembered: Remembered | None = None
) -> list[Problem]:
    """Everything about the sets that the schema contradicts, in file order.

    With what is `remembered`, a column that looks renamed is told as such.
    """
    others = together(sets, tables)
    return [
        Problem(
            message=f"Set {each.name}: {found.message}",
            remedy=found.remedy,
            file=(found.column.file if found.column else None) or each.file,
            line=found.column.line if found.column else None,
        )
        for each in sets
        for found in _of_set(each, tables, others, remembered or {})
    ]


def misfit(each: SeedSet, tables: Tables, others: Together) -> str | None:
    """The first thing about a set that the schema contradicts; None where it fits."""
    return next((found.message for found in _of_set(each, tables, others, {})), None)


class _Misfit(NamedTuple):
    message: str
    remedy: str | None = None
    column: SeedColumn | None = None
    """The one that the message is about, where it is about one."""


_Found = Iterator[_Misfit]

_KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
    "c": "a composite type",
}


def _of_set(each: SeedSet, tables: Tables, others: Together, remembered: Remembered) -> _Found:
    table = tables.get(each.table)
    if table is None:
        yield _Misfit(
            f"the table {each.table} does not exist.",
            "Is the migration that creates it part of this image?",
        )
        return
    if table.kind not in ("r", "p"):
        yield _Misfit(
            f"{table} is {_KINDS.get(table.kind, 'not a table')}.", "Seed the table behind it."
        )
        return
    yield from _neighbours(each, others.on_table[table.oid])
    yield from _columns(each, table, remembered.get(table.oid, {}))
    yield from _strategies(each, table)
    yield from _together(each, table)
    yield from _constants(each, table)
    for name, why in exposed(each):
        yield _Misfit(f"`{name}` of {table} {why}, and another set declared it secret.")
    yield from _key(each, table)
    yield from _left_out(each, table)
    for column in each.columns:
        if column.reference is not None and column.name in table.columns:
            try:
                target_of(each, column, tables, others.by_name)
            except LookupError as reason:
                yield _Misfit(str(reason), None, column)


def _neighbours(each: SeedSet, others: Iterable[SeedSet]) -> _Found:
    """Sets on the same rows by another key; `users` and `public.users` are one table here."""
    for other in others:
        if other.name < each.name and other.scope == each.scope and other.key != each.key:
            yield _Misfit(
                f"it has the key {', '.join(each.key)}, and set {other.name} on the same table"
                f" has {', '.join(other.key)}.",
                "Sets that share a table and scope share their key.",
            )


def _columns(each: SeedSet, table: Table, remembered: Mapping[str, str]) -> _Found:
    named: list[tuple[str, str, SeedColumn | None]]
    named = [(column.name, "column", column) for column in each.columns]
    named += [(column.name, "column", column) for column in (*each.generated, *each.withheld)]
    named += [(name, "`removed` column", None) for name, _ in each.removed_values]
    if each.deleted is not None:
        named.append((each.deleted, "`deleted` column", None))
    generators = {column.name: column.generator for column in each.generated}
    generators |= {name: v for name, v in each.removed_values if isinstance(v, Generator)}
    for name, what, at in named:
        column = table.columns.get(name)
        if column is None:
            yield _Misfit(
                f"the table {table} has no {what} {name}.",
                _renamed(name, each, table, remembered) or _near(name, table),
                at,
            )
        elif column.generated:
            yield _Misfit(f"the column {name} of {table} is generated.", "Leave it out.", at)
        elif column.is_large_object:
            yield _Misfit(
                f"the column {name} of {table} refers to a large object.", "Leave it out.", at
            )
        elif "money" in column.kind.parts and column.base != "money":
            yield _Misfit(
                f"the column {name} of {table} has money inside another value, which says another"
                " sum under another lc_monetary.",
                "Make it numeric.",
                at,
            )
        elif (generator := generators.get(name)) is not None and not takes(column, generator):
            yield _Misfit(
                f"the column {name} of {table} is of type {column.type}, which cannot hold"
                f" !{generator.value}.",
                None,
                at,
            )


def _near(name: str, table: Table) -> str | None:
    near = difflib.get_close_matches(name, table.columns, n=1)
    return f"Did you mean {near[0]}?" if near else None


def _renamed(name: str, each: SeedSet, table: Table, remembered: Mapping[str, str]) -> str | None:
    """How to follow a migration that has renamed a column; None where it looks otherwise."""
    if name not in remembered:
        return None
    taken = {*(column.name for column in each.columns), *remembered, *table.primary_key}
    new = [
        column.name
        for column in table.columns.values()
        if column.name not in taken and column.base == remembered[name]
    ]
    if len(new) != 1:
        return f"A migration has dropped or renamed {name}, which was seeded here before."
    return (
        f"It was seeded here before, and looks renamed: write {new[0]} in its place, and under"
        f" `columns:` {new[0]}: {{was: {name}}}."
    )


def _strategies(each: SeedSet, table: Table) -> _Found:
    """Only what has an inside can be merged there."""
    for column in each.columns:
        live = table.columns.get(column.name)
        if column.merge is None or live is None or live.is_json:
            continue
        plain = not live.kind.nested and not live.kind.parts & {"json", "jsonb"}
        if live.kind.is_array and plain and column.merge.way is Way.SET:
            continue
        if live.kind.is_hstore and column.merge.way is Way.MAP:
            continue
        yield _Misfit(
            f"the column {column.name} of {table} is of type {live.type}, which cannot be merged as"
            f" a {column.merge.way.value}.",
            "json and jsonb can be merged as a map, set or list, arrays of plain values as a set,"
            " hstore as a map.",
            column,
        )


def _together(each: SeedSet, table: Table) -> _Found:
    """A unique value that another row holds stays out, and would leave the others behind."""
    for name in (name for names in each.together for name in names):
        if any(name in guard.columns for guard in table.guards):
            yield _Misfit(
                f"the column {name} of {table} is unique, and cannot be written together with"
                " others.",
                "Take it out of `together`.",
                next((column for column in each.columns if column.name == name), None),
            )


def _constants(each: SeedSet, table: Table) -> _Found:
    """Which row a key stands for is known only in the merge; constants come before."""
    references = {column.name for column in each.columns if column.reference is not None}
    for what, constants in (("scope", each.scope), ("removed", each.removed_values)):
        for name, value in constants:
            if name in references and value is not None:
                yield _Misfit(
                    f"`{what}` gives the column {name} the key of another row.",
                    "Only NULL can stand for a reference there.",
                )
            live = table.columns.get(name)
            if live and live.kind.holds_moments and (word := moving_word(value)):
                yield _Misfit(f"`{what}` gives {name}, and {refusal(word)}.")


def _key(each: SeedSet, table: Table) -> _Found:
    if not set(each.key) <= set(table.columns):
        return
    scope = {name for name, _ in each.scope}
    conditional = scope | ({each.deleted} if each.deleted else set())
    with_nulls = _with_nulls(each, table)
    if with_nulls and not table.primary_key:
        yield _Misfit(
            f"{table} has no primary key, and {', '.join(with_nulls)} may be NULL in its key.",
            _PRIMARY_KEY.format(table),
        )
        return
    for unique in table.uniques:
        covers = set(unique.columns) <= set(each.key) | scope
        # Its text does not prove that a partial index covers the rows of the set. If it names
        # the scope we assume that it does; duplicates are still refused at run time.
        applies = (
            unique.predicate is None
            or any(name in unique.predicate for name in conditional)
            or _holds_for_all(unique.predicate, each, table)
        )
        guards_nulls = unique.nulls_collide or not {*with_nulls} & {*unique.columns}
        if covers and applies and guards_nulls:
            break
    else:
        yield _without_unique_index(each, table)
        return
    if not table.primary_key and not any(
        unique.predicate is None and set(unique.columns) <= set(each.key)
        for unique in table.uniques
    ):
        # Rows are written, and undone, by what identifies them in the whole table.
        yield _Misfit(
            f"{table} has no primary key, and the key {', '.join(each.key)} alone does not tell its"
            " rows from those that are out of scope or deleted.",
            _PRIMARY_KEY.format(table),
        )


_PRIMARY_KEY = (
    "Add a primary key in a migration: ALTER TABLE {} ADD COLUMN id bigint"
    " GENERATED ALWAYS AS IDENTITY PRIMARY KEY."
)


def _with_nulls(each: SeedSet, table: Table) -> list[str]:
    """Columns of the key in which NULL is a value like any other."""
    if each.nulls is Nulls.DISTINCT:
        return []
    return [
        name
        for name in each.key
        if not table.columns[name].not_null and each.column(name).reference is None
    ]


def _without_unique_index(each: SeedSet, table: Table) -> _Misfit:
    scope = {name for name, _ in each.scope}
    columns = ", ".join(each.key)
    within = f" (within its scope: {', '.join(sorted(scope))})" if scope else ""
    near = next(
        (
            ", ".join(guard.expressions)
            for guard in table.guards
            if not guard.by_equality and {*guard.columns} <= {*each.key, *scope}
        ),
        None,
    )
    nulls = " with NULLS NOT DISTINCT (Postgres 15)" if _with_nulls(each, table) else ""
    beside = f"; the one on {near} tells less than the key does" if near else ""
    return _Misfit(
        f"no unique index{nulls} of {table} makes the key {columns} unique{within}{beside}.",
        f"Add one in a migration: {_advised_index(each, table)}.",
    )


def _advised_index(each: SeedSet, table: Table) -> str:
    """The index that would do, and that says nothing of rows out of the set's scope."""
    columns = [*(name for name, value in each.scope if value is not None), *each.key]
    where = [f"{name} IS NULL" for name, value in each.scope if value is None]
    if each.deleted is not None and each.deleted in table.columns:
        marked = table.columns[each.deleted].base == "boolean"
        where.append(f"{each.deleted} IS NOT TRUE" if marked else f"{each.deleted} IS NULL")
    only = f" WHERE {' AND '.join(where)}" if where else ""
    nulls = " NULLS NOT DISTINCT" if _with_nulls(each, table) else ""
    return f"CREATE UNIQUE INDEX ON {table} ({', '.join(columns)}){nulls}{only}"


_NOT_NULL = re.compile(r'\(*"?(?P<name>[^"()]+?)"? IS NOT NULL\)*\Z')


def _holds_for_all(predicate: str, each: SeedSet, table: Table) -> bool:
    """Whether a partial index holds for all rows that have a key: `WHERE region IS NOT NULL`."""
    conditions = [_NOT_NULL.match(part) for part in predicate.split(" AND ")]
    return all(
        found is not None
        and found["name"] in table.columns
        and (found["name"] in each.key or table.columns[found["name"]].not_null)
        for found in conditions
    )


def _left_out(each: SeedSet, table: Table) -> _Found:
    if table.rewrites:  # a trigger may fill it in
        return
    if not _has_rows(each):
        return
    generated = {column.name for column in each.generated}
    for name, column in table.columns.items():
        if not column.not_null or column.fills_itself or name in generated:
            continue
        given = any(one.name == name for one in each.columns)
        everywhere = given and all(name in shape for shape in each.shapes)
        if not everywhere:
            some = "some rows leave" if given else "the rows leave"
            yield _Misfit(
                f"{some} out the column {name} of {table}, which is NOT NULL and has no default.",
                "Give it in every row, or once under `defaults`.",
            )


def _has_rows(each: SeedSet) -> bool:
    return next(iter(each.rows), None) is not None


def target_of(
    each: SeedSet, column: SeedColumn, tables: Tables, by_name: Mapping[str, SeedSet]
) -> Target:
    """Where a reference column points, and which column's value it stores.

    Raises:
        LookupError: its message says why that cannot be told.
    """
    table = tables[each.table]
    reference = column.reference
    if isinstance(reference, TableReference):
        other = tables.get(reference.table)
        if other is None:
            raise LookupError(
                f"the column {column.name} refers to the table {reference.table},"
                " which does not exist."
            )
        if reference.key not in other.columns:
            raise LookupError(
                f"the column {column.name} refers to {reference.table}.{reference.key},"
                " which does not exist."
            )
        return TableTarget(
            table=other, reference=reference, stored=_stored(table, column.name, other)
        )
    assert isinstance(reference, SetReference)  # noqa: S101  # there is no third kind
    target = tables.get(by_name[reference.set].table)
    if target is None:
        raise LookupError(
            f"the column {column.name} refers to set {reference.set}, whose table does not exist."
        )
    return SetTarget(set=reference.set, stored=_stored(table, column.name, target))


def _stored(table: Table, column: str, target: Table) -> str:
    for key in table.foreign_keys:
        if key.target == target.qualified and column in key.columns:
            return key.target_columns[key.columns.index(column)]
    if len(target.primary_key) != 1:
        raise LookupError(
            f"the column {column} refers to {target}, whose primary key is not one column;"
            " a foreign key on the column would say what it stores."
        )
    return target.primary_key[0]


def needs(sets: Sequence[SeedSet], tables: Tables) -> dict[str, set[str]]:
    """By the name of each set those that it needs first, by reference or foreign key."""
    on_table: dict[TableName, list[str]] = {}
    for each in sets:
        if each.table in tables:
            on_table.setdefault(tables[each.table].qualified, []).append(each.name)
    return {each.name: _needs(each, on_table, tables) for each in sets}


def _may_refer(column: Column) -> bool:
    """Whether a column that no row gives may hold something."""
    return column.default is not None or column.generated


def _needs(each: SeedSet, on_table: Mapping[TableName, Sequence[str]], tables: Tables) -> set[str]:
    found: set[str] = set()
    for column in each.columns:
        if isinstance(column.reference, SetReference):
            found.add(column.reference.set)
        elif column.reference is not None and column.reference.table in tables:
            found.update(on_table.get(tables[column.reference.table].qualified, ()))
    table = tables.get(each.table)
    if table is None:
        return found
    # A set without rows may have had some, which are removed before those they refer to.
    written = set(table.columns)
    if _has_rows(each):
        # What a row leaves out may refer to another all the same: by its default.
        filled = {name for name, column in table.columns.items() if _may_refer(column)}
        written = filled | {column.name for column in each.columns}
    for key in table.foreign_keys:
        if written & set(key.columns):
            found.update(on_table.get(key.target, ()))
    return found
