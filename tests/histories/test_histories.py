"""Random histories: after every step the database is what the pure rules say."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from seeder.merge.model import Conflict, Removed, Update
from tests.histories.history import History
from tests.histories.play import played, seeds
from tests.histories.state import Column, Set
from tests.histories.triggers import TRIGGERS
from tests.histories.world import connect

# Per type: values in the canonical form in which seeder compares them, all different.
TYPES: dict[str, tuple[str | None, ...]] = {
    "integer": (None, "0", "1", "-7"),
    "bigint": (None, "0", "9223372036854775807"),
    "smallint": (None, "0", "1"),
    "numeric": (None, "0", "1.5", "NaN"),
    "numeric(10,2)": (None, "0.00", "9.90"),
    "double precision": (None, "0.1", "Infinity"),
    "text": (None, "", "a", "A", "NULL", "comma, \\ and 'quote'"),
    "varchar(20)": (None, "", "a"),
    "char(3)": (None, "ab", "abc"),
    "boolean": (None, "true", "false"),
    "date": (None, "2024-02-29", "infinity"),
    "timestamp": (None, "2024-02-29 12:00:00", "2024-02-29 12:00:00.5"),
    "timestamptz": (None, "2024-02-29 12:00:00+00", "2024-06-01 00:00:00+00"),
    "interval": (None, "1 day", "1 mon 02:00:00"),
    "uuid": (None, "00000000-0000-0000-0000-000000000001"),
    "bytea": (None, "\\x", "\\x00ff"),
    "json": (None, '{"a": 1}', "null", "[]"),
    "jsonb": (None, '{"a": 1}', "null", '"text"'),
    "text[]": (None, "{}", "{a,NULL}", '{"a b"}'),
    "inet": (None, "10.0.0.1", "10.0.0.0/8"),
    "int4range": (None, "[1,5)", "empty"),
}


class AnyTypes(History):
    """One set over two columns of any types."""

    # Conflicts are rare where a column has two or three values; the other kinds settle them so.
    must = tuple(name for name in History.must if name != "resolve_for_desired")

    def choose(self):
        one, two = self.one_of(sorted(TYPES)), self.one_of(sorted(TYPES))
        return (
            Set(
                f"things_{self.number}",
                (Column("code"), Column("one", type=one), Column("two", type=two)),
                removed=self.one_of([Removed.KEEP, Removed.DELETE]),
                conflict=self.one_of(Conflict),
            ),
        )

    def values_of(self, column):
        return TYPES[column.type] if not self.is_naming(column) else ("ada", "fay")


class Referring(History):
    """Rows refer to rows.

    Keys are not swapped here: a survey, and a reference within a set, still take the row at the
    primary key that the ledger knows for the row that is meant.
    """

    def steps(self):
        return tuple(step for step in super().steps() if step != self.person_swaps)


class TwoSets(Referring):
    """Rows of one set refer to rows of another, in their key or beside it."""

    def choose(self):
        in_key = self.one_of([True, False])
        team = Column(
            "team",
            type="integer",
            refers_to=f"teams_{self.number}",
            on_delete=self.one_of(
                ["NO ACTION", "CASCADE", None, *([] if in_key else ["SET NULL"])]
            ),
        )
        return (
            Set(
                team.refers_to,
                (Column("code"), Column("one", default=self.one_of([None, "a"]))),
                removed=self.one_of(Removed),
                marks={"note": "gone", "one": "gone"},
                conflict=self.one_of(Conflict),
            ),
            Set(
                f"members_{self.number}",
                (team, Column("code"), Column("two")),
                key=("team", "code") if in_key else ("code",),
                removed=self.one_of(Removed),
                marks={"note": "gone"},
                conflict=self.one_of(Conflict),
            ),
        )

    def values_of(self, column):
        return ("ada", "fay") if self.is_naming(column) else super().values_of(column)


class Trees(Referring):
    """Rows of one set refer to rows of the same."""

    def choose(self):
        name = f"nodes_{self.number}"
        on_delete = self.one_of(["NO ACTION", "CASCADE", "SET NULL", None])
        return (
            Set(
                name,
                (
                    Column("up", type="integer", refers_to=name, on_delete=on_delete),
                    Column("code"),
                    Column("one"),
                ),
                removed=self.one_of(Removed),
                marks={"one": "gone", "note": "gone"},
                conflict=self.one_of(Conflict),
            ),
        )

    def values_of(self, column):
        return ("ada", "fay") if self.is_naming(column) else super().values_of(column)


class OddTables(History):
    """One set of a table with triggers, a scope, a soft-delete column, columns of all kinds."""

    must = (*History.must, "revive", "migration_changes_scope")

    def choose(self):
        deleted = self.one_of([None, "is_deleted"])
        scope = self.one_of([{}, {"area": None}, {"area": "1"}])
        marks = self.one_of([{"note": "gone"}, {"one": "gone", "two": "Gone"}])
        if deleted and self.one_of([True, False]):
            marks = {**marks, deleted: "true"}
        return (
            Set(
                f"things_{self.number}",
                (
                    Column("code"),
                    Column("one", update=self.one_of(Update), default=self.one_of([None, "b"])),
                    self.one_of(
                        [
                            Column("two"),
                            Column("two", default="b"),
                            Column("two", default="b", varies=True),
                        ]
                    ),
                    *(Column(name, type="integer") for name in scope),
                ),
                removed=self.one_of(Removed),
                marks=marks,
                scope=scope,
                deleted=deleted,
                conflict=self.one_of(Conflict),
                trigger=self.one_of(TRIGGERS),
            ),
        )

    def values_of(self, column):
        if column.type == "boolean":
            return ("false", "true", None)
        if column.type == "integer":
            return (None, "1", "2")
        return ("ada", "fay") if self.is_naming(column) else super().values_of(column)


@pytest.mark.parametrize(
    ("kind", "examples"), [(AnyTypes, 20), (TwoSets, 20), (Trees, 20), (OddTables, 20)]
)
def test_every_history_ends_where_the_rules_say(database, kind, examples) -> None:
    connection = connect(database)
    effects: Counter[str] = Counter()

    def go_on(random: Random) -> None:
        history = kind(connection, random)
        try:
            history.go_on(updates=6)
        finally:
            history.world.drop()
            effects.update(history.effects)

    played(go_on, examples=examples)
    print(kind.__name__, ", ".join(f"{name} {n}" for name, n in sorted(effects.items()) if n))
    if len(seeds(otherwise=examples)) >= examples:
        assert not [name for name in kind.must if not effects[name]], effects
