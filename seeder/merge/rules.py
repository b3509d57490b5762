"""The rules of the three-way merge, written once.

Each table is an ordered list of rules over a few named facts; the first rule whose facts
all hold gives the verdict. Python evaluates the tables with `decide`; the database side
generates its CASE expressions from the same tables (`seeder/database/judging/facts.py`), and a
property test holds the two against each other.

The letters of the literature: D is the desired value, L the live one, B the base: the
value last applied, once as it was asked for and once as the table stored it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Generic, TypeVar

from msgspec import Struct

from seeder.merge.plan import ColumnCase, RowAction

Verdict = TypeVar("Verdict", bound=StrEnum)


class Report(StrEnum):
    """What a reader is told where a rule decides."""

    DONE = "done"
    """What happens, with its reason."""
    SILENT = "silent"
    """Nothing: there is nothing to do, or it was reported before."""
    KEPT = "kept"
    """That a person's change or deletion stands."""
    CONFLICT = "conflict"
    """That a person should look at it."""


class Rule(Struct, Generic[Verdict], frozen=True):
    """A verdict that holds when all of `when` are as stated.

    `when` is written as words: a fact's name means that it holds, a leading `!` that it
    does not. Code refers to a rule by its name; `reason` is for people alone.
    """

    name: str
    when: str
    verdict: Verdict
    reason: str
    report: Report = Report.DONE

    @property
    def conditions(self) -> tuple[tuple[str, bool], ...]:
        """Fact names, each with the truth value that this rule wants."""
        return tuple((word.lstrip("!"), not word.startswith("!")) for word in self.when.split())


def decide(rules: Sequence[Rule[Verdict]], facts: Mapping[str, bool]) -> Rule[Verdict]:
    """The first rule that holds; the last rule of every table holds always."""
    for rule in rules:
        if all(facts[name] is wanted for name, wanted in rule.conditions):
            return rule
    raise AssertionError("a table of rules ends with a rule that always holds")


def number_of(rules: Sequence[Rule[Verdict]], name: str) -> int:
    """The number of the rule with this name; raises StopIteration where there is none."""
    return next(n for n, rule in enumerate(rules) if rule.name == name)


def numbers_with(
    rules: Sequence[Rule[Verdict]], wanted: Callable[[Rule[Verdict]], bool]
) -> list[int]:
    """The numbers of the rules that meet a condition, in their order."""
    return [n for n, rule in enumerate(rules) if wanted(rule)]


# -- one column -------------------------------------------------------------------------

COLUMN_FACTS = {
    "never": "the column is written on insert only",
    "always": "the column is written at every update",
    "known": "the value last applied is known",
    "desired_is_asked": "D = B: the catalog asks for what it asked for last time",
    "live_is_stored": "L = B: nobody has changed the value since seeder stored it",
    "live_is_desired": "L = D",
    "offered": "this very desired value was offered before and kept out",
    "overwrite": "the set says `conflict: overwrite`",
    "held": "it is to be written, and a row that stays as it is holds the value, which is unique",
    "left_out": "the row does not give the column; D is its constant default, or NULL",
    "varies": "... and it has neither: its default varies from row to row",
    "merges": "the column is merged inside, `merge: set`, `map` or `list`",
    "merged": "... and that has been done with the live value as it is",
    "merge_writes": "... with another document than the live one as its outcome",
    "merge_conflicts": "... and a part in conflict for the first time",
    "merge_records": "... and other parts than before count as asked for",
}

COLUMN_RULES: tuple[Rule[ColumnCase], ...] = (
    Rule("insert_only", "never", ColumnCase.NOTHING, "written on insert only"),
    Rule("never_asked", "left_out !known", ColumnCase.NOTHING, "the row does not give it"),
    Rule(
        "let_go",
        "left_out varies",
        ColumnCase.LET_GO,
        "the row no longer gives it; its default varies, so the live value stays",
    ),
    Rule(
        "held_before",
        "held offered",
        ColumnCase.HELD,
        "another row holds this unique value; reported before, the live value stays",
    ),
    Rule(
        "held",
        "held",
        ColumnCase.CONFLICT,
        "another row holds this unique value; the live value stays",
    ),
    Rule(
        "always_in_place",
        "always live_is_desired desired_is_asked",
        ColumnCase.NOTHING,
        "already as desired",
    ),
    Rule(
        "always_settled",
        "always live_is_desired",
        ColumnCase.SETTLE,
        "live already has the desired value",
    ),
    Rule(
        "always_as_stored",
        "always known live_is_stored desired_is_asked",
        ColumnCase.NOTHING,
        "still what the table made of the catalog's value",
    ),
    Rule("always", "always", ColumnCase.ALWAYS, "the catalog's value is written at every update"),
    Rule(
        "nothing_new",
        "known desired_is_asked",
        ColumnCase.NOTHING,
        "the catalog asks for nothing new",
    ),
    Rule("settled", "live_is_desired", ColumnCase.SETTLE, "live already has the desired value"),
    Rule(
        "to_default",
        "left_out live_is_stored",
        ColumnCase.UPDATE,
        "the row no longer gives it; back to the column's default",
    ),
    Rule("untouched", "known live_is_stored", ColumnCase.UPDATE, "unchanged since seeder wrote it"),
    Rule("unmerged", "known merges !merged", ColumnCase.MERGE, "merged inside"),
    Rule(
        "merged_in_part",
        "known merges merge_writes merge_conflicts",
        ColumnCase.MERGE,
        "merged inside; some parts were changed here as well and stay",
    ),
    Rule("merged", "known merges merge_writes", ColumnCase.MERGE, "merged inside"),
    Rule(
        "parts_changed_here",
        "known merges merge_conflicts",
        ColumnCase.CONFLICT,
        "parts were changed here as well; they stay",
    ),
    Rule(
        "parts_settled",
        "known merges merge_records",
        ColumnCase.SETTLE,
        "live already has the desired parts",
    ),
    Rule(
        "parts_offered_before",
        "known merges",
        ColumnCase.HELD,
        "parts were changed here as well; reported before, they stay",
    ),
    Rule(
        "overwritten",
        "overwrite",
        ColumnCase.OVERWRITE,
        "changed here as well; the catalog's value wins",
    ),
    Rule(
        "offered_before",
        "offered",
        ColumnCase.HELD,
        "changed here as well; reported before, the live value stays",
    ),
    Rule(
        "changed_here", "known", ColumnCase.CONFLICT, "changed here as well; the live value stays"
    ),
    Rule("here_before", "", ColumnCase.CONFLICT, "was here before seeder; the live value stays"),
)

COLUMN_WRITES = frozenset(
    {ColumnCase.UPDATE, ColumnCase.OVERWRITE, ColumnCase.ALWAYS, ColumnCase.MERGE}
)
"""Cases in which the table's value is written."""

COLUMN_APPLIED = COLUMN_WRITES | {ColumnCase.SETTLE}
"""Cases after which the ledger says that the desired value was applied."""


# -- which live row is it ---------------------------------------------------------------


class Identity(StrEnum):
    """Where the live row of a catalog row or ledger entry is."""

    AT_PRIMARY_KEY = "at-primary-key"
    AT_KEY = "at-key"
    GONE = "gone"
    AMBIGUOUS = "ambiguous"
    TAKEN = "taken"


IDENTITY_FACTS = {
    "entry": "the ledger has an entry for the row",
    "at_primary_key": "a live row has the primary key that the ledger knows;"
    " if the entry has no claim on it any more, nobody else has one either",
    "same_key": "... and the natural key of this row",
    "other_key": "... and a natural key that belongs to another entry",
    "at_key": "a live row has the natural key of this row",
    "owned": "... and belongs to another entry, which was renamed to this key by a person;"
    " never so for an active entry, whose key no other entry can claim",
}

IDENTITY_RULES: tuple[Rule[Identity], ...] = (
    Rule("same_row", "entry at_primary_key same_key", Identity.AT_PRIMARY_KEY, "the same row"),
    Rule(
        "key_reused_and_found",
        "entry at_primary_key other_key at_key !owned",
        Identity.AT_KEY,
        "its primary key was reused; found again under its key",
    ),
    Rule(
        "key_reused", "entry at_primary_key other_key", Identity.GONE, "its primary key was reused"
    ),
    Rule(
        "renamed_and_replaced",
        "entry at_primary_key at_key",
        Identity.AMBIGUOUS,
        "renamed here, while another row has taken its key",
    ),
    Rule("renamed", "entry at_primary_key", Identity.AT_PRIMARY_KEY, "renamed here"),
    Rule(
        "recreated",
        "entry at_key !owned",
        Identity.AT_KEY,
        "re-created here under a new primary key",
    ),
    Rule(
        "entry_key_taken",
        "entry at_key",
        Identity.TAKEN,
        "another seeded row was renamed to its key",
    ),
    Rule("entry_gone", "entry", Identity.GONE, "no live row"),
    Rule("key_taken", "at_key owned", Identity.TAKEN, "another seeded row was renamed to this key"),
    Rule("at_key", "at_key", Identity.AT_KEY, "a live row has this key"),
    Rule("no_row", "", Identity.GONE, "no live row"),
)


# -- one row ----------------------------------------------------------------------------


class EntryState(StrEnum):
    """What the ledger last knew of a row; the values are what it stores."""

    ACTIVE = "a"
    KEPT = "k"
    """Left the catalog and was kept."""
    DELETED = "d"
    """A person deleted it (or an undo did): never inserted again by a run."""
    REMOVED = "r"
    """Left the catalog and was deleted by seeder."""
    SET = "s"
    """Left the catalog and had its `removed: {set: ...}` values written."""


ROW_FACTS = {
    "desired": "the catalog has the row",
    "entry": "the ledger has an entry for it",
    "active": "... in state ACTIVE",
    "kept": "... in state KEPT",
    "deleted": "... in state DELETED",
    "removed": "... in state REMOVED",
    "unset": "... in state SET",
    "live": "there is a live row",
    "soft_deleted": "... marked as deleted in its soft-delete column",
    "ambiguous": "which live row it is cannot be told",
    "taken": "its key belongs to another seeded row",
    "blocked": "a row that it refers to is not there",
    "held": "a row that stays as it is holds a unique value which it wants",
    "told": "that it waits for another row was reported before",
    "refresh": "the run rewrites everything (mode refresh)",
    "moved": "its key changed in the catalog",
    "writes": "a column is to be written",
    "conflicts": "a column is in conflict for the first time",
    "lets_go": "a column is no longer given, and has no constant default",
    "records": "a column settles, or the ledger must learn where the row is",
    "on_removal_delete": "the set says `removed: delete`",
    "on_removal_set": "the set says `removed: {set: ...}`",
    "modified": "a person changed the row since seeder stored it",
    "referenced": "another row refers to it",
    "protected": "a trigger kept it when it was to be deleted, which was reported",
    "reported": "it left the catalog before; that it stays all the same was reported",
}

_STANDS = "deleted here; stays deleted"
_WAITS = "refers to a row that is not there"
_MARK_HELD = "back in the catalog; another row holds the unique value that it had before"
_STILL_WAITS = "waits for another row, as reported before"

ROW_RULES: tuple[Rule[RowAction], ...] = (
    Rule(
        "ambiguous",
        "ambiguous",
        RowAction.KEEP,
        "which live row it is cannot be told",
        Report.CONFLICT,
    ),
    Rule(
        "taken_deleted",
        "taken deleted !refresh",
        RowAction.KEEP,
        "deleted here, and its key has another owner",
        Report.KEPT,
    ),
    Rule(
        "taken",
        "taken",
        RowAction.KEEP,
        "another seeded row was renamed to this key",
        Report.CONFLICT,
    ),
    # The catalog has the row, and no live row is there.
    Rule(
        "soft_deleted", "desired !live soft_deleted !entry", RowAction.RECORD, _STANDS, Report.KEPT
    ),
    Rule(
        "new_blocked_before",
        "desired !live blocked !entry told",
        RowAction.KEEP,
        _STILL_WAITS,
        Report.SILENT,
    ),
    Rule("new_blocked", "desired !live blocked !entry", RowAction.SKIP, _WAITS),
    Rule(
        "new_held_before",
        "desired !live held !entry told",
        RowAction.KEEP,
        _STILL_WAITS,
        Report.SILENT,
    ),
    Rule(
        "new_held",
        "desired !live held !entry",
        RowAction.KEEP,
        "another row holds a unique value that it wants",
        Report.CONFLICT,
    ),
    Rule("new", "desired !live !entry", RowAction.INSERT, "new in the catalog"),
    Rule(
        "refresh_blocked",
        "desired !live refresh blocked",
        RowAction.SKIP,
        _WAITS,
    ),
    Rule(
        "refreshed",
        "desired !live refresh",
        RowAction.INSERT,
        "missing here; refresh brings it back",
    ),
    Rule(
        "returned_blocked_before",
        "desired !live removed blocked told",
        RowAction.KEEP,
        _STILL_WAITS,
        Report.SILENT,
    ),
    Rule("returned_blocked", "desired !live removed blocked", RowAction.SKIP, _WAITS),
    Rule("returned", "desired !live removed", RowAction.RESTORE, "back in the catalog"),
    Rule("deleted_before", "desired !live deleted", RowAction.KEEP, _STANDS, Report.KEPT),
    Rule("deleted_here", "desired !live", RowAction.RECORD, _STANDS, Report.KEPT),
    # The catalog has the row, and a live row is there.
    Rule("blocked_before", "desired blocked told", RowAction.KEEP, _STILL_WAITS, Report.SILENT),
    Rule("blocked", "desired blocked", RowAction.SKIP, _WAITS),
    Rule(
        "adopted",
        "desired !entry",
        RowAction.ADOPT,
        "already here; seeder looks after it from now on",
    ),
    Rule(
        "unset_held",
        "desired unset writes held",
        RowAction.RESTORE,
        _MARK_HELD,
        Report.CONFLICT,
    ),
    Rule(
        "unset_recorded_held",
        "desired unset held",
        RowAction.RECORD,
        _MARK_HELD,
        Report.CONFLICT,
    ),
    Rule("unset", "desired unset writes", RowAction.RESTORE, "back in the catalog"),
    Rule("unset_recorded", "desired unset", RowAction.RECORD, "back in the catalog"),
    Rule("moved", "desired moved writes", RowAction.MOVE, "its key changed in the catalog"),
    Rule("changed", "desired writes", RowAction.UPDATE, "the catalog has changed"),
    Rule(
        "value_held",
        "desired conflicts held",
        RowAction.KEEP,
        "another row holds a unique value that it wants",
        Report.CONFLICT,
    ),
    Rule(
        "changed_both",
        "desired conflicts",
        RowAction.KEEP,
        "changed here and in the catalog",
        Report.CONFLICT,
    ),
    Rule(
        "let_go",
        "desired lets_go",
        RowAction.RECORD,
        "no longer gives a column that has no constant default; its value stays",
    ),
    Rule("back", "desired !active", RowAction.RECORD, "back in the catalog"),
    Rule("back_from_staying", "desired reported", RowAction.RECORD, "back in the catalog"),
    Rule("settled", "desired records", RowAction.RECORD, "live already is as desired"),
    Rule("in_place", "desired", RowAction.KEEP, "nothing to do", Report.SILENT),
    # The catalog has it no longer.
    Rule("left_before", "!active", RowAction.KEEP, "nothing to do", Report.SILENT),
    Rule(
        "left_deleted_here",
        "!live",
        RowAction.RECORD,
        "left the catalog, and was deleted here",
        Report.KEPT,
    ),
    Rule(
        "left_modified_before",
        "on_removal_delete modified reported",
        RowAction.KEEP,
        "nothing to do",
        Report.SILENT,
    ),
    Rule(
        "left_modified",
        "on_removal_delete modified",
        RowAction.KEEP,
        "left the catalog, but was changed here",
        Report.CONFLICT,
    ),
    Rule(
        "left_referenced_before",
        "on_removal_delete referenced reported",
        RowAction.KEEP,
        "nothing to do",
        Report.SILENT,
    ),
    Rule(
        "left_referenced",
        "on_removal_delete referenced",
        RowAction.KEEP,
        "left the catalog, but other rows refer to it",
        Report.CONFLICT,
    ),
    Rule(
        "left_protected_before",
        "on_removal_delete protected",
        RowAction.KEEP,
        "nothing to do",
        Report.SILENT,
    ),
    Rule("left_deleted", "on_removal_delete", RowAction.DELETE, "left the catalog"),
    Rule("left_marked", "on_removal_set", RowAction.REMOVE, "left the catalog"),
    Rule("left_kept", "", RowAction.RELEASE, "left the catalog; kept"),
)
