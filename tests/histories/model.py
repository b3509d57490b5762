"""The merge in plain Python over dictionaries: what the database must look like.

Written from the tables of `seeder.merge.rules` and the description of identities, without
SQL, so that it can contradict the statements that seeder generates.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from seeder.merge.model import Conflict, Removed, Update
from seeder.merge.plan import ColumnCase, RowAction
from seeder.merge.rules import (
    COLUMN_APPLIED,
    COLUMN_FACTS,
    COLUMN_RULES,
    COLUMN_WRITES,
    IDENTITY_RULES,
    ROW_FACTS,
    ROW_RULES,
    Identity,
    Rule,
    decide,
)
from tests.histories.settling import SETTLED, Deleted, Run, Undoing, Written
from tests.histories.state import Column, Entry, Row, Set, Table, Value, Wanted

Place = tuple[Identity, int | None, bool]
"""Where a live row is, its primary key, and whether a soft-deleted row has its key."""
Verdict = tuple[Rule[RowAction], int | None, dict[str, ColumnCase]]


class Database:
    """The tables of some sets, and what seeder does to them."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.sets: dict[str, Set] = {}
        """The catalog of the present update."""
        self.numbers = itertools.count(-1, -1)
        """Primary keys of new rows, until it is known which the database has drawn."""
        self.run = Run()
        """What the present run writes."""

    def update(self, sets: Sequence[Set], number: int) -> None:
        """An update by hand: merge the sets, adopt what was there. Referenced sets come first."""
        self.run = Run(number=number)
        self.sets = {each.name: each for each in sets}
        for each in sets:
            self.merge(each)
        for each in reversed(sets):
            self.remove_leaving(each)

    # -- rows that the catalog asks for ---------------------------------------------------

    def merge(self, each: Set) -> None:
        table = self.tables[each.name]
        fresh = not table.seeded and not any(each.in_scope(row) for row in table.live.values())
        self.know_columns(each)
        self.follow_moves(each)
        wanted = {key: self.look_up(each, row) for key, row in each.rows.items()}
        self.follow_references(each, wanted)
        verdicts = self.judge_all(each, wanted)
        inserted = {
            key: next(self.numbers) for key, verdict in verdicts.items() if inserts(verdict)
        }
        for row in wanted.values():
            row.values |= {name: inserted.get(row.symbols[name]) for name in row.awaited}
        for key, pk in inserted.items():
            self.insert(each, key, wanted[key], pk)
        for key, verdict in verdicts.items():
            if key not in inserted and not fresh:
                self.apply(each, key, wanted[key], *verdict)
        table.seeded = True
        self.forget_columns(each)

    def know_columns(self, each: Set) -> None:
        """A column that is new in the catalog has its default as the value last applied."""
        table = self.tables[each.name]
        for name in each.given - table.known:
            column = each.column(name)
            for entry in table.entries.values():
                entry.asked[name] = None if column.varies else column.default
                if column.refers_to:
                    entry.symbols[name] = None
                if column.varies:
                    entry.unknown.add(name)
                    entry.unasked.add(name)
        table.known |= each.given

    def named(self, each: Set) -> set[str]:
        """The columns that the catalog has a say in."""
        table = self.tables[each.name]
        return each.given | table.given | (each.marks.keys() & table.known)

    def forget_columns(self, each: Set) -> None:
        """Columns that have left the set stay until no row has more than their default."""
        table = self.tables[each.name]
        held = {
            name
            for name in self.named(each) - each.given
            for entry in table.entries.values()
            if entry.owning and name not in entry.unknown
            if each.column(name).varies or entry.asked[name] != each.column(name).default
        }
        now = {
            name
            for name in each.given
            if each.column(name).update is not Update.NEVER and name not in each.scope
        }
        table.given = now | held

    def judge_all(self, each: Set, wanted: dict[str, Wanted]) -> dict[str, Verdict]:
        """The verdicts, once no row waits for another that is not going to be inserted."""
        while True:
            verdicts = {key: self.judge(each, key, row) for key, row in wanted.items()}
            lost = [
                row
                for row in wanted.values()
                if not row.blocked
                and any(not inserts(verdicts.get(row.symbols[name])) for name in row.awaited)
            ]
            if not lost:
                return verdicts
            for row in lost:
                row.blocked = True

    def judge(self, each: Set, key: str, wanted: Wanted) -> Verdict:
        entry = self.tables[each.name].entries.get(key)
        identity, pk, soft_deleted = self.place(each, entry, wanted.values)
        cases = {} if pk is None else self.cases(each, entry, wanted, pk)
        found = set(cases.values())
        offered = entry.offered if entry else {}
        withdrawn = any(cases.get(name) is ColumnCase.NOTHING for name in offered)
        state = entry.state if entry else ""
        facts = dict.fromkeys(ROW_FACTS, False) | {
            "desired": True,
            "entry": entry is not None,
            **states(state),
            "live": pk is not None,
            "soft_deleted": soft_deleted,
            "ambiguous": identity is Identity.AMBIGUOUS,
            "taken": identity is Identity.TAKEN,
            "blocked": wanted.blocked,
            "moved": entry is not None and bool(entry.moved),
            "reported": entry is not None and entry.stays,
            "writes": bool(found & COLUMN_WRITES),
            "conflicts": ColumnCase.CONFLICT in found,
            "lets_go": ColumnCase.LET_GO in found,
            "records": ColumnCase.SETTLE in found
            or withdrawn
            or (entry is not None and identity is Identity.AT_KEY),
        }
        return decide(ROW_RULES, facts), pk, cases

    def cases(
        self, each: Set, entry: Entry | None, wanted: Wanted, pk: int
    ) -> dict[str, ColumnCase]:
        table = self.tables[each.name]
        live = table.live[pk]
        found = {}
        for column in each.columns:
            name = column.name
            left_out = name in wanted.left_out
            if left_out and (entry is None or name not in self.named(each)):
                continue
            known = entry is not None and name not in entry.unknown
            desired = wanted.symbols[name] if column.refers_to else wanted.values[name]
            facts = dict.fromkeys(COLUMN_FACTS, False) | {
                "left_out": left_out,
                "varies": left_out and column.varies,
                "never": column.update is Update.NEVER and name in each.given,
                "always": column.update is Update.ALWAYS and not left_out,
                "known": known,
                "desired_is_asked": known and self.is_asked(column, entry, wanted),
                "live_is_stored": known and self.is_stored(column, entry, live),
                "live_is_desired": name not in wanted.awaited and live[name] == wanted.values[name],
                "offered": entry is not None
                and name in entry.offered
                and entry.offered[name] == desired,
                "overwrite": each.conflict is Conflict.OVERWRITE,
                "held": False,
            }
            found[name] = decide(COLUMN_RULES, facts).verdict
        return found

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

    def apply(
        self,
        each: Set,
        key: str,
        wanted: Wanted,
        rule: Rule[RowAction],
        pk: int | None,
        cases: dict[str, ColumnCase],
    ) -> None:
        table = self.tables[each.name]
        if rule.verdict is RowAction.SKIP:
            return
        if rule.verdict is RowAction.KEEP and rule.name != "changed_both":
            return
        entry = table.entries.get(key)
        adopted = entry is None
        if entry is None:
            entry = self.new_entry(each, wanted, pk)
            table.entries[key] = entry
        if adopted:
            entry.unasked.clear()
        self.record(entry)
        entry.offered.clear()
        entry.stays = False
        if pk is None:
            entry.state = "d"
            entry.marks.clear()
            return
        self.take_marks_off(each, entry, pk)
        entry.pk, entry.state = pk, "a"
        writes = {name: wanted.values[name] for name, c in cases.items() if c in COLUMN_WRITES}
        if writes:
            before = dict(table.live[pk])
            table.write(pk, **writes)
            self.note_written(each, key, before, table.live[pk], writes)
        for name, case in cases.items():
            refers = each.column(name).refers_to is not None
            if case in COLUMN_APPLIED:
                self.note_applied(entry, name, wanted, table.live[pk])
            elif case is ColumnCase.CONFLICT and adopted:
                entry.asked[name] = None
                if refers:
                    entry.symbols[name] = None
                entry.unknown.add(name)
            elif case is ColumnCase.LET_GO:
                entry.unknown.add(name)
                entry.unasked.add(name)
            if case in (ColumnCase.CONFLICT, ColumnCase.HELD):
                entry.offered[name] = wanted.symbols[name] if refers else wanted.values[name]
        entry.unasked -= (wanted.values.keys() & each.given) - wanted.left_out

    def record(self, entry: Entry) -> None:
        entry.run = self.run.number
        self.run.recorded += 1

    def note_written(
        self, each: Set, key: str, before: Row, after: Row, names: Iterable[str], **more: bool
    ) -> None:
        """Keep an image of a row that is updated."""
        images = ({name: row[name] for name in names} for row in (before, after))
        self.run.written.append(Written(each.name, key, *images, **more))

    def note_applied(self, entry: Entry, name: str, wanted: Wanted, live: Row) -> None:
        entry.asked[name] = wanted.values[name]
        if name in wanted.symbols:
            entry.symbols[name] = wanted.symbols[name]
        entry.unknown.discard(name)
        entry.unasked.discard(name)
        entry.moved.pop(name, None)
        entry.stored.pop(name, None)
        if live[name] != wanted.values[name]:
            entry.stored[name] = live[name]

    def insert(self, each: Set, key: str, wanted: Wanted, pk: int) -> None:
        table = self.tables[each.name]
        left_out = dict.fromkeys([*each.marks, *([each.deleted] if each.deleted else [])])
        defaults = {name: each.column(name).default for name in wanted.left_out}
        table.insert(pk, left_out | wanted.values | defaults)
        entry = self.new_entry(each, wanted, pk)
        for name in wanted.values.keys() - wanted.left_out:
            self.note_applied(entry, name, wanted, table.live[pk])
        self.record(entry)
        entry.born = self.run.number
        table.entries[key] = entry

    def new_entry(self, each: Set, wanted: Wanted, pk: int | None) -> Entry:
        """What a row asks for; of what it leaves out, the default where that is a constant."""
        entry = Entry(pk=pk, asked=dict(wanted.values), symbols=dict(wanted.symbols))
        for column in each.columns:
            if column.name in wanted.left_out and column.name in self.tables[each.name].known:
                entry.asked[column.name] = None if column.varies else column.default
                if column.varies:
                    entry.unknown.add(column.name)
                    entry.unasked.add(column.name)
        return entry

    # -- what people settle -----------------------------------------------------------------

    def undo(self, run: Run, by: int) -> dict[str, int]:
        """Take back what a run wrote, as far as it still stands."""
        self.run = Run(number=by)
        return Undoing(self.sets, self.tables, run, by).undo()

    def restore(self, each: Set, key: str, by: int) -> bool:
        """Bring back a row that somebody deleted, as the catalog has it."""
        self.run = Run(number=by)
        wanted, (rule, _, _) = self.judged(each, key)
        if rule.name not in ("deleted_before", "deleted_here") or wanted.blocked or wanted.awaited:
            return False
        self.insert(each, key, wanted, next(self.numbers))
        return True

    def resolve(self, each: Set, key: str, by: int, *, live: bool) -> bool:
        """Settle the conflicts of a row."""
        self.run = Run(number=by)
        wanted, (_, pk, cases) = self.judged(each, key)
        entry, table = self.tables[each.name].entries.get(key), self.tables[each.name]
        names = [name for name, case in cases.items() if case in SETTLED]
        if pk is None or entry is None or not names:
            return False
        if not live and (wanted.blocked or wanted.awaited):
            return False
        self.record(entry)
        if live:
            for name in names:
                entry.asked[name] = wanted.values[name]
                if name in wanted.symbols:
                    entry.symbols[name] = wanted.symbols[name]
                for part in (entry.offered, entry.stored, entry.moved):
                    part.pop(name, None)
                entry.unknown.discard(name)
            return True
        before = dict(table.live[pk])
        table.write(pk, **{name: wanted.values[name] for name in names})
        self.note_written(each, key, before, table.live[pk], names)
        for name in names:
            self.note_applied(entry, name, wanted, table.live[pk])
        entry.offered.clear()
        entry.stays = False
        entry.pk, entry.state = pk, "a"
        return True

    def judged(self, each: Set, key: str) -> tuple[Wanted, Verdict]:
        wanted = self.look_up(each, each.rows[key])
        return wanted, self.judge(each, key, wanted)

    # -- which live row is it -------------------------------------------------------------

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
            for other in self.sets.values():
                for column in other.references:
                    if column.refers_to == each.name:
                        self.follow(other, column.name, old, new)

    def follow(self, other: Set, name: str, old: str, new: str) -> None:
        table = self.tables[other.name]
        for entry in table.entries.values():
            if entry.symbols.get(name) == old:
                entry.symbols[name] = new
        if name in other.key:
            table.entries = {
                other.address(entry.asked | entry.symbols): entry
                for entry in table.entries.values()
            }

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

    # -- rows that have left the catalog --------------------------------------------------

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
            "reported": entry.stays,
        }
        return decide(ROW_RULES, facts).verdict, pk

    def is_modified(self, each: Set, entry: Entry, pk: int) -> bool:
        live = self.tables[each.name].live[pk]
        return bool(entry.unknown - entry.unasked) or not all(
            column.name in entry.unasked or self.is_stored(column, entry, live)
            for column in each.columns
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
                entry.stays = True
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


def inserts(verdict: Verdict | None) -> bool:
    return (
        verdict is not None
        and verdict[0].verdict in (RowAction.INSERT, RowAction.RESTORE)
        and verdict[1] is None
    )


def key_of(each: Set, values: Row) -> tuple[Value, ...]:
    return tuple(values[name] for name in each.key)


def states(state: str) -> dict[str, bool]:
    names = {"a": "active", "k": "kept", "d": "deleted", "r": "removed", "s": "unset"}
    return {name: letter == state for letter, name in names.items()}
