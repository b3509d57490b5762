"""What a history knows: the catalog's sets, the live rows, and the ledger's entries.

A row is a dictionary of all its columns. A live reference is the primary key that it holds; in
the catalog it is the row key of the row that it names.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from seeder.merge.model import Conflict, Removed, Update
from tests.histories.triggers import Row, Trigger, Value

OWNING = "aks"
"""States of entries that still have a claim on a live row."""


@dataclass
class Column:
    name: str
    type: str = "text"
    refers_to: str | None = None
    on_delete: str | None = None
    """What a foreign key does when the referenced row is deleted; None: there is no foreign key."""
    update: Update = Update.MERGE
    default: str | None = None
    was: tuple[str, ...] = ()
    """The names that migrations have taken from it, the last one first."""
    varies: bool = False
    """The default is an expression, which no row is known to ask for by leaving the column out."""

    @property
    def constrained(self) -> bool:
        return self.refers_to is not None and self.on_delete is not None


@dataclass
class Set:
    """A seed set as the catalog has it."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("code",)
    rows: dict[str, Row] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    removed: Removed = Removed.KEEP
    marks: Row = field(default_factory=dict)
    """The values of `removed: {set: ...}`."""
    conflict: Conflict = Conflict.KEEP
    scope: Row = field(default_factory=dict)
    deleted: str | None = None
    """The soft-delete column, a boolean."""
    trigger: Trigger | None = None
    """What the table itself does to rows before they are written."""
    tables: list[str] = field(default_factory=list)
    """The names that migrations have given its table, the last one last."""
    formers: list[tuple[str, tuple[str, ...], Row]] = field(default_factory=list)
    """Table, key and scope before each migration that changed one, the first one first."""

    @property
    def table(self) -> str:
        """The table's name."""
        return self.tables[-1] if self.tables else self.name

    @property
    def naming(self) -> str:
        """The column of the key by which people tell rows apart."""
        return self.key[-1]

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that the catalog gives."""
        return tuple(column.name for column in self.columns)

    @property
    def given(self) -> set[str]:
        """The columns that any row gives; all of the key and the scope."""
        every = {*self.key, *self.scope}
        return every.union(*self.rows.values())

    @property
    def references(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.refers_to)

    def former(self) -> tuple[str, tuple[str, ...], Row]:
        """What the ledger knows the set by until a migration has changed it."""
        return self.table, self.key, self.scope

    def address(self, row: Row) -> str:
        return ",".join(str(row[name]) for name in self.key)

    def in_scope(self, row: Row) -> bool:
        return all(row[name] == value for name, value in self.scope.items())

    def is_gone(self, row: Row) -> bool:
        return self.deleted is not None and row[self.deleted] == "true"


@dataclass
class Entry:
    """What the ledger knows of a row; values are as the table holds them."""

    pk: int | None
    state: str = "a"
    asked: Row = field(default_factory=dict)
    symbols: Row = field(default_factory=dict)
    """Of reference columns: the row key asked for."""
    stored: Row = field(default_factory=dict)
    """Where the table made something else of what was asked."""
    unknown: set[str] = field(default_factory=set)
    omitted: set[str] = field(default_factory=set)
    """Those among them that the row never gave."""
    offered: Row = field(default_factory=dict)
    moved: Row = field(default_factory=dict)
    """Key columns that the catalog has changed and the table has not: what they were before."""
    marks: dict[str, tuple[Value, Value]] = field(default_factory=dict)
    """What `removed: {set: ...}` wrote: the values before and after."""
    inserted_by: int | None = None
    """The run that inserted the row."""
    run: int = 0
    """The last run that wrote the entry."""
    removal_blocked: bool = False
    """It left the catalog and was kept against `removed: delete`."""

    @property
    def owning(self) -> bool:
        return self.state in OWNING

    def last_asked(self, name: str) -> Value:
        return self.moved.get(name, self.asked.get(name))

    def last_stored(self, name: str) -> Value:
        return self.stored.get(name, self.last_asked(name))


@dataclass
class Wanted:
    """A row of the catalog with its references looked up."""

    values: Row
    symbols: Row
    awaited: set[str] = field(default_factory=set)
    """References to rows of the same set that are not there yet."""
    blocked: bool = False
    """A row that it refers to is not there."""
    left_out: set[str] = field(default_factory=set)
    """Columns that the row does not give."""


@dataclass
class Table:
    """A live table, with the ledger's entries of its rows by row key."""

    live: dict[int, Row] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    seeded: bool = False
    known: set[str] = field(default_factory=set)
    """Columns that the ledger has."""
    given: set[str] = field(default_factory=set)
    """Columns that rows gave at the last update, or that somebody has yet to decide about."""
    trigger: Trigger | None = None
    key: tuple[str, ...] = ()
    """The key by which the ledger has the rows."""

    def write(self, pk: int, **values: Value) -> None:
        before = self.live[pk]
        self.live[pk] = self.rewritten(before | values, before)

    def insert(self, pk: int, row: Row) -> None:
        self.live[pk] = self.rewritten(dict(row), None)

    def rewritten(self, new: Row, before: Row | None) -> Row:
        return new if self.trigger is None else self.trigger.rewrite(new, before)
