"""A plan in the order in which a person reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seeder.merge.choices import AFTERWARDS, MEANING, Take, command
from seeder.merge.plan import ColumnCase, Plan, RowAction, RowChange, SetDecision, SetPlan
from seeder.panel.words import ACTIONS

ROWS = 100
"""Rows of a set, and conflicts, that the page of the whole plan shows."""

_LEFT_ALONE = (SetDecision.UNADOPTED, SetDecision.PENDING, SetDecision.AWAITING_TABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One way to settle a conflict."""

    take: Take
    meaning: str
    afterwards: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows of a set to which the same happens for the same reason."""

    action: RowAction
    reason: str
    rows: tuple[RowChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One set of a plan; conflicts apart."""

    set: SetPlan
    groups: tuple[Group, ...]
    unshown: int
    """Rows that the stored plan has and this page leaves out."""

    @property
    def conflicts(self) -> int:
        """Rows of the set that are in conflict, and shown apart."""
        return self.set.counts.get("conflicts", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A whole plan."""

    conflicts: tuple[RowChange, ...]
    conflicts_unshown: int
    sections: tuple[Section, ...]
    untouched: tuple[str, ...]
    """Names of sets with nothing to do."""


def outline(plan: Plan) -> Outline:
    """Conflicts first, then set by set what changes."""
    conflicts = [row for each in plan.sets for row in each.rows if row.conflict]
    touched = [each for each in plan.sets if each.counts or each.decision in _LEFT_ALONE]
    return Outline(
        conflicts=tuple(conflicts[:ROWS]),
        conflicts_unshown=max(0, plan.conflicts - ROWS),
        sections=tuple(_section(each) for each in touched),
        untouched=tuple(each.name for each in plan.sets if each not in touched),
    )


def groups(rows: Iterable[RowChange]) -> tuple[Group, ...]:
    """Put rows together to which the same happens, in the order of reports."""
    found: dict[tuple[RowAction, str], list[RowChange]] = {}
    for row in rows:
        found.setdefault((row.action, row.reason), []).append(row)
    order = list(ACTIONS)
    return tuple(
        Group(action=action, reason=reason, rows=tuple(members))
        for (action, reason), members in sorted(
            found.items(), key=lambda one: order.index(one[0][0])
        )
    )


def choices(row: RowChange) -> tuple[Choice, ...]:
    """How a person can settle a row's conflict; empty where no command can."""
    if not any(column.case is ColumnCase.CONFLICT for column in row.columns):
        return ()
    return choices_for(row.address)


def choices_for(address: str) -> tuple[Choice, ...]:
    """The two ways to settle the conflicts of the row at an address."""
    return tuple(
        Choice(
            take=take,
            meaning=MEANING[take],
            afterwards=AFTERWARDS[take],
            command=command(address, take),
        )
        for take in Take
    )


def _section(each: SetPlan) -> Section:
    quiet = [row for row in each.rows if not row.conflict]
    return Section(set=each, groups=groups(quiet[:ROWS]), unshown=max(0, len(quiet) - ROWS))
