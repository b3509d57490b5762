"""Sets of a history as the catalog that seeder reads."""

from __future__ import annotations

from seeder.merge.model import (
    Former,
    ListedRows,
    Move,
    SeedColumn,
    SeedRow,
    SeedSet,
    SetReference,
    TableName,
    Text,
)
from tests.histories.state import Row, Set, Value


def seed_set(each: Set) -> SeedSet:
    """A set of the model as seeder reads it from a file."""
    given = [column for column in each.columns if column.name in each.given]
    names = frozenset(column.name for column in given)
    shapes = list(dict.fromkeys(frozenset(row) for row in each.rows.values())) or [names]
    return SeedSet(
        name=each.name,
        file=f"{each.name}.yaml",
        table=TableName(schema=None, name=each.table),
        key=each.key,
        columns=tuple(
            SeedColumn(
                name=column.name,
                reference=SetReference(set=column.refers_to) if column.refers_to else None,
                update=column.update,
                was=column.was,
            )
            for column in given
        ),
        rows=ListedRows(
            tuple(
                SeedRow(
                    key=key,
                    values=tuple(cell(row.get(column.name)) for column in given),
                    shape=shapes.index(frozenset(row)),
                )
                for key, row in each.rows.items()
            )
        ),
        shapes=() if shapes == [names] else tuple(shapes),
        scope=scope_of(each.scope),
        removed=each.removed,
        removed_values=tuple((name, cell(value)) for name, value in each.marks.items()),
        deleted=each.deleted,
        conflict=each.conflict,
        was=tuple(
            Former(
                table=TableName(schema=None, name=table),
                key=key,
                scope=scope_of(scope),
            )
            for table, key, scope in each.formers
        ),
        moved=tuple(
            Move(
                old=old,
                new=new,
                old_values=tuple(old.split(",")),
                new_values=tuple(new.split(",")),
            )
            for old, new in each.moved.items()
        ),
    )


def cell(value: Value) -> Text | None:
    return None if value is None else Text(value)


def scope_of(scope: Row) -> tuple[tuple[str, Text | None], ...]:
    return tuple((name, cell(value)) for name, value in sorted(scope.items()))
