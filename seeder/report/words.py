"""The words of every report: what happens to a row or a set, and which rows belong together."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from seeder.merge.plan import (
    COUNTED,
    ColumnCase,
    ColumnChange,
    Referring,
    RowAction,
    RowChange,
    SetDecision,
    SetOutcome,
    SetPlan,
)
from seeder.merge.rules import COLUMN_WRITES, ROW_RULES, Report
from seeder.report.layout import Ink, Piece, Span

if TYPE_CHECKING:
    # A run without conflicts returns none.
    from seeder.merge.found import OpenConflict
    from seeder.merge.result import RunResult

CONFLICTS = "conflicts"
"""The count, beside those by `RowAction`, of rows that a person should look at."""


class Words(Struct, frozen=True):
    """An action on a row: its mark, what a plan and what a finished run call it."""

    mark: str
    ink: Ink
    planned: str
    done: str


ACTIONS: Mapping[RowAction, Words] = {
    RowAction.INSERT: Words("+", Ink.GOOD, "to insert", "inserted"),
    RowAction.RESTORE: Words("+", Ink.GOOD, "to restore", "restored"),
    RowAction.UPDATE: Words("~", Ink.CHANGED, "to update", "updated"),
    RowAction.MOVE: Words("~", Ink.CHANGED, "to move", "moved"),
    RowAction.REMOVE: Words("-", Ink.BAD, "to retire", "retired"),
    RowAction.DELETE: Words("-", Ink.BAD, "to delete", "deleted"),
    RowAction.RELEASE: Words("-", Ink.DIM, "to release", "released"),
    RowAction.ADOPT: Words("=", Ink.NOTE, "to adopt", "adopted"),
    RowAction.RECORD: Words("=", Ink.DIM, "to record", "recorded"),
    RowAction.SKIP: Words(" ", Ink.DIM, "skipped", "skipped"),
    RowAction.KEEP: Words(" ", Ink.DIM, "kept", "kept"),
}
"""In the order of reports: what is written, what goes on record, what is left."""

DECISIONS: Mapping[SetDecision, str] = {
    SetDecision.INSERT: "first launch",
    SetDecision.MERGE: "update",
    SetDecision.INSERT_MISSING: "missing rows only",
    SetDecision.ADOPT: "adoption",
    SetDecision.REFRESH: "refresh",
    SetDecision.UNCHANGED: "unchanged",
    SetDecision.UNADOPTED: "unadopted",
    SetDecision.PENDING: "pending",
    SetDecision.AWAITING_TABLE: "awaiting migrations",
}

LEFT_ALONE: Mapping[SetDecision, str] = {
    SetDecision.UNADOPTED: (
        "Unadopted sets meet rows that seeder did not write, and leave them alone until"
        " `seeder adopt` or `seeder run --mode update`."
    ),
    SetDecision.PENDING: (
        "Pending sets wait for a new release in seeder.toml, an approved request"
        " (`seeder approve`) or `seeder run --mode update`."
    ),
    SetDecision.AWAITING_TABLE: (
        "Sets that await migrations come with them, if their files are right:"
        " `seeder check --embedded` tells."
    ),
}
"""What has to happen before a run touches such a set."""


SKIPPED = (
    "Skipped, since they refer to rows that are not there; they come by themselves with the next"
    " run that looks at their sets once those are back:"
)
"""What stands above rows that wait."""

DELETED = (
    "Deleted here, and so without the catalog's later changes; `seeder restore ADDRESS` brings one"
    " back. A row whose primary key was changed counts as deleted as well: name its new key in the"
    " catalog, with `moved`, and the next update goes on with it:"
)
"""What stands above rows that people deleted."""


class Kind(IntEnum):
    """What a row in a plan is to its reader; the values are the order of reports."""

    CHANGE = 1
    """It is written."""
    RECORD = 2
    """Only the ledger changes."""
    KEPT = 3
    """A person's change or deletion stands."""
    ATTENTION = 4
    """It cannot be done, or not be told apart: a person should look at it."""
    CONFLICT = 5
    """A column was changed here and in the catalog: a person may choose."""


KEPT = frozenset(rule.name for rule in ROW_RULES if rule.report is Report.KEPT)
"""Rules by which a person's change or deletion stands, whether or not that goes on record."""

_ON_RECORD = frozenset({RowAction.ADOPT, RowAction.RECORD, RowAction.RELEASE})
_KEPT = frozenset({RowAction.KEEP, RowAction.SKIP})
_WRITTEN = COLUMN_WRITES


def has(result: RunResult) -> str:
    """What a database has in which nothing was changed, and what not."""
    if result.left.get(SetDecision.UNADOPTED):
        # The release does not count as applied before its sets are adopted.
        return "has rows that somebody has to adopt first"
    left = [
        f"{count(number, one)} {what}"
        for key, one, what in (
            (CONFLICTS, "row", "in conflict"),
            (RowAction.SKIP, "row", "skipped"),
            (SetDecision.PENDING, "set", "pending"),
        )
        if (number := result.left.get(key, 0))
    ]
    if left:
        *first, last = left
        return f"still has {', '.join(first)}{' and ' if first else ''}{last}"
    named = f"release {result.release}" if result.release else "what this image asks for"
    return f"already has {named}"


def still_skipped(rows: int) -> str:
    """Rows that earlier runs skipped, and where they are named."""
    told = "refers to a row that is" if rows == 1 else "refer to rows that are"
    return (
        f"{count(rows, 'row')} skipped by earlier runs still {told} not there:"
        " `seeder status` names what is missing."
    )


def kind_of(row: RowChange) -> Kind:
    """Say what a row is to the reader of a report."""
    if (row.conflict and row.holder) or in_conflict(row):
        return Kind.CONFLICT
    if row.conflict:
        return Kind.ATTENTION
    if row.action in _KEPT or row.rule in KEPT:
        return Kind.KEPT
    if row.action in _ON_RECORD and not any(column.case in _WRITTEN for column in row.columns):
        return Kind.RECORD
    return Kind.CHANGE


class Group(Struct, frozen=True):
    """Rows of a set to which the same happens for the same reason."""

    kind: Kind
    action: RowAction
    reason: str
    rows: tuple[RowChange, ...]


def what(group: Group) -> str:
    """What happens to the rows: `to update`, `left alone`."""
    left = group.kind is Kind.KEPT and group.action is not RowAction.SKIP
    return "left alone" if left else ACTIONS[group.action].planned


def groups(rows: Iterable[RowChange]) -> tuple[Group, ...]:
    """Put rows together, in the order of reports."""
    found: dict[tuple[Kind, RowAction, str], list[RowChange]] = {}
    for row in rows:
        found.setdefault((kind_of(row), row.action, row.reason), []).append(row)
    order = list(ACTIONS)
    return tuple(
        Group(kind, action, reason, tuple(members))
        for (kind, action, reason), members in sorted(
            found.items(), key=lambda item: (item[0][0], order.index(item[0][1]))
        )
    )


def in_conflict(row: RowChange) -> tuple[ColumnChange, ...]:
    """The columns of a row that a person may choose for."""
    return tuple(column for column in row.columns if column.case is ColumnCase.CONFLICT)


def standing(found: OpenConflict) -> RowChange:
    """A conflict that stands, as the row that an update would report anew."""
    reason = f"in conflict since run {found.run}"
    if found.left_catalog:
        reason = f"left the catalog, and stays since people changed it or refer to it; {reason}"
    return RowChange(
        address=found.address,
        action=RowAction.KEEP,
        reason=reason,
        columns=found.values,
        conflict=True,
        holder=found.holder,
        referring=found.referring,
    )


class Count(NamedTuple):
    """How many rows, in words."""

    name: str
    """What they are counted under."""
    text: str
    ink: Ink


def counted(counts: Mapping[str, int]) -> tuple[Piece, ...]:
    """Counts of a finished run in one colour, for any place in a line: `2 inserted, 1 updated`."""
    return tuple(listed(each._replace(ink=Ink.PLAIN) for each in done(counts)))


LEFT = "left-alone"
"""What a plan's tally counts rows under that stay because people changed them."""


def planned(counts: Mapping[str, int]) -> tuple[Count, ...]:
    """Counts in a plan's words: `2 to insert`."""
    return tuple(_worded(counts, finished=False))


def done(counts: Mapping[str, int]) -> tuple[Count, ...]:
    """Counts in the words of a finished run: `2 inserted`."""
    return tuple(_worded(counts, finished=True))


def joined(parts: Iterable[Count]) -> str:
    """Counts as one text: `2 to insert, 1 in conflict`; empty where there are none."""
    return ", ".join(each.text for each in parts)


def listed(parts: Iterable[Count]) -> Iterator[Piece]:
    """Put counts into a row; rows in conflict, which may be among the others, come last."""
    for n, each in enumerate(parts):
        if n:
            yield "; " if each.ink is Ink.LOUD else ", "
        yield Span(each.text, each.ink, whole=True)


def tally(sets: Iterable[SetPlan | SetOutcome]) -> dict[str, int]:
    """Count the rows of a plan or a run as its reader sees them.

    Those that stay as a person left them count as such, whether or not the ledger learns it.
    """
    found: dict[str, int] = {}
    left = conflicts = 0
    for each in sets:
        for name, number in each.counts.items():
            found[name] = found.get(name, 0) + number
        for row in _rows(each):
            kind = kind_of(row)
            if kind is Kind.KEPT and row.action is not RowAction.SKIP:
                found[row.action] = found.get(row.action, 0) - 1
                left += 1
            elif kind in (Kind.CONFLICT, Kind.ATTENTION) and row.action is RowAction.KEEP:
                found[row.action] = found.get(row.action, 0) - 1
        conflicts += each.counts.get(CONFLICTS, 0)
    found.pop(CONFLICTS, None)
    return {name: n for name, n in (found | {LEFT: left, CONFLICTS: conflicts}).items() if n > 0}


def _rows(each: SetPlan | SetOutcome) -> tuple[RowChange, ...]:
    if isinstance(each, SetOutcome) and not each.rows:
        # Nobody asked this run for its rows: those that need a person are known all the same.
        return each.kept
    return each.rows


def _worded(counts: Mapping[str, int], *, finished: bool) -> Iterator[Count]:
    order = {str(name): n for n, name in enumerate(ACTIONS)}
    for name in sorted(counts, key=lambda name: order.get(name, len(order))):
        if counts[name]:
            word, ink = _word(name, finished=finished)
            yield Count(name, f"{counts[name]:,} {word}", ink)


def _word(name: str, *, finished: bool) -> tuple[str, Ink]:
    if name == CONFLICTS:
        return "in conflict", Ink.LOUD
    if name in ACTIONS:
        words = ACTIONS[RowAction(name)]
        return (words.done if finished else words.planned), words.ink
    return name.replace("-", " ").replace("_", " "), Ink.PLAIN


def count(number: int, noun: str) -> str:
    """`1 row`, `2 rows`, `1,000 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


LISTED = 100
"""Sets, releases and the like that a page or a list names; of more, it says how many."""


def some(names: Sequence[str]) -> str:
    """The names with commas between, and how many more there are.

    >>> some(["a", "b"])
    'a, b'
    """
    left = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {left:,} more" if left > 0 else "")


def place(set_name: str, table: str) -> str:
    """The set, and its table where that is called otherwise."""
    return "" if table.removeprefix("public.") == set_name else table


def referred_to(found: Sequence[Referring]) -> str:
    """`3 rows of public.orders, more than 1,000 rows of public.items`.

    >>> referred_to([Referring(table="public.orders", rows=1)])
    '1 row of public.orders'
    """
    return ", ".join(
        f"more than {COUNTED:,} rows of {each.table}"
        if each.rows > COUNTED
        else f"{count(each.rows, 'row')} of {each.table}"
        for each in found
    )


def is_new(row: RowChange) -> bool:
    """Whether no row is there yet, so that its columns have no value before."""
    if row.action is RowAction.RESTORE:
        # A rule decides about each column of a row that is there.
        return not any(column.rule or column.live is not None for column in row.columns)
    return row.action is RowAction.INSERT


def telling(row: RowChange) -> tuple[ColumnChange, ...]:
    """The columns of a row that say more than its address; none where they are all key."""
    keys = row.address.partition("/")[2].split(",")
    if not is_new(row):
        return row.columns
    if len(row.columns) <= len(keys):
        return ()
    return tuple(each for each in row.columns if each.secret or each.desired not in keys)


def moment(time: datetime.datetime) -> str:
    """A time in UTC, to the second."""
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def from_to(before: Sequence[str], after: Sequence[str]) -> str:
    """The revisions of a database before and after, as one text.

    >>> from_to((), ("0002",))
    'none → 0002'
    """
    was, now = (", ".join(each) or "none" for each in (before, after))
    return now if was == now else f"{was} → {now}"


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
