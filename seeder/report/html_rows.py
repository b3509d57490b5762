"""Rows of a plan or a run as HTML: what changes, conflicts, and what is left alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from seeder.merge.choices import AFTERWARDS, HELD_EXPLAINED, MEANING, UNTIL_THEN, Take, command
from seeder.merge.plan import ColumnCase, ColumnChange, RowAction, RowChange
from seeder.report.html import Child, Html, joined, tag
from seeder.report.html_page import folded, section, tone
from seeder.report.values import REFERENCE, differing, narrowed
from seeder.report.words import ACTIONS, Group, Kind, count, groups, in_conflict, kind_of

SHOWN = 200
"""Rows of a group that a page shows."""

_LONGEST = 2_000
"""Characters of a value that a page shows."""

_NARROW = 120
"""Characters of a JSON object from which on only the members that differ are shown."""

_FOLDED = 12
"""Rows of a set from which on it is shown closed."""


def decisions(rows: Iterable[RowChange]) -> Html | None:
    """Make the section of conflicts, each with its values side by side and both choices."""
    found = [row for row in rows if kind_of(row) is Kind.CONFLICT]
    if not found:
        return None
    return section(
        "For you to decide",
        tag("dl", [_meaning(take) for take in Take], class_="meanings"),
        [_conflict(row) for row in found[:SHOWN]],
        _more(len(found) - SHOWN),
        id_="conflicts",
        note=f"Changed by a person and in the catalog as well. {UNTIL_THEN}",
    )


def attention(rows: Iterable[RowChange]) -> Html | None:
    """Make the section of rows that cannot be told apart, or not be written."""
    found = [row for row in rows if kind_of(row) is Kind.ATTENTION]
    return _listed(found, "To look at", "attention", "Left as they are; somebody should look.")


def kept(rows: Iterable[RowChange]) -> Html | None:
    """Make the section of what stays because people changed it."""
    found = [row for row in rows if kind_of(row) is Kind.KEPT]
    note = "Kept as they are: people changed or deleted them, or other rows need them."
    return _listed(found, "Left alone", "kept", note)


def changes(
    name: str,
    table: str,
    reason: str,
    rows: Sequence[RowChange],
    left_out: int,
    *,
    finished: bool = False,
) -> Html:
    """Make the closable part of one set: what is written, and what goes on record."""
    shown = [each for each in groups(rows) if each.kind in (Kind.CHANGE, Kind.RECORD)]
    told = ", ".join(_told(each, finished=finished) for each in shown)
    about = "; ".join(filter(None, (table and f"table {table}", reason)))
    title = joined(tag("b", name), tag("span", told, class_="why"))
    return folded(
        title,
        tag("p", about, class_="why") if about else None,
        [_group(each, finished=finished) for each in shown],
        _more(left_out),
        open_=sum(len(each.rows) for each in shown) <= _FOLDED,
    )


def is_written(row: RowChange) -> bool:
    """Whether a row belongs to a set's changes, and not to a section of its own."""
    return kind_of(row) in (Kind.CHANGE, Kind.RECORD)


# One row, or several alike.


def _told(group: Group, *, finished: bool) -> str:
    words = ACTIONS[group.action]
    return f"{len(group.rows):,} {words.done if finished else words.planned}"


def _group(group: Group, *, finished: bool) -> Html:
    words = ACTIONS[group.action]
    rows = group.rows[:SHOWN]
    if group.action is RowAction.INSERT and any(_telling(row) for row in rows):
        body: Child = _inserted(rows)
    elif group.action is not RowAction.INSERT and any(row.columns for row in rows):
        body = [_updated(row, finished=finished) for row in rows]
    else:
        body = _addresses(rows)
    return tag(
        "div",
        tag(
            "h3",
            tag("span", class_=f"dot {tone(words.ink)}", aria_hidden="true"),
            f"{_told(group, finished=finished)} ",
            tag("span", group.reason, class_="why"),
        ),
        body,
        _more(len(group.rows) - SHOWN),
        class_="group",
    )


def _telling(row: RowChange) -> bool:
    return len(row.columns) > len(row.address.partition("/")[2].split(","))


def _inserted(rows: Sequence[RowChange]) -> Html:
    found = [(row, {column.name: column for column in row.columns}) for row in rows]
    # A key that is the whole address says nothing new.
    names = [
        name
        for name in dict.fromkeys(column.name for row in rows for column in row.columns)
        if any(
            name not in values or values[name].desired != row.address.partition("/")[2]
            for row, values in found
        )
    ]
    head = tag("tr", tag("th", "address", scope="col"), [tag("th", n, scope="col") for n in names])
    lines = [
        tag("tr", tag("td", _address(row)), [_cell(name, values.get(name)) for name in names])
        for row, values in found
    ]
    table = tag("table", tag("thead", head), tag("tbody", lines), class_="new")
    return tag("div", table, class_="scroll", tabindex=0)


def _cell(name: str, column: ColumnChange | None) -> Html:
    if column is None:
        return tag("td", tag("span", "default", class_="value none"), data_name=name)
    return tag("td", _value(column.desired, secret=column.secret), data_name=name)


def _updated(row: RowChange, *, finished: bool) -> Html:
    table = _differences(row.columns, finished=finished) if row.columns else None
    return tag("div", _address(row), table, class_="row")


def _differences(columns: Sequence[ColumnChange], *, finished: bool = False) -> Html:
    names = ("column", "before", "after") if finished else ("column", "live", "becomes")
    head = tag("tr", [tag("th", name, scope="col") for name in names])
    lines = [_diff(column) for column in columns]
    return tag("table", tag("thead", head), tag("tbody", lines), class_="diff")


def _diff(column: ColumnChange) -> Html:
    why = None
    if column.case is not ColumnCase.UPDATE or not column.asked_known:
        why = tag("div", f"{column.reason}{_last(column)}", class_="why")
    elif column.live != column.asked:
        why = tag("div", _last(column).removeprefix("; "), class_="why")
    name = tag("th", column.name, why, scope="row")
    if column.secret:
        return tag("tr", name, tag("td", _value(None, secret=True), colspan=2))
    if column.case in (ColumnCase.SETTLE, ColumnCase.HELD, ColumnCase.LET_GO):
        return tag("tr", name, tag("td", _value(column.live), colspan=2))
    live, desired = narrowed((column.live, column.desired), _NARROW)
    before, after = _marked(live, desired)
    return tag("tr", name, tag("td", tag("del", before)), tag("td", tag("ins", after)))


def _last(column: ColumnChange) -> str:
    if not column.asked_known:
        return "; last applied is not known"
    if column.secret:
        return ""
    return f"; last applied {'NULL' if column.asked is None else repr(column.asked[:60])}"


# Conflicts.


def _meaning(take: Take) -> Html:
    told = f"{MEANING[take]}. {AFTERWARDS[take]}"
    return tag("div", tag("dt", _taking(take)), tag("dd", told[0].upper(), told[1:]))


def _taking(take: Take) -> str:
    return f"Take {take}"


def _conflict(row: RowChange) -> Html:
    columns = in_conflict(row)
    also = [column for column in row.columns if column not in columns]
    return tag(
        "article",
        tag("h3", _address(row)),
        None if row.rule == _USUAL else tag("p", f"{row.reason}.", class_="why"),
        tag("p", f"{HELD_EXPLAINED} It is held by {row.holder}.", class_="why")
        if row.holder and not columns
        else None,
        [_three(column) for column in columns],
        tag("div", [_choice(row, take) for take in Take], class_="three choices"),
        _besides(also, row) if also else None,
        class_="card conflict",
    )


_USUAL = "changed_both"
"""The rule of a row in conflict to which nothing else happens: the section says it already."""


def _besides(columns: Sequence[ColumnChange], row: RowChange) -> Html:
    words = ACTIONS[row.action]
    told = (
        "Its other columns"
        if row.action is RowAction.UPDATE
        else f"The row itself: {words.planned}"
    )
    return tag("div", tag("p", f"{told}:", class_="why"), _differences(columns), class_="besides")


def _three(column: ColumnChange) -> Html:
    if column.secret:
        cells = [_value(None, secret=True)] * 3
    else:
        asked, live, desired = narrowed((column.asked, column.live, column.desired), _NARROW)
        base = asked if column.asked_known else None
        cells = [_last_value(column, asked), _marked(base, live)[1], _marked(base, desired)[1]]
    names = ("last applied", "live", "desired")
    return joined(
        tag("p", tag("code", column.name), class_="column"),
        tag(
            "div",
            [
                tag("div", tag("small", name), tag("div", cell))
                for name, cell in zip(names, cells, strict=True)
            ],
            class_="three values",
        ),
    )


def _last_value(column: ColumnChange, asked: str | None) -> Html:
    if not column.asked_known:
        return tag("span", "not known", class_="value none")
    if column.stored in (column.asked, column.live):
        return _value(asked)
    return joined(_value(asked), tag("p", "stored as ", _value(column.stored), class_="why"))


def _choice(row: RowChange, take: Take) -> Html:
    return tag(
        "div",
        tag("b", _taking(take)),
        tag("p", MEANING[take], class_="why"),
        tag("pre", tag("code", command(row.address, take))),
        class_=f"take-{take}",
    )


# Values.


def _marked(before: str | None, after: str | None) -> tuple[Html, Html]:
    """Both values, with what differs between them marked where they are alike in part."""
    if before is None or after is None or before == after:
        return _value(before), _value(after)
    start, end = differing(before, after)
    if (start + end) * 3 < max(len(before), len(after)) or max(len(before), len(after)) > _LONGEST:
        return _value(before), _value(after)
    return _parted(before, start, end), _parted(after, start, end)


def _parted(text: str, start: int, end: int) -> Html:
    middle = text[start : len(text) - end]
    rest = text[len(text) - end :] if end else ""
    mark = tag("mark", middle) if middle else None
    return tag("bdi", text[:start], mark, rest, class_="value")


def _value(text: str | None, *, secret: bool = False) -> Html:
    if secret:
        return tag("span", "secret", class_="value none")
    if text is None:
        return tag("span", "NULL", class_="value none")
    if not text:
        return tag("span", "empty text", class_="value none")
    if text.startswith(REFERENCE):
        return tag("bdi", f"→ {text.removeprefix(REFERENCE)}", class_="value")
    if len(text) > _LONGEST:
        cut = tag("span", f"… ({len(text):,} characters)", class_="value none")
        return joined(tag("bdi", text[:_LONGEST], class_="value"), cut)
    return tag("bdi", text, class_="value")


def _address(row: RowChange) -> Html:
    # It may be broken where its parts meet, rather than anywhere.
    parts = re.split(r"(?<=[/,])", row.address)
    return tag("bdi", [joined(part, tag("wbr")) for part in parts], class_="address")


def _addresses(rows: Sequence[RowChange]) -> Html:
    return tag("ul", [tag("li", _address(row)) for row in rows], class_="addresses")


def _listed(rows: Sequence[RowChange], title: str, id_: str, note: str) -> Html | None:
    if not rows:
        return None
    return section(title, list(_reasons(rows)), id_=id_, note=note)


def _reasons(rows: Sequence[RowChange]) -> Iterator[Html]:
    for group in groups(rows):
        head = joined(tag("b", f"{len(group.rows):,}"), group.reason)
        body = [_addresses(group.rows[:SHOWN]), _more(len(group.rows) - SHOWN)]
        yield folded(head, *body, open_=len(group.rows) <= _FOLDED)


def _more(number: int) -> Html | None:
    if number <= 0:
        return None
    return tag("p", f"… and {count(number, 'more row')}.", class_="more")
