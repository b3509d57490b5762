"""A plan in the order in which a person reads it."""

from __future__ import annotations

from msgspec import Struct

from seeder.merge.choices import (
    AFTERWARDS,
    HELD_AFTERWARDS,
    HELD_MEANING,
    LEFT_AFTERWARDS,
    LEFT_MEANING,
    MEANING,
    Take,
    command,
)
from seeder.merge.plan import Plan, RowChange, SetDecision, SetPlan
from seeder.report.differences import of_row
from seeder.report.words import LEFT_ALONE, LISTED, Group, Kind, groups, kind_of, some

ROWS = 100
"""Rows of a set, and conflicts, that the page of the whole plan shows."""

_LOUD = (Kind.CONFLICT, Kind.ATTENTION)


class Choice(Struct, frozen=True, kw_only=True):
    """One way to settle a conflict."""

    take: Take
    meaning: str
    afterwards: str
    command: str


class Section(Struct, frozen=True, kw_only=True):
    """One set of a plan; conflicts apart."""

    set: SetPlan
    groups: tuple[Group, ...]
    unshown: int
    """Rows that the stored plan has and this page leaves out."""

    @property
    def conflicts(self) -> int:
        """Rows of the set that are in conflict, and shown apart."""
        return self.set.counts.get("conflicts", 0)


class Outline(Struct, frozen=True, kw_only=True):
    """A whole plan."""

    conflicts: tuple[RowChange, ...]
    conflicts_unshown: int
    sections: tuple[Section, ...]
    """A page of them."""
    start: int
    """How many come before them."""
    touched: int
    """How many there are in all."""
    untouched: str
    """Names of sets with nothing to do."""


def outline(plan: Plan, *, start: int = 0) -> Outline:
    """Conflicts first, then set by set what changes, from set `start` on."""
    conflicts = [row for each in plan.sets for row in map(of_row, each.rows) if is_loud(row)]
    touched = [each for each in plan.sets if _is_touched(each)]
    return Outline(
        conflicts=tuple(conflicts[:ROWS]),
        conflicts_unshown=max(0, plan.conflicts - ROWS),
        sections=tuple(_section(each) for each in touched[start : start + LISTED]),
        start=start,
        touched=len(touched),
        untouched=some([each.name for each in plan.sets if not _is_touched(each)]),
    )


def _is_touched(each: SetPlan) -> bool:
    return bool(each.counts) or each.decision in LEFT_ALONE


def reason(found: SetPlan) -> str:
    """What a page says of a set beside its counts; empty where there is nothing to explain."""
    return "" if found.decision is SetDecision.MERGE else found.reason


def is_loud(row: RowChange) -> bool:
    """Whether a person has to choose, or to look at it."""
    return kind_of(row) in _LOUD


def choices(row: RowChange) -> tuple[Choice, ...]:
    """How a person can settle a row's conflict; empty where no command can."""
    return choices_for(row.address) if kind_of(row) is Kind.CONFLICT else ()


def choices_for(address: str, *, left: bool = False, held: bool = False) -> tuple[Choice, ...]:
    """The two ways to settle the conflicts of the row at an address.

    `left` says that it is a row that has left the catalog, `held` one that is not there since
    another one holds a unique value of it.
    """
    meaning, afterwards = MEANING, AFTERWARDS
    if held:
        meaning, afterwards = HELD_MEANING, HELD_AFTERWARDS
    elif left:
        meaning, afterwards = LEFT_MEANING, LEFT_AFTERWARDS
    return tuple(
        Choice(
            take=take,
            meaning=meaning[take],
            afterwards=afterwards[take],
            command=command(address, take),
        )
        for take in Take
    )


def _section(each: SetPlan) -> Section:
    quiet = [row for row in each.rows if not is_loud(row)]
    return Section(
        set=each, groups=groups(map(of_row, quiet[:ROWS])), unshown=max(0, len(quiet) - ROWS)
    )
