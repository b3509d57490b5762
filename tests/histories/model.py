"""The merge in plain Python over dictionaries: what the database must look like.

Written from the tables of `seeder.merge.rules` and the description of identities, without
SQL, so that it can contradict the statements that seeder generates.
"""

from __future__ import annotations

from collections.abc import Sequence

from seeder.merge.model import Conflict, Update
from seeder.merge.plan import ColumnCase, RowAction
from seeder.merge.rules import (
    COLUMN_APPLIED,
    COLUMN_FACTS,
    COLUMN_RULES,
    COLUMN_WRITES,
    ROW_FACTS,
    ROW_RULES,
    Identity,
    Rule,
    decide,
)
from tests.histories.leaving import Leaving
from tests.histories.places import key_of, states
from tests.histories.settling import SETTLED, Run, Undoing, collides
from tests.histories.state import Entry, Row, Set, Wanted

Verdict = tuple[Rule[RowAction], int | None, dict[str, ColumnCase]]


class Database(Leaving):
    """The tables of some sets, and what seeder does to them."""

    def update(self, sets: Sequence[Set], number: int) -> None:
        """An update by hand: merge the sets, adopt what was there. Referenced sets come first."""
        self.run = Run(number=number)
        self.sets = {each.name: each for each in sets}
        for each in sets:
            self.know_columns(each)
        for each in sets:
            self.follow_key(each)
        for each in sets:
            self.merge(each)
        for each in reversed(sets):
            self.remove_leaving(each)

    # -- rows that the catalog asks for ---------------------------------------------------

    def merge(self, each: Set) -> None:
        table = self.tables[each.name]
        fresh = not table.seeded and not any(each.in_scope(row) for row in table.live.values())
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
                    entry.omitted.add(name)
        table.known |= each.given

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
                return self.hold(each, wanted, verdicts)
            for row in lost:
                row.blocked = True

    def hold(
        self, each: Set, wanted: dict[str, Wanted], verdicts: dict[str, Verdict]
    ) -> dict[str, Verdict]:
        """Rows whose keys have moved to those of rows that stay keep theirs."""
        table, unique = self.tables[each.name], {*each.scope, *each.key}
        leaving = [
            key for key, e in table.entries.items() if e.state == "a" and key not in each.rows
        ]
        going = {
            pk
            for action, pk in (self.judge_leaving(each, key) for key in leaving)
            if action is RowAction.DELETE
        }
        while True:
            after = {pk: dict(row) for pk, row in table.live.items() if pk not in going}
            moving = {}
            for key, (_, pk, cases) in verdicts.items():
                written = {name for name, case in cases.items() if case in COLUMN_WRITES}
                if pk is not None and written:
                    after[pk] |= {name: wanted[key].values[name] for name in written}
                    if written & unique:
                        moving[key] = pk
            held = [key for key, pk in moving.items() if collides(after, pk, unique)]
            if not held:
                return verdicts
            for key in held:
                verdicts[key] = self.held(each, key, wanted[key], verdicts[key])

    def held(self, each: Set, key: str, wanted: Wanted, verdict: Verdict) -> Verdict:
        """The verdict on a row that wants what another one keeps."""
        rule, pk, cases = verdict
        offered = self.tables[each.name].entries[key].offered if rule.name != "adopted" else {}
        for name in {*each.scope, *each.key} & cases.keys():
            if cases[name] in COLUMN_WRITES:
                value = wanted.symbols.get(name, wanted.values[name])
                before = name in offered and offered[name] == value
                cases[name] = ColumnCase.HELD if before else ColumnCase.CONFLICT
        if not COLUMN_WRITES & set(cases.values()) and rule.name in ("unset", "moved", "changed"):
            name = "value_held" if ColumnCase.CONFLICT in cases.values() else "in_place"
            name = "unset_recorded" if rule.name == "unset" else name
            rule = next(each for each in ROW_RULES if each.name == name)
        return rule, pk, cases

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
            "reported": entry is not None and entry.removal_blocked,
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
        if rule.verdict is RowAction.KEEP and rule.name not in ("changed_both", "value_held"):
            return
        entry = table.entries.get(key)
        adopted = entry is None
        if entry is None:
            entry = self.new_entry(each, wanted, pk)
            table.entries[key] = entry
        if adopted:
            entry.omitted.clear()
        self.record(entry)
        entry.offered.clear()
        entry.removal_blocked = False
        entry.omitted -= (wanted.values.keys() & each.given) - wanted.left_out
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
                entry.omitted.add(name)
            if case in (ColumnCase.CONFLICT, ColumnCase.HELD):
                entry.offered[name] = wanted.symbols[name] if refers else wanted.values[name]

    def note_applied(self, entry: Entry, name: str, wanted: Wanted, live: Row) -> None:
        entry.asked[name] = wanted.values[name]
        if name in wanted.symbols:
            entry.symbols[name] = wanted.symbols[name]
        entry.unknown.discard(name)
        entry.omitted.discard(name)
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
        self.run.inserted += 1
        entry.inserted_by = self.run.number
        table.entries[key] = entry

    def new_entry(self, each: Set, wanted: Wanted, pk: int | None) -> Entry:
        """What a row asks for; of what it leaves out, the default where that is a constant."""
        entry = Entry(pk=pk, asked=dict(wanted.values), symbols=dict(wanted.symbols))
        for column in each.columns:
            if column.name in wanted.left_out and column.name in self.tables[each.name].known:
                entry.asked[column.name] = None if column.varies else column.default
                if column.varies:
                    entry.unknown.add(column.name)
                    entry.omitted.add(column.name)
        return entry

    # -- what people settle -----------------------------------------------------------------

    def undo(self, run: Run, by: int) -> dict[str, int]:
        """Take back what a run wrote, as far as it still stands."""
        self.run = Run(number=by)
        return Undoing(self.sets, self.tables, run, by).undo()

    def restore(self, each: Set, key: str, by: int) -> bool:
        """Bring back a row that somebody deleted: as it was, if it is still there, but marked."""
        self.run = Run(number=by)
        if self.revive(each, key):
            return True
        wanted, (rule, _, _) = self.judged(each, key)
        itself = {name for name in wanted.awaited if wanted.symbols[name] == key}
        gone = rule.name in ("deleted_before", "deleted_here")
        if not gone or wanted.blocked or wanted.awaited - itself:
            return False
        pk = next(self.numbers)
        wanted.values |= dict.fromkeys(itself, pk)
        self.insert(each, key, wanted, pk)
        return True

    def revive(self, each: Set, key: str) -> bool:
        """Take the mark off the row of a key, unless another has the key by now."""
        table = self.tables[each.name]
        entry = table.entries.get(key)
        if entry is None or each.deleted is None:
            return False
        wanted = key_of(each, self.look_up(each, each.rows[key]).values)
        here = {pk: row for pk, row in table.live.items() if each.in_scope(row)}
        named = [pk for pk, row in here.items() if key_of(each, row) == wanted]
        marked = [pk for pk in (entry.pk, *named) if pk in here and each.is_gone(here[pk])]
        if not marked or any(not each.is_gone(here[pk]) for pk in named):
            return False
        before = {each.deleted: here[marked[0]][each.deleted]}
        table.write(marked[0], **{each.deleted: "false"})
        self.note_written(each, key, before, table.live[marked[0]], [each.deleted])
        self.record(entry)
        entry.pk, entry.state = marked[0], "a"
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
        entry.removal_blocked = False
        entry.pk, entry.state = pk, "a"
        return True

    def judged(self, each: Set, key: str) -> tuple[Wanted, Verdict]:
        wanted = self.look_up(each, each.rows[key])
        return wanted, self.judge(each, key, wanted)


def inserts(verdict: Verdict | None) -> bool:
    return (
        verdict is not None
        and verdict[0].verdict in (RowAction.INSERT, RowAction.RESTORE)
        and verdict[1] is None
    )
