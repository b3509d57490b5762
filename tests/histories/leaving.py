"""What becomes of rows that have left the catalog."""

from __future__ import annotations

from collections.abc import Iterable

from seeder.merge.model import Removed
from seeder.merge.plan import RowAction
from seeder.merge.rules import ROW_FACTS, ROW_RULES, Identity, decide
from tests.histories.places import Places, states
from tests.histories.settling import Deleted, Written
from tests.histories.state import Entry, Row, Set


class Leaving(Places):
    """Rows leave the catalog."""

    def remove_leaving(self, each: Set) -> None:
        entries = self.tables[each.name].entries
        leaving = [key for key, e in entries.items() if e.state == "a" and key not in each.rows]
        verdicts = {key: self.judge_leaving(each, key) for key in leaving}
        while held := self.held_by_own_rows(each, verdicts):
            for key in held:
                verdicts[key] = RowAction.KEEP, verdicts[key][1]
        for key, (action, pk) in verdicts.items():
            self.remove(each, key, action, pk)

    def held_by_own_rows(
        self, each: Set, verdicts: dict[str, tuple[RowAction, int | None]]
    ) -> list[str]:
        """Rows about to be deleted that rows of the same table refer to which stay."""
        deleted = {pk: key for key, (action, pk) in verdicts.items() if action is RowAction.DELETE}
        return [
            deleted[row[column.name]]
            for pk, row in self.tables[each.name].live.items()
            for column in each.references
            if column.refers_to == each.name and column.constrained
            if pk not in deleted and row[column.name] in deleted
        ]

    def judge_leaving(self, each: Set, key: str) -> tuple[RowAction, int | None]:
        entry = self.tables[each.name].entries[key]
        identity, pk, _ = self.place(each, entry, entry.asked)
        facts = dict.fromkeys(ROW_FACTS, False) | {
            "entry": True,
            **states(entry.state),
            "live": pk is not None,
            "ambiguous": identity is Identity.AMBIGUOUS,
            "taken": identity is Identity.TAKEN,
            "on_removal_delete": each.removed is Removed.DELETE,
            "on_removal_set": each.removed is Removed.SET,
            "modified": pk is not None and self.is_modified(each, entry, pk),
            "referenced": pk is not None and self.is_referenced(each, pk),
            "reported": entry.removal_blocked,
        }
        return decide(ROW_RULES, facts).verdict, pk

    def is_modified(self, each: Set, entry: Entry, pk: int) -> bool:
        """In a column that any row has given: of others the ledger has nothing to compare."""
        table = self.tables[each.name]
        return bool(entry.unknown - entry.omitted) or not all(
            column.name in entry.omitted or self.is_stored(column, entry, table.live[pk])
            for column in each.columns
            if column.name in table.known
        )

    def is_referenced(self, each: Set, pk: int) -> bool:
        return any(
            row[column.name] == pk
            for other in self.sets.values()
            if other is not each
            for column in other.references
            if column.refers_to == each.name and column.constrained
            for row in self.tables[other.name].live.values()
        )

    def remove(self, each: Set, key: str, action: RowAction, pk: int | None) -> None:
        entry = self.tables[each.name].entries[key]
        if action is not RowAction.KEEP:
            self.record(entry)
        match action:
            case RowAction.KEEP if each.removed is Removed.DELETE and pk is not None:
                entry.removal_blocked = True
            case RowAction.RELEASE:
                entry.state, entry.pk = "k", pk
            case RowAction.RECORD:
                entry.state = "d"
            case RowAction.DELETE:
                entry.state = "r"
                row = self.tables[each.name].live.pop(pk)
                self.run.deleted.append(Deleted(each.name, key, pk, row))
            case RowAction.REMOVE:
                entry.state, entry.pk = "s", pk
                self.mark(each, key, pk)

    def mark(self, each: Set, key: str, pk: int) -> None:
        """Write the values of `removed: {set: ...}` where nobody has changed the row."""
        table = self.tables[each.name]
        entry = table.entries[key]
        before = table.live[pk]
        marked = {
            name: value
            for name, value in each.marks.items()
            if before[name] != value
            and (
                name not in table.known
                or (name not in entry.unknown and before[name] == entry.last_stored(name))
            )
        }
        if marked:
            table.write(pk, **marked)
        after = table.live[pk]
        self.note_written(each, key, before, after, marked, marks=True)
        entry.marks = {name: (before[name], after[name]) for name in marked}
        for name in marked:
            if name in table.known:
                entry.offered.pop(name, None)
                entry.asked[name] = marked[name]
                entry.stored.pop(name, None)
                if after[name] != marked[name]:
                    entry.stored[name] = after[name]

    def take_marks_off(self, each: Set, entry: Entry, pk: int) -> None:
        """Of columns that the catalog does not name; the others are merged like all columns."""
        table = self.tables[each.name]
        for name, (before, after) in entry.marks.items():
            if name not in self.named(each) and table.live[pk][name] == after:
                table.write(pk, **{name: before})
        entry.marks.clear()

    def named(self, each: Set) -> set[str]:
        """The columns that the catalog has a say in."""
        table = self.tables[each.name]
        return each.given | table.given | (each.marks.keys() & table.known)

    def record(self, entry: Entry) -> None:
        entry.run = self.run.number

    def note_written(
        self, each: Set, key: str, before: Row, after: Row, names: Iterable[str], **more: bool
    ) -> None:
        """Keep an image of a row that is updated."""
        images = ({name: row[name] for name in names} for row in (before, after))
        self.run.written.append(Written(each.name, key, *images, **more))
