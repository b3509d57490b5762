"""What `undo`, `restore` and `resolve` do, in plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from seeder.merge.plan import ColumnCase
from tests.histories.state import Entry, Row, Set, Table, Value

SETTLED = {ColumnCase.CONFLICT, ColumnCase.HELD}


@dataclass
class Written:
    """A row that a run updated: its columns before and after."""

    name: str
    key: str
    before: Row
    after: Row
    marks: bool = False
    """It had left the catalog, and `removed: {set: ...}` was written."""
    names: list[str] = field(default_factory=list)
    """The columns that an undo sets back."""


@dataclass
class Deleted:
    """A row that a run deleted."""

    name: str
    key: str
    pk: int
    row: Row


@dataclass
class Run:
    """What a run wrote, as its images tell."""

    number: int = 0
    written: list[Written] = field(default_factory=list)
    deleted: list[Deleted] = field(default_factory=list)
    inserted: int = 0

    def images(self, name: str) -> Iterator[Row]:
        """The rows of a set as they were before and after."""
        for each in self.written:
            if each.name == name:
                yield from (each.before, each.after)
        for gone in self.deleted:
            if gone.name == name:
                yield gone.row

    def follow(self, name: str, pairs: Mapping[str, str]) -> None:
        """Images of rows that have other keys now are theirs all the same."""
        for each in (*self.written, *self.deleted):
            if each.name == name:
                each.key = pairs.get(each.key, each.key)


class Undoing:
    """An undo of one run."""

    def __init__(self, sets: dict[str, Set], tables: dict[str, Table], run: Run, by: int) -> None:
        self.sets, self.tables, self.run, self.by = sets, tables, run, by
        self.counts: Counter[str] = Counter()

    def undo(self) -> dict[str, int]:
        """Take the run back; returns the rows by action."""
        inserted = self.judge_inserted()
        gone = self.delete(inserted)
        for name in self.sets:
            self.bring_back([each for each in self.deleted() if each.name == name])
        self.set_back()
        gone |= self.delete({key: e for key, e in inserted.items() if key not in gone})
        self.counts["delete"] += len(gone)
        self.counts["keep"] += len(inserted) - len(gone) + self.kept_inserted
        return {name: number for name, number in self.counts.items() if number}

    # -- rows that the run inserted ---------------------------------------------------------

    def judge_inserted(self) -> dict[tuple[str, str], Entry]:
        """Those that may be deleted; what is not there counts for nothing."""
        found, self.kept_inserted = {}, 0
        for name, each in self.sets.items():
            table = self.tables[name]
            for key, entry in table.entries.items():
                if (
                    entry.inserted_by != self.run.number
                    or not entry.owning
                    or entry.pk not in table.live
                ):
                    continue
                live = table.live[entry.pk]
                changed = bool(entry.unknown - entry.omitted) or not all(
                    column.name in entry.omitted
                    or live[column.name] == entry.last_stored(column.name)
                    for column in each.columns
                    if column.name in table.known or column.name in each.given
                )
                if entry.run != self.run.number or changed:
                    self.kept_inserted += 1
                else:
                    found[name, key] = entry
        return found

    def delete(self, inserted: dict[tuple[str, str], Entry]) -> set[tuple[str, str]]:
        """Delete the rows to which none refers that stays."""
        going = dict(inserted)
        while True:
            leaving = {(name, entry.pk) for (name, _), entry in going.items()}
            held = {
                (other.refers_to, row[other.name])
                for name, each in self.sets.items()
                for other in each.references
                if other.constrained
                for pk, row in self.tables[name].live.items()
                if (name, pk) not in leaving
            }
            rest = {key: entry for key, entry in going.items() if (key[0], entry.pk) not in held}
            if len(rest) == len(going):
                break
            going = rest
        for (name, _), entry in going.items():
            del self.tables[name].live[entry.pk]
            entry.state, entry.run = "d", self.by
        return set(going)

    # -- rows that the run deleted ----------------------------------------------------------

    def deleted(self) -> list[Deleted]:
        """Those of which the ledger still says so."""
        found = []
        for each in self.run.deleted:
            entry = self.tables[each.name].entries.get(each.key)
            if entry and (
                entry.state == "r" or (entry.state == "d" and entry.run == self.run.number)
            ):
                found.append(each)
        return found

    def bring_back(self, rows: list[Deleted]) -> None:
        coming = list(rows)
        while True:
            rest = [row for row in coming if self.may_come(row, coming)]
            if len(rest) == len(coming):
                break
            coming = rest
        for each in coming:
            table = self.tables[each.name]
            table.insert(each.pk, dict(each.row))
            entry = table.entries[each.key]
            entry.state, entry.run = "a" if entry.state == "d" else "k", self.by
        self.counts["restore"] += len(coming)
        self.counts["keep"] += len(rows) - len(coming)

    def may_come(self, each: Deleted, coming: list[Deleted]) -> bool:
        the_set, live = self.sets[each.name], self.tables[each.name].live
        if not each.row.keys() >= {*the_set.key}:
            return False  # the key came later, must not be NULL, and no value of it was kept
        key = [each.row[name] for name in the_set.key]
        taken = each.pk in live or any(
            [row[name] for name in the_set.key] == key for row in live.values()
        )
        lost = [
            column
            for column in the_set.references
            if column.constrained
            and each.row[column.name] is not None
            and each.row[column.name] not in self.tables[column.refers_to].live
            and (
                column.refers_to != each.name
                or each.row[column.name] not in [other.pk for other in coming]
            )
        ]
        return not taken and not lost

    # -- rows that the run updated ----------------------------------------------------------

    def set_back(self) -> None:
        for name in self.sets:
            table = self.tables[name]
            rows = [each for each in self.run.written if each.name == name]
            judged = [each for each in rows if self.judge_written(each)]
            self.keep_held(name, judged)
            for each in judged:
                if not each.names:
                    self.counts["keep"] += 1
                    continue
                self.counts["update"] += 1
                entry = table.entries[each.key]
                table.write(entry.pk, **{column: each.before[column] for column in each.names})
                if each.marks and entry.state == "s":
                    self.unmark(entry, each, table)

    def judge_written(self, each: Written) -> bool:
        """Find the columns that still hold what the run wrote; False: there is nothing to do."""
        the_set, table = self.sets[each.name], self.tables[each.name]
        entry = table.entries.get(each.key)
        row = table.live.get(entry.pk) if entry else None
        each.names = []
        if row is None:
            return True
        moot = 0
        for column, after in each.after.items():
            before = each.before[column]
            if row[column] == after and before != after and self.is_there(the_set, column, before):
                each.names.append(column)
            moot += row[column] == before
        return bool(each.names) or moot < len(each.after)

    def is_there(self, each: Set, name: str, value: Value) -> bool:
        column = next((column for column in each.columns if column.name == name), None)
        if column is None or not column.constrained or value is None:
            return True
        return value in self.tables[column.refers_to].live

    def keep_held(self, name: str, rows: list[Written]) -> None:
        """Keys that other rows have in the end are not set back."""
        the_set, table = self.sets[name], self.tables[name]
        unique = (*the_set.scope, *the_set.key)
        while True:
            after = {pk: dict(row) for pk, row in table.live.items()}
            for each in rows:
                if each.names:
                    pk = table.entries[each.key].pk
                    after[pk] |= {column: each.before[column] for column in each.names}
            taken = [
                each
                for each in rows
                if set(each.names) & set(unique)
                if collides(after, table.entries[each.key].pk, unique)
            ]
            if not taken:
                return
            for each in taken:
                each.names = [column for column in each.names if column not in unique]

    def unmark(self, entry: Entry, each: Written, table: Table) -> None:
        for column in each.names:
            entry.marks.pop(column, None)
            if column in table.known:
                entry.asked[column] = each.before[column]
                entry.stored.pop(column, None)
        if not entry.marks:
            entry.state = "k"


def collides(rows: dict[int, Row], pk: int, unique: Iterable[str]) -> bool:
    """Whether another row has the same values in these columns."""
    names = list(unique)
    mine = [rows[pk][name] for name in names]
    return any([row[name] for name in names] == mine for n, row in rows.items() if n != pk)
