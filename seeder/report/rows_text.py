"""Rows of a plan or a run, column by column, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seeder.merge.choices import Take, command
from seeder.merge.plan import ColumnCase, ColumnChange, RowAction, RowChange
from seeder.report.differences import of_columns, of_row, words
from seeder.report.layout import Ink, Line, Piece, Span, line, prose, table, unshown
from seeder.report.values import change, one, shown
from seeder.report.words import (
    ACTIONS,
    Group,
    Kind,
    groups,
    in_conflict,
    is_new,
    kind_of,
    referred_to,
    telling,
    what,
)

if TYPE_CHECKING:
    # A run without conflicts returns none.
    from seeder.merge.found import OpenConflict

SHOWN = 20
"""Rows of a group that are shown where nobody asks for all; and columns of each."""

_TO_DECIDE = 100
"""Rows in conflict that are shown then."""


def rows(changes: Sequence[RowChange], *, full: bool) -> Iterator[Line]:
    """Show rows in groups, each under what happens to it and why."""
    for group in groups(map(of_row, changes)):
        yield _headline(group)
        most = _TO_DECIDE if group.kind is Kind.CONFLICT else SHOWN
        many = len(group.rows) if full else most
        for row in group.rows[:many]:
            yield from _row(row, group)
        if len(group.rows) > many:
            rest = f"... and {len(group.rows) - many:,} more; --full shows them all"
            yield line(Span(rest, Ink.DIM), indent=6)


def choices(row: RowChange, *, indent: int) -> Iterator[Line]:
    """The commands that settle a row's conflict."""
    for take in Take:
        yield line(Span(command(row.address, take), Ink.NOTE, whole=True), indent=indent)


def _headline(group: Group) -> Line:
    number = f"{len(group.rows):,} "
    words = ACTIONS[group.action]
    if group.kind is Kind.CONFLICT:
        also = "" if group.action is RowAction.KEEP else f", {words.planned}"
        told = Span(f"{number}in conflict{also}", Ink.LOUD)
    elif group.kind is Kind.ATTENTION:
        told = Span(f"{number}{words.planned}, to look at", Ink.LOUD)
    else:
        told = Span(f"{number}{what(group)}", words.ink)
    return line(told, Span(f": {group.reason}", Ink.DIM), indent=2)


def _row(row: RowChange, group: Group) -> Iterator[Line]:
    words = ACTIONS[row.action]
    loud = group.kind in (Kind.CONFLICT, Kind.ATTENTION)
    mark = Span("!", Ink.LOUD) if loud else Span(words.mark, words.ink)
    address = Span(row.address, Ink.STRONG if row.columns else Ink.PLAIN, whole=True)
    if is_new(row):
        yield line(mark, " ", address, *_new(row), indent=4, hang=8)
        return
    yield line(mark, " ", address, indent=4)
    plain = [column for column in row.columns if column.case is not ColumnCase.CONFLICT]
    yield from table([_steps(column) for column in plain], indent=8)
    yield from _others(row)
    for column in in_conflict(row):
        yield from _three_values(column)
    if group.kind is Kind.CONFLICT:
        yield from choices(row, indent=8)


def _new(row: RowChange) -> Iterator[Piece]:
    # The key is in the address already, and says nothing new.
    for n, column in enumerate(telling(row)):
        yield ", " if n else "  "
        yield Span(f"{column.name} ", Ink.DIM)
        yield "(secret)" if column.secret else one(column.desired, bare=column.bare)


def _steps(column: ColumnChange) -> tuple[Piece, ...]:
    """One column: its name, from what to what, and why where that is not plain."""
    if column.secret:
        return column.name, "(secret)", Span(column.reason, Ink.DIM)
    asked, live, desired = shown(column.asked, column.live, column.desired, bare=column.bare)
    untouched = column.asked_known and column.asked == column.stored == column.live
    if column.case is ColumnCase.MARK or (column.case is ColumnCase.UPDATE and untouched):
        return column.name, change(column.live, column.desired, bare=column.bare)
    last = _last_applied(column, asked)
    match column.case:
        case ColumnCase.CHANGED:
            return _changed_here(column)
        case ColumnCase.LET_GO:
            return column.name, live, Span(column.reason, Ink.DIM)
        case ColumnCase.SETTLE:
            return column.name, live, Span(f"{column.reason}; {last}", Ink.DIM)
        case ColumnCase.HELD | ColumnCase.CONFLICT | ColumnCase.NOTHING:
            return column.name, f"{live}, not {desired}", Span(column.reason, Ink.DIM)
        case _:
            return (
                column.name,
                change(column.live, column.desired, bare=column.bare),
                Span(f"{column.reason}; {last}", Ink.DIM),
            )


def _three_values(column: ColumnChange) -> Iterator[Line]:
    told = "(secret) " if column.secret else ""
    yield line(column.name, Span(f"  {told}{column.reason}", Ink.DIM), indent=8)
    if column.secret:
        return
    asked, live, desired = shown(column.asked, column.live, column.desired, bare=column.bare)
    last = asked if column.asked_known else "not known"
    stored = ""
    if column.asked_known and column.stored not in (column.asked, column.live):
        stored = f" (stored as {one(column.stored, bare=column.bare)})"
    if column.asked_known and words(column.asked, column.live):
        live = change(column.asked, column.live)
    if column.asked_known and words(column.asked, column.desired):
        desired = change(column.asked, column.desired)
    yield from table(
        [
            (Span("last applied", Ink.DIM), last + stored),
            (Span("live", Ink.DIM), live),
            (Span("desired", Ink.DIM), desired),
        ],
        indent=10,
    )


def _last_applied(column: ColumnChange, asked: str) -> str:
    if not column.asked_known:
        return "last applied is not known"
    if column.stored == column.asked:
        return f"last applied {asked}"
    return f"last applied {asked}, stored as {one(column.stored, bare=column.bare)}"


def attention(changes: Sequence[RowChange], *, limit: int) -> Iterator[Line]:
    """List rows that need a person, with the commands for those in conflict."""
    for row in map(of_row, changes[:limit]):
        yield line(
            Span("! ", Ink.LOUD),
            Span(row.address, Ink.STRONG, whole=True),
            *prose(f"  {row.reason}", Ink.DIM),
            indent=2,
        )
        yield from _others(row)
        changed = [column for column in row.columns if column.case is ColumnCase.CHANGED]
        yield from table([_changed_here(column) for column in changed], indent=8)
        for column in in_conflict(row):
            yield from _three_values(column)
        if kind_of(row) is Kind.CONFLICT:
            yield from choices(row, indent=8)
    yield from unshown(len(changes) - limit, "row")


def standing(found: Sequence[OpenConflict], *, limit: int) -> Iterator[Line]:
    """List conflicts that stand, with the values and commands that are known of them."""
    for each in found[:limit]:
        # Where values are told, each column says since when: they need not be of one run.
        by_column = each.values and not each.left_catalog
        since = "" if each.run is None or by_column else f"  since run {each.run}"
        yield line(
            Span("! ", Ink.LOUD),
            Span(each.address, Ink.STRONG, whole=True),
            Span(f"  {_what(each)}{since}", Ink.DIM),
            indent=2,
        )
        if each.left_catalog:
            changed = of_columns(each.values)
            yield from table([_changed_here(column) for column in changed], indent=8)
            yield from _others(each)
        else:
            for column in of_columns(each.values):
                yield from _three_values(column)
        for told in each.commands:
            yield line(Span(told, Ink.NOTE, whole=True), indent=8)
    yield from unshown(len(found) - limit, "row")


def _what(each: OpenConflict) -> str:
    if each.holder is not None:
        return f"not there: {each.holder} holds a unique value that it wants"
    return "left the catalog" if each.left_catalog else ", ".join(each.columns)


def _changed_here(column: ColumnChange) -> tuple[Piece, ...]:
    if column.secret:
        return column.name, "(secret)"
    if column.asked_known:
        told = change(column.asked, column.live, bare=column.bare)
    else:
        told = f"not known → {one(column.live, bare=column.bare)}"
    return column.name, told, Span(column.reason, Ink.DIM)


def skips(changes: Sequence[RowChange], *, limit: int) -> Iterator[Line]:
    """List rows that wait for another row."""
    yield from table(
        [
            (Span(row.address, whole=True), Span(f"refers to {row.missing}", Ink.DIM))
            if row.missing
            else (Span(row.address, whole=True),)
            for row in changes[:limit]
        ],
        indent=4,
    )
    yield from unshown(len(changes) - limit, "row")


def _others(row: RowChange | OpenConflict) -> Iterator[Line]:
    """Other rows on whose account this one is as it is."""
    if isinstance(row, RowChange) and row.holder is not None:
        yield line(Span(f"held by {row.holder}", Ink.DIM), indent=8)
    if isinstance(row, RowChange) and row.missing is not None:
        yield line(Span(f"refers to {row.missing}", Ink.DIM), indent=8)
    if row.referring:
        yield line(Span(f"referred to by {referred_to(row.referring)}", Ink.DIM), indent=8)
