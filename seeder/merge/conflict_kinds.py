"""What the conflicts of a run are about: for a hint that is true of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seeder.merge.plan import ColumnCase, RowChange
from seeder.merge.rules import COLUMN_RULES, ROW_RULES, Rule, Verdict

_CHANGED = "Some rows changed both here and in the catalog"
_HERE_BEFORE = "Some rows were here before seeder, and differ from the catalog"
_HELD = "Some rows of the catalog want unique values that other rows hold"
_UNCLEAR = "Of some rows of the catalog it cannot be told which live rows they are"
_STAYING = "Some rows left the catalog, and stay since they were changed here or are referred to"
_OF_ANY_KIND = "Some rows are in conflict"


def hint(rows: Iterable[RowChange]) -> str:
    """What is the matter with rows in conflict, and where to look."""
    kinds = {kind for row in rows if row.conflict for kind in _kinds(row)}
    said = kinds.pop() if len(kinds) == 1 else _OF_ANY_KIND
    return f"{said}: `seeder conflicts` shows them."


def _kinds(row: RowChange) -> set[str]:
    """By the facts of the rules that decided: the row's, and those of its columns."""
    facts = _facts(ROW_RULES, row.rule)
    if facts & {"ambiguous", "taken"}:
        return {_UNCLEAR}
    if facts & {"on_removal_delete"}:
        return {_STAYING}
    of_columns = [
        _facts(COLUMN_RULES, column.rule) if column.rule else {"merges"}
        for column in row.columns
        if column.case is ColumnCase.CONFLICT
    ]
    if "held" in facts and not of_columns:
        return {_HELD}
    return {
        _HELD if "held" in each else _CHANGED if each else _HERE_BEFORE for each in of_columns
    } or {_OF_ANY_KIND}


def _facts(rules: Sequence[Rule[Verdict]], name: str) -> set[str]:
    """What the rule of this name wants to hold."""
    return {fact for rule in rules if rule.name == name for fact, holds in rule.conditions if holds}
