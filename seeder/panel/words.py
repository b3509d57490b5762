"""The words of the pages; those for actions are the ones of every other report."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from seeder.merge import choices
from seeder.merge.plan import Plan

ACTIONS: Mapping[str, tuple[str, str, str]] = {
    "insert": ("+", "to insert", "inserted"),
    "restore": ("+", "to restore", "restored"),
    "update": ("~", "to update", "updated"),
    "move": ("~", "to move", "moved"),
    "remove": ("-", "to retire", "retired"),
    "delete": ("-", "to delete", "deleted"),
    "release": ("-", "to release", "released"),
    "adopt": ("=", "to adopt", "adopted"),
    "record": ("=", "to record", "recorded"),
    "skip": (" ", "skipped", "skipped"),
    "keep": (" ", "kept", "kept"),
}
"""Mark, what a plan and what a finished run calls it; in the order of reports."""

EXPLAINED: Mapping[str, str] = {
    "move": "The key changed in the catalog; the row keeps its identity and follows.",
    "remove": "The values that the set prescribes for rows that left are written.",
    "delete": "Unmodified since seeder wrote them, and not referred to.",
    "release": "Kept in the table; seeder looks after them no longer.",
    "record": "Only the ledger changes.",
}
"""What an action means, where its name and its reason do not say it."""

DECISIONS: Mapping[str, str] = {
    "insert": "first launch",
    "merge": "update",
    "insert-missing": "missing rows only",
    "adopt": "adoption",
    "refresh": "refresh",
    "unchanged": "unchanged",
    "unadopted": "unadopted",
    "pending": "pending",
    "awaiting-table": "awaiting its table",
}

CASES: Mapping[str, str] = {
    "nothing": "stays",
    "update": "is updated",
    "settle": "is already there",
    "conflict": "conflict",
    "overwrite": "is overwritten",
    "held": "stays; known conflict",
    "always": "is always written",
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


def action(name: str, *, finished: bool = False) -> str:
    """What a plan or a finished run calls an action; unknown ones by their own name."""
    _, planned, done = ACTIONS.get(name, (" ", name, name))
    return done if finished else planned


UNTIL_THEN = choices.UNTIL_THEN
"""What happens to a conflict that nobody settles."""


def counted(counts: Mapping[str, int], *, finished: bool = False) -> str:
    """`2 to insert, 1 in conflict`; empty for no counts."""
    order = {name: n for n, name in enumerate(ACTIONS)}
    present = sorted(
        ((name, number) for name, number in counts.items() if number),
        key=lambda item: order.get(item[0], len(order)),
    )
    return ", ".join(f"{number:,} {_counted(name, finished)}" for name, number in present)


def _counted(name: str, finished: bool) -> str:
    if name == "conflicts":
        return "in conflict"
    if name in ("pending", "unadopted"):
        return f"sets {name}"
    return action(name, finished=finished).replace("-", " ")


def count(number: int, noun: str) -> str:
    """`1 row`, `2 rows`, `1,000 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def moment(time: datetime.datetime) -> str:
    """A time in UTC, to the minute."""
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def duration(span: datetime.timedelta) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`."""
    seconds = span.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60:02} s"


def totals(plan: Plan) -> dict[str, int]:
    """The counts of all sets together."""
    found: dict[str, int] = {}
    for each in plan.sets:
        for name, number in each.counts.items():
            found[name] = found.get(name, 0) + number
    return found
