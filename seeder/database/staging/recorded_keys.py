"""The catalog under the keys that the ledger has: moves that no update has followed are left out.

A few rows are settled at a time, and everything else stays as pending as it was. A move would
touch the entries of its own set and of all sets that refer to it; so the moved rows, and what
refers to them, go by their old keys until an update follows the move.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from seeder.database.connection.connect import Connection
from seeder.database.staging.work import SetWork
from seeder.merge.model import (
    Cell,
    ChangedRows,
    SeedRow,
    SeedSet,
    SetReference,
    key_values,
    row_key,
)


def use(connection: Connection, works: dict[str, SetWork]) -> RecordedKeys:
    """Let the works of a seeding go by the keys in the ledger; before anything is staged."""
    keys = RecordedKeys(connection, works)
    if keys:
        for name, work in works.items():
            seed_set = keys.seed_set(work.seed_set)
            stage = replace(work.stage, seed_set=seed_set)
            works[name] = replace(work, seed_set=seed_set, stage=stage)
    return keys


class RecordedKeys:
    """What the ledger calls the rows of these works, by what the catalog calls them."""

    def __init__(self, connection: Connection, works: Mapping[str, SetWork]) -> None:
        self._connection = connection
        self._works = works
        self._moved: dict[str, dict[str, _Old]] = {}
        for name in works:
            self._moves(name)

    def __bool__(self) -> bool:
        """Whether any row goes by another key."""
        return any(self._moved.values())

    def key(self, name: str, key: str) -> str:
        """The row key in the ledger; a row that it does not know has the catalog's."""
        through = self._through_references(name, key)
        old = self._moves(name).get(through)
        return through if old is None else old.key

    def seed_set(self, each: SeedSet) -> SeedSet:
        """The set with its rows under their keys in the ledger, and without moves."""
        rows = ChangedRows(each.rows, lambda row: self.row(each, row))
        return replace(each, rows=rows, moved=())

    def row(self, each: SeedSet, row: SeedRow) -> SeedRow:
        """One of the set's rows under its key in the ledger."""
        values: list[Cell] = list(row.values)
        for n, (column, value) in enumerate(zip(each.columns, row.values, strict=False)):
            if isinstance(column.reference, SetReference) and isinstance(value, str):
                values[n] = self.key(column.reference.set, value)
        through = self._through_references(each.name, row.key)
        old = self._moves(each.name).get(through)
        if old is None:
            return replace(row, key=through, values=tuple(values))
        names = [column.name for column in each.columns]
        for name, part, value in zip(each.key, key_values(old.key), old.values, strict=True):
            n = names.index(name)
            values[n] = value if each.columns[n].reference is None else part
        return replace(row, key=old.key, values=tuple(values))

    def _through_references(self, name: str, key: str) -> str:
        work = self._works.get(name)
        if work is None:
            return key
        references = [work.seed_set.column(column).reference for column in work.seed_set.key]
        if not any(isinstance(each, SetReference) for each in references):
            return key
        return row_key(
            tuple(
                self.key(each.set, part)
                if isinstance(each, SetReference) and part is not None
                else part
                for part, each in zip(key_values(key), references, strict=True)
            )
        )

    def _moves(self, name: str) -> Mapping[str, _Old]:
        """The rows that have moved, by their new keys; in the order in which moves are followed."""
        if name in self._moved:
            return self._moved[name]
        self._moved[name] = {}  # for a set whose key refers to itself
        work = self._works.get(name)
        if work is None or not work.seed_set.moved:
            return {}
        moves = [
            (self._through_references(name, each.old), self._through_references(name, each.new))
            for each in work.seed_set.moved
        ]
        known = self._connection.execute(
            work.compose("SELECT addr FROM {base} WHERE scope = %s AND addr = ANY (%s)"),
            [work.scope, [key for move in moves for key in move]],
        ).fetchall()
        now: dict[str, _Old | None] = {key: None for (key,) in known}
        for (old, new), each in zip(moves, work.seed_set.moved, strict=True):
            if old in now and new not in now:
                now[new] = now.pop(old) or _Old(old, each.old_values)
        self._moved[name] = {key: old for key, old in now.items() if old is not None}
        return self._moved[name]


class _Old(Struct, frozen=True):
    key: str
    values: tuple[Cell, ...]
    """Aligned with `SeedSet.key`."""
