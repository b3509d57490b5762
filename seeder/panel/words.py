"""The words of the pages: those of every other report, and what only the panel has to say."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from seeder.merge.choices import UNTIL_THEN
from seeder.merge.plan import RowAction, SetPlan
from seeder.report.words import (
    ACTIONS,
    DECISIONS,
    LEFT_ALONE,
    LISTED,
    Group,
    count,
    done,
    joined,
    moment,
    place,
    planned,
    referred_to,
    some,
    tally,
    what,
)
from seeder.report.words import duration as duration_of_seconds

__all__ = [
    "DECISIONS",
    "LEFT_ALONE",
    "LISTED",
    "UNTIL_THEN",
    "count",
    "moment",
    "place",
    "referred_to",
    "some",
]

EXPLAINED: Mapping[str, str] = {
    "move": "The key changed in the catalog; the row keeps its identity and follows.",
    "remove": "The values that the set prescribes for rows that left are written.",
    "delete": "Unmodified since seeder wrote them, and not referred to.",
    "release": "Kept in the table; seeder looks after them no longer.",
    "record": "Only the ledger changes.",
}
"""What an action means, where its name and its reason do not say it."""

CASES: Mapping[str, str] = {
    "nothing": "stays",
    "update": "is updated",
    "settle": "is already there",
    "conflict": "conflict",
    "overwrite": "is overwritten",
    "held": "stays; known conflict",
    "always": "is always written",
    "let-go": "stays; no longer given",
    "merge": "is merged",
    "changed": "was changed here",
    "mark": "is set",
}

RESULTS: Mapping[str, tuple[str, str]] = {
    "done": ("done", "good"),
    "nothing-to-do": ("nothing to do", "calm"),
    "older-image": ("left alone: older image", "warn"),
    "failed": ("failed", "bad"),
    "interrupted": ("interrupted", "bad"),
    "running": ("running", "warn"),
}
"""Of a run: the word and its tone."""

REQUESTS: Mapping[str, tuple[str, str, str]] = {
    "open": ("open", "warn", "The next run applies the plan, if it still holds then."),
    "applied": ("applied", "good", "A run applied the plan."),
    "stale": ("stale", "calm", "What it would change was not the same any more; not applied."),
    "void": ("void", "calm", "The database was marked anew, which withdraws open approvals."),
}
"""Of an approval: the word, its tone, and what it means."""


def mark(action: str) -> str:
    """The sign of an action, as on a terminal."""
    return ACTIONS[RowAction(action)].mark if action in list(RowAction) else " "


def done_to_it(action: str) -> str:
    """What a finished run calls an action; unknown ones by their own name."""
    return ACTIONS[RowAction(action)].done if action in list(RowAction) else action


def headline(group: Group) -> str:
    """`2 to update`, `1 left alone`."""
    return f"{len(group.rows):,} {what(group)}"


def in_plan(*sets: SetPlan) -> str:
    """`2 to insert, 1 in conflict`; empty where nothing happens."""
    return joined(planned(tally(sets)))


def counted(counts: Mapping[str, int]) -> str:
    """`2 inserted, 1 in conflict`, of a finished run; empty for no counts."""
    return joined(done(counts))


def duration(span: datetime.timedelta) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`."""
    return duration_of_seconds(span.total_seconds())
