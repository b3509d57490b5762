"""A plan as a comment on a pull request: GitHub's Markdown, and short enough for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from seeder.merge.choices import EXPLAINED, HELD_EXPLAINED, Take, command
from seeder.merge.plan import ColumnCase, ColumnChange, Plan, RowChange, SetPlan
from seeder.report.differences import of_row
from seeder.report.layout import printable
from seeder.report.plan_text import hints
from seeder.report.values import one, shown
from seeder.report.words import (
    ACTIONS,
    DECISIONS,
    LEFT_ALONE,
    Kind,
    count,
    groups,
    in_conflict,
    is_new,
    joined,
    kind_of,
    planned,
    referred_to,
    tally,
    telling,
    what,
)

LIMIT = 60_000
"""Characters; GitHub refuses a comment of more than 65,536."""

MARKER = "<!-- seeder plan -->"
"""The first line, by which a workflow finds the comment that it wrote before."""

_UNFOLDED = 10
"""Rows of a set from which on they are folded."""

_LINES = 200
"""Lines of a set's rows."""

_CONFLICTS = 40
"""Conflicts that are shown with their values."""


def plan(found: Plan, *, limit: int = LIMIT) -> str:
    """Show what a run would do, in at most `limit` characters: what matters most comes first."""
    blocks = list(_blocks(found))
    end = f"\n<sub>Plan <code>{found.id[:12]}</code></sub>\n"
    cut = "\n_The rest does not fit into a comment: `seeder plan` shows it._\n"
    text, room = "", limit - len(end) - len(cut)
    for block in blocks:
        if len(text) + len(block) > room:
            return text + cut + end
        text += block
    return text + end


def _blocks(found: Plan) -> Iterator[str]:
    of = f", release {_inert(found.release)}" if found.release else ""
    yield f"{MARKER}\n### seeder plan: {_inert(found.environment)}{of}\n\n"
    parts = [each.text for each in planned(tally(found.sets))]
    if found.migrations:
        parts.insert(0, count(len(found.migrations), "migration"))
    if found.tasks:
        parts.append(count(len(found.tasks), "task"))
    told = ", ".join(parts)
    if not parts:
        told = "nothing is changed now" if found.waiting else "nothing to do"
    yield f"**{told[0].upper()}{told[1:]}.** Mode {found.mode} ({_inert(found.reason)}).\n"
    yield from (f"\n> [!WARNING]\n> {_sentence(each)}\n" for each in found.warnings)
    yield from _conflicts([of_row(row) for each in found.sets for row in each.rows])
    if found.migrations:
        yield f"\n**Migrations**: {', '.join(_code(name) for name in found.migrations)}\n"
    for each in found.sets:
        yield from _set(each)
    if found.tasks:
        yield f"\n**Tasks**, after the rows: {', '.join(_code(name) for name in found.tasks)}\n"
    for each in found.sets:
        if each.decision in LEFT_ALONE:
            yield f"\n- {_code(each.name)} {DECISIONS[each.decision]}: {_inert(each.reason)}"
    # What the section of conflicts explains by itself needs no hint.
    yield from (f"\n> {_sentence(each)}\n" for each in hints(found) if "--take" not in each)


# Conflicts.


def _conflicts(rows: Sequence[RowChange]) -> Iterator[str]:
    found = [row for row in rows if kind_of(row) is Kind.CONFLICT]
    if not found:
        return
    yield f"\n#### For you to decide\n\n{_sentence(EXPLAINED)}\n"
    for row in found[:_CONFLICTS]:
        yield "".join(_conflict(row))
    if len(found) > _CONFLICTS:
        rest = [row.address for row in found[_CONFLICTS:][:_LINES]]
        yield _folded(f"{len(found) - _CONFLICTS:,} more conflicts", _fenced(rest))


def _conflict(row: RowChange) -> Iterator[str]:
    yield f"\n**{_code(row.address)}**\n\n"
    if row.holder:
        yield f"{_sentence(row.reason)}: {_code(row.holder)}. {HELD_EXPLAINED}\n\n"
    if in_conflict(row):
        yield "| column | last applied | live | desired |\n|---|---|---|---|\n"
    for column in in_conflict(row):
        cells = ("secret",) * 3
        if not column.secret:
            asked, live, desired = shown(
                column.asked, column.live, column.desired, bare=column.bare
            )
            last = _code(asked) if column.asked_known else "not known"
            cells = (last, _code(live), _code(desired))
        yield f"| {_code(column.name)} | {' | '.join(cells)} |\n"
    also = [column for column in row.columns if column not in in_conflict(row)]
    if also:
        # They are written all the same.
        yield "\n" + _fenced((each for one in also for each in _column(one)), "diff")
    yield "\n" + _fenced((command(row.address, take) for take in Take), "sh")


# What changes.


def _set(each: SetPlan) -> Iterator[str]:
    if each.decision in LEFT_ALONE:
        return
    found = [group for group in groups(map(of_row, each.rows)) if group.kind is not Kind.CONFLICT]
    lines: list[str] = []
    for group in found:
        words = ACTIONS[group.action]
        mark = "!" if group.kind is Kind.ATTENTION else _DIFF.get(words.mark, " ")
        lines.append(f"# {len(group.rows):,} {what(group)}: {group.reason}")
        for row in group.rows:
            lines += _row(row, mark)
    if not lines:
        return
    rest = max(0, len(lines) - _LINES)
    body = [line.replace("\n", " ") for line in lines[:_LINES]]
    if rest or each.left_out:
        body.append("# ... and more")
    told = joined(planned(tally([each])))
    block = _fenced(body, "diff")
    number = sum(len(group.rows) for group in found)
    if number > _UNFOLDED:
        yield _folded(f"{_inert(each.name)}: {told}", block)
    else:
        yield f"\n**{_inert(each.name)}**: {told}\n\n{block}"


_DIFF = {"+": "+", "-": "-", "~": "!"}
"""GitHub colours the lines of a diff by these."""


def _row(row: RowChange, mark: str) -> Iterator[str]:
    if is_new(row):
        told = ", ".join(f"{each.name} {_wanted(each)}" for each in telling(row))
        yield f"{mark} {row.address}" + (f"  {told}" if told else "")
        return
    others = f"referred to by {referred_to(row.referring)}" if row.referring else ""
    others = f"refers to {row.missing}" if row.missing else others
    yield f"{mark} {row.address}" + (f"  ({others})" if others else "")
    for column in row.columns:
        yield from _column(column)


def _column(column: ColumnChange) -> Iterator[str]:
    if column.secret:
        yield f"!     {column.name}: (secret)"
        return
    live, desired = shown(column.live, column.desired, bare=column.bare)
    if column.case is ColumnCase.CHANGED:
        asked, live = shown(column.asked, column.live, bare=column.bare)
        yield f"      {column.name}: {asked} → {live}  ({column.reason})"
        return
    if column.case in (ColumnCase.SETTLE, ColumnCase.HELD, ColumnCase.NOTHING):
        yield f"      {column.name}: {live}  ({column.reason})"
        return
    yield f"-     {column.name}: {live}"
    yield f"+     {column.name}: {desired}"


def _wanted(column: ColumnChange) -> str:
    return "(secret)" if column.secret else one(column.desired, bare=column.bare)


# Text that stays what it is.

_PUNCTUATION = re.compile(r"[\\`*_{}\[\]()#+!|<>&~@:/$^=\"]")


_REFERRING = re.compile(r"[@#](?=\w)")


def _code(text: str) -> str:
    """Text in a monospaced face, wherever it stands; nobody is mentioned by it."""
    return f"<code>{_escaped(printable(text))}</code>"


def _inert(text: str) -> str:
    """Text that is neither Markdown nor HTML, mentions nobody and refers to no issue."""
    return _escaped(_REFERRING.sub("\\g<0>\N{WORD JOINER}", printable(text)))


def _escaped(text: str) -> str:
    return _PUNCTUATION.sub(lambda match: f"&#{ord(match[0])};", text)


def _sentence(text: str) -> str:
    """A sentence of ours, its `commands` set as code."""
    parts = re.split(r"`([^`]+)`", printable(text))
    return "".join(_code(part) if n % 2 else _inert(part) for n, part in enumerate(parts))


def _fenced(lines: Iterable[str], language: str = "") -> str:
    """Lines as a block of code; the fence is longer than any within it."""
    text = "\n".join(map(printable, lines))  # whatever else ends a line does not end one of these
    longest = max((len(match) for match in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}\n"


def _folded(summary: str, body: str) -> str:
    return f"\n<details><summary>{summary}</summary>\n\n{body}\n</details>\n"
