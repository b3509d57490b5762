"""The merge in plain Python over dictionaries: what the database must look like.

Written from the tables of `seeder.merge.rules` and the description of identities, without
SQL, so that it can contradict the statements that seeder generates.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from seeder.merge.model import Conflict, Removed
from seeder.merge.plan import ColumnCase, RowAction
from seeder.merge.rules import (
    COLUMN_APPLIED,
    COLUMN_RULES,
    COLUMN_WRITES,
    IDENTITY_RULES,
    ROW_RULES,
    Identity,
    decide,
)

COLUMNS = ("one", "two")
Values = dict[str, str | None]


@dataclass
class Entry:
    pk: int | None
    state: str = "a"
    asked: Values = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    offered: Values = field(default_factory=dict)


@dataclass
class Live:
    key: str
    values: Values


@dataclass
class Policy:
    removed: Removed = Removed.KEEP
    conflict: Conflict = Conflict.KEEP


@dataclass
class Database:
    """Live rows by primary key, ledger entries by row key."""

    live: dict[int, Live] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    seeded: bool = False
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(-1, -1))

    def owning(self) -> dict[str, Entry]:
        return {key: e for key, e in self.entries.items() if e.state in "aks"}

    def place(self, key: str) -> tuple[Identity, int | None, bool]:
        """Where the live row of a key is, its primary key, and whether the ledger repoints."""
        entry = self.entries.get(key)
        at_pk = self.live.get(entry.pk) if entry and entry.pk is not None else None
        at_key = next((pk for pk, row in self.live.items() if row.key == key), None)
        owned = {e.pk for e in self.owning().values()}
        facts = {
            "entry": entry is not None,
            "at_primary_key": at_pk is not None,
            "same_key": at_pk is not None and at_pk.key == key,
            "other_key": at_pk is not None and at_pk.key in self.owning(),
            "at_key": at_key is not None,
            "owned": (entry is None or entry.state in "dr") and at_key in owned,
        }
        identity = decide(IDENTITY_RULES, facts).verdict
        if identity is Identity.AT_PRIMARY_KEY:
            return identity, entry.pk, False
        if identity is Identity.AT_KEY:
            return identity, at_key, entry is not None
        return identity, None, False

    def seed(self, desired: dict[str, Values], policy: Policy) -> None:
        """An update by hand: merge, and adopt what was there."""
        if not self.seeded and not self.live:
            for key, values in desired.items():
                self.insert(key, values)
        else:
            judged = [(key, *self.judge(key, values, policy)) for key, values in desired.items()]
            for key, *verdict in judged:
                self.apply(key, desired[key], *verdict)
            gone = [key for key, e in self.entries.items() if e.state == "a" and key not in desired]
            for key, action, pk in [(key, *self.judge_gone(key, policy)) for key in gone]:
                self.remove(key, action, pk)
        self.seeded = True

    def insert(self, key: str, values: Values) -> None:
        pk = next(self.numbers)
        self.live[pk] = Live(key, dict(values))
        self.entries[key] = Entry(pk=pk, asked=dict(values))

    def judge(self, key: str, values: Values, policy: Policy):
        entry = self.entries.get(key)
        identity, pk, repointed = self.place(key)
        live = self.live[pk] if pk is not None else None
        cases: dict[str, ColumnCase] = {}
        if live is not None:
            for name in COLUMNS:
                known = entry is not None and name not in entry.unknown
                facts = {
                    "never": False,
                    "always": False,
                    "known": known,
                    "desired_is_asked": known and entry.asked[name] == values[name],
                    "live_is_stored": known and entry.asked[name] == live.values[name],
                    "live_is_desired": live.values[name] == values[name],
                    "offered": entry is not None
                    and name in entry.offered
                    and entry.offered[name] == values[name],
                    "overwrite": policy.conflict is Conflict.OVERWRITE,
                }
                cases[name] = decide(COLUMN_RULES, facts).verdict
        found = set(cases.values())
        withdrawn = entry is not None and any(
            cases.get(name) is ColumnCase.NOTHING for name in entry.offered
        )
        state = entry.state if entry else ""
        facts = {
            "desired": True,
            "entry": entry is not None,
            "active": state == "a",
            "kept": state == "k",
            "deleted": state == "d",
            "removed": state == "r",
            "unset": state == "s",
            "live": live is not None,
            "soft_deleted": False,
            "ambiguous": identity is Identity.AMBIGUOUS,
            "taken": identity is Identity.TAKEN,
            "blocked": False,
            "refresh": False,
            "moved": False,
            "writes": bool(found & COLUMN_WRITES),
            "conflicts": ColumnCase.CONFLICT in found,
            "records": ColumnCase.SETTLE in found or repointed or withdrawn,
            "on_removal_delete": False,
            "on_removal_set": False,
            "modified": False,
            "referenced": False,
        }
        return decide(ROW_RULES, facts), pk, cases

    def apply(self, key: str, values: Values, rule, pk: int | None, cases) -> None:
        if rule.verdict is RowAction.INSERT or (rule.verdict is RowAction.RESTORE and pk is None):
            self.insert(key, values)
            return
        if rule.verdict is RowAction.KEEP and "conflicts" not in rule.when.split():
            return
        entry = self.entries.setdefault(key, Entry(pk=pk))
        if pk is None:
            entry.state = "d"
            entry.offered.clear()  # moot; told again should the row come back
            return
        entry.pk, entry.state = pk, "a"
        for name, case in cases.items():
            if case in COLUMN_WRITES:
                self.live[pk].values[name] = values[name]
            if case in COLUMN_APPLIED:
                entry.asked[name] = values[name]
                entry.unknown.discard(name)
            if case is ColumnCase.CONFLICT:
                if name not in entry.asked:
                    entry.asked[name] = None
                    entry.unknown.add(name)
                entry.offered[name] = values[name]
            elif case is not ColumnCase.HELD:
                entry.offered.pop(name, None)

    def judge_gone(self, key: str, policy: Policy) -> tuple[RowAction, int | None]:
        entry = self.entries[key]
        identity, pk, _ = self.place(key)
        live = self.live[pk] if pk is not None else None
        modified = live is not None and (
            bool(entry.unknown)
            or live.key != key
            or any(live.values[name] != entry.asked[name] for name in COLUMNS)
        )
        facts = dict.fromkeys(
            ("desired", "kept", "deleted", "removed", "unset", "soft_deleted", "blocked"), False
        ) | {
            "entry": True,
            "active": True,
            "live": live is not None,
            "ambiguous": identity is Identity.AMBIGUOUS,
            "taken": identity is Identity.TAKEN,
            "refresh": False,
            "moved": False,
            "writes": False,
            "conflicts": False,
            "records": False,
            "on_removal_delete": policy.removed is Removed.DELETE,
            "on_removal_set": False,
            "modified": modified,
            "referenced": False,
        }
        return decide(ROW_RULES, facts).verdict, pk

    def remove(self, key: str, action: RowAction, pk: int | None) -> None:
        entry = self.entries[key]
        match action:
            case RowAction.RELEASE:
                entry.state = "k"
            case RowAction.RECORD:
                entry.state = "d"
            case RowAction.DELETE:
                entry.state = "r"
                del self.live[pk]
