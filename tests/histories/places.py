"""Which live row is which, and what the catalog's references stand for."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from seeder.merge.model import Removed
from seeder.merge.rules import IDENTITY_RULES, Identity, decide
from tests.histories.settling import Run
from tests.histories.state import Column, Entry, Row, Set, Table, Value, Wanted

Place = tuple[Identity, int | None, bool]
"""Where a live row is, its primary key, and whether a soft-deleted row has its key."""


class Places:
    """The tables of some sets, and where their rows are."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.sets: dict[str, Set] = {}
        """The catalog of the present update."""
        self.numbers = itertools.count(-1, -1)
        """Primary keys of new rows, until it is known which the database has drawn."""
        self.run = Run()
        """What the present run writes."""
        self.runs: list[Run] = []
        """Runs that have written, and that nobody has undone."""

    def is_asked(self, column: Column, entry: Entry, wanted: Wanted) -> bool:
        """D = B; of a reference also where it names the same row otherwise."""
        name = column.name
        same_value = wanted.values[name] == entry.last_asked(name)
        if column.refers_to is None:
            return same_value
        same_symbol = name not in entry.moved and wanted.symbols[name] == entry.symbols[name]
        return same_symbol or (wanted.values[name] is not None and same_value)

    def is_stored(self, column: Column, entry: Entry, live: Row) -> bool:
        """L = B; of a reference also where the row that it named has another primary key now."""
        name = column.name
        if live[name] == entry.last_stored(name):
            return True
        return (
            column.refers_to is not None
            and live[name] is not None
            and live[name] == self.seeded_at(column.refers_to, entry.symbols.get(name))
        )

    def place(self, each: Set, entry: Entry | None, values: Row) -> Place:
        """Where the live row of an entry, or of a row of the catalog, is."""
        table = self.tables[each.name]
        key = key_of(each, values)
        here = {pk: row for pk, row in table.live.items() if each.in_scope(row)}
        at_key = next(
            (
                pk
                for pk, row in here.items()
                if key_of(each, row) == key and not each.is_gone(row) and None not in key
            ),
            None,
        )
        at_pk = here.get(entry.pk) if entry and entry.pk is not None else None
        marked = at_pk is not None and self.is_marked(each, entry, at_pk)
        if at_pk is not None and each.is_gone(at_pk) and (at_key is not None or not marked):
            at_pk = None
        others = [e for e in table.entries.values() if e is not entry and e.owning]
        if at_pk is not None and not entry.owning:
            claimed = entry.pk in [e.pk for e in others]
            asked_for = key_of(each, at_pk) in [key_of(each, row) for row in each.rows.values()]
            if claimed or (asked_for and key_of(each, at_pk) != key):
                at_pk = None
        facts = {
            "entry": entry is not None,
            "at_primary_key": at_pk is not None,
            "same_key": at_pk is not None and key_of(each, at_pk) == key,
            "other_key": at_pk is not None
            and key_of(each, at_pk) != key_of(each, entry.asked)
            and key_of(each, at_pk) in [key_of(each, e.asked) for e in others],
            "at_key": at_key is not None,
            "owned": (entry is None or entry.state in "dr")
            and at_key is not None
            and at_key in [e.pk for e in others],
        }
        identity = decide(IDENTITY_RULES, facts).verdict
        soft_deleted = at_key is None and any(
            key_of(each, row) == key and each.is_gone(row) for row in here.values()
        )
        if identity is Identity.AT_PRIMARY_KEY:
            return identity, entry.pk, soft_deleted
        return identity, at_key if identity is Identity.AT_KEY else None, soft_deleted

    def is_marked(self, each: Set, entry: Entry, row: Row) -> bool:
        """Whether it is seeder's own `removed: {set: ...}` that says that the row is deleted."""
        return (
            each.removed is Removed.SET
            and entry.state == "s"
            and each.deleted in entry.marks
            and row[each.deleted] == entry.marks[each.deleted][1]
        )

    # -- references -----------------------------------------------------------------------

    def look_up(self, each: Set, row: Row) -> Wanted:
        """A row of the catalog with the primary keys of the rows that it refers to."""
        wanted = Wanted(values=dict(row), symbols={})
        for column in each.columns:
            if column.name not in row:
                wanted.left_out.add(column.name)
                wanted.values[column.name] = None if column.varies else column.default
        for column in each.references:
            symbol = row.get(column.name)
            wanted.symbols[column.name] = symbol
            if symbol is None:
                continue
            there = self.find(column.refers_to, symbol)
            wanted.values[column.name] = there
            if there is None and column.refers_to == each.name:
                wanted.awaited.add(column.name)
            elif there is None:
                wanted.blocked = True
        return wanted

    def find(self, name: str, key: str) -> int | None:
        """The primary key of the row that a row key of the catalog stands for."""
        each, entry = self.sets[name], self.tables[name].entries.get(key)
        identity, pk, _ = self.place(each, entry, each.rows[key])
        return self.seeded_at(name, key) if identity is Identity.AMBIGUOUS else pk

    def seeded_at(self, name: str, key: Value) -> int | None:
        """The primary key of the row that the ledger has under a row key."""
        each, table = self.sets[name], self.tables[name]
        entry = table.entries.get(key)
        if entry is None or not entry.owning or entry.pk not in table.live:
            return None
        row = table.live[entry.pk]
        return entry.pk if each.in_scope(row) and not each.is_gone(row) else None

    def follow_moves(self, each: Set) -> None:
        """Entries take the keys that the catalog gives their rows; who refers to them follows."""
        entries = self.tables[each.name].entries
        for old, new in each.moved.items():
            if old not in entries or new in entries:
                continue
            entry = entries[new] = entries.pop(old)
            for name, was, now in zip(each.key, old.split(","), new.split(","), strict=True):
                if was != now:
                    entry.moved.setdefault(name, entry.asked[name])
                if each.column(name).refers_to is None:
                    entry.asked[name] = now
                elif was != now:
                    entry.symbols[name], entry.asked[name] = now, None
            self.follow(each, {old: new})

    def follow(self, each: Set, pairs: Mapping[str, str]) -> None:
        """Images and references go by the keys that the rows have now."""
        for run in self.runs:
            run.follow(each.name, pairs)
        for other in self.sets.values():
            for column in other.references:
                # What a column refers to that no row gives any more, nobody knows.
                if column.refers_to == each.name and column.name in other.given:
                    self.follow_reference(other, column.name, pairs)

    def follow_reference(self, other: Set, name: str, pairs: Mapping[str, str]) -> None:
        table = self.tables[other.name]
        for entry in table.entries.values():
            symbol = entry.symbols.get(name)
            entry.symbols[name] = pairs.get(symbol, symbol)
        if name in other.key:
            now = {
                key: other.address(row) if None not in [row[n] for n in other.key] else key
                for key, entry in table.entries.items()
                for row in [entry.asked | entry.symbols]
            }
            table.entries = {now[key]: entry for key, entry in table.entries.items()}
            self.follow(other, {old: new for old, new in now.items() if old != new})

    def follow_key(self, each: Set) -> None:
        """Entries of a set that has another key get it.

        From the row of the catalog that still gives the old key; else from the live row, where
        no reference is part of the key; else they stay known by the old one.
        """
        table = self.tables[each.name]
        before, table.key = table.key or each.key, each.key
        if before == each.key:
            return
        old = {
            key: tuple(
                None
                if name in entry.unknown
                else entry.symbols[name]
                if each.column(name).refers_to
                else entry.asked[name]
                for name in before
            )
            for key, entry in table.entries.items()
        }
        given = {tuple(row.get(name) for name in before): key for key, row in each.rows.items()}
        found: dict[str, tuple[int, bool, str, Row]] = {}
        for key, entry in table.entries.items():
            live = table.live.get(entry.pk, {})
            at = live if live and each.in_scope(live) else {}
            parts = [None if each.column(n).refers_to else at.get(n) for n in each.key]
            if None not in old[key] and old[key] in given:
                new = given[old[key]]
                how, row = 2, {name: each.rows[new][name] for name in each.key}
            elif None not in parts:
                how, row = 3, dict(zip(each.key, parts, strict=True))
                new = each.address(row)
            else:
                how, row, new = 4, dict.fromkeys(each.key), f"{key} ({', '.join(before)})"
            verdict = (how, not entry.owning, key, row)
            found[new] = min(found.get(new, verdict), verdict, key=lambda each: each[:3])
        entries, table.entries = table.entries, {}
        for new, (how, _, key, row) in found.items():
            entry = table.entries[new] = entries[key]
            for name in (set(before) - set(each.key)) & entry.moved.keys():
                # No part of the key any more: what was last asked for is what counts again.
                entry.asked[name] = entry.moved.pop(name)
                if each.column(name).refers_to:
                    entry.symbols[name] = None
            for name, value in row.items():
                held = entry.symbols if each.column(name).refers_to else entry.asked
                if held[name] != value:
                    if how == 2:
                        entry.moved.setdefault(name, entry.asked[name])
                    if each.column(name).refers_to:
                        entry.asked[name] = None
                held[name] = value
        self.follow(each, {key: new for new, (_, _, key, _) in found.items()})

    def follow_references(self, each: Set, wanted: dict[str, Wanted]) -> None:
        """An entry whose key names the same rows otherwise is the same entry."""
        entries = self.tables[each.name].entries
        if not any(each.column(name).refers_to for name in each.key):
            return
        for key, row in wanted.items():
            for old, entry in list(entries.items()):
                same = key_of(each, row.values) == key_of(each, entry.asked)
                if same and key not in entries and old not in wanted:
                    entries[key] = entries.pop(old)
                    entry.symbols |= {n: v for n, v in row.symbols.items() if n in each.key}
                    self.follow(each, {old: key})


def key_of(each: Set, values: Row) -> tuple[Value, ...]:
    return tuple(values[name] for name in each.key)


def states(state: str) -> dict[str, bool]:
    names = {"a": "active", "k": "kept", "d": "deleted", "r": "removed", "s": "unset"}
    return {name: letter == state for letter, name in names.items()}
