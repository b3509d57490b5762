"""A plan or a run as one HTML file: for a phone, for paper, for whoever has to say yes."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from markupsafe import Markup
from msgspec import Struct

from seeder.merge.choices import (
    AFTERWARDS,
    HELD_EXPLAINED,
    MEANING,
    UNTIL_THEN,
    Take,
    command,
)
from seeder.merge.plan import (
    ColumnCase,
    ColumnChange,
    Plan,
    RowAction,
    RowChange,
    SetDecision,
    SetOutcome,
    SetPlan,
)
from seeder.merge.result import Failure, Result, RunResult
from seeder.report.differences import of_row
from seeder.report.layout import Ink
from seeder.report.markup import environment, marked, value
from seeder.report.plan_text import hints
from seeder.report.words import (
    ACTIONS,
    CONFLICTS,
    DECISIONS,
    LEFT,
    LEFT_ALONE,
    Group,
    Kind,
    count,
    done,
    duration,
    from_to,
    groups,
    has,
    in_conflict,
    is_new,
    joined,
    kind_of,
    moment,
    place,
    planned,
    referred_to,
    standing,
    tally,
    telling,
)

SHOWN = 200
"""Rows of a group that a page shows, where there are few sets; and sets."""

_ROWS = 2_000
"""Rows of a group that a page shows in all of its sets."""

_FOLDED = 12
"""Rows of a set from which on it is shown closed."""

_FOOT = "Values of secret columns are shown nowhere."

_IDLE = Result.NOTHING_TO_DO

_TITLES = {
    Result.DONE: "seeder ran on {environment}",
    _IDLE: "Nothing to do on {environment}",
    Result.OLDER_IMAGE: "{environment} is ahead of this image",
}


def plan(found: Plan, *, made: datetime.datetime) -> str:
    """Show what a run would do."""
    release = f", release {found.release}" if found.release else ""
    mode = f"Mode {found.mode} ({found.reason})." if found.reason else f"Mode {found.mode}."
    steps = [
        ("Migrations, before any row, in this order:", found.migrations),
        ("Tasks, once and after the rows; what they change is not foreseen:", found.tasks),
    ]
    return _rendered(
        "work.html",
        finished=False,
        title=f"Plan for {found.environment}{release}",
        eyebrow="What a run of seeder would do",
        lead=f"{mode}{_nothing(found)}",
        facts=[
            ("environment", found.environment),
            ("release", found.release or "none"),
            ("made", moment(made)),
            ("plan id", Markup("<code>{}</code>").format(found.id)),
        ],
        numbers=_numbers(found),
        warnings=found.warnings,
        # What the section of conflicts explains by itself needs no hint.
        hints=[each for each in hints(found) if "--take" not in each],
        changes=[
            _changed(each, each.left_out, "" if _merges(each) else each.reason)
            for each in found.sets
            if any(map(_is_written, each.rows))
        ],
        steps_title="Migrations and tasks",
        steps=[(about, names) for about, names in steps if names],
        sets_title="Sets that wait",
        sets_head=("set", "decision", "reason"),
        sets=[
            (each.name, DECISIONS[each.decision], each.reason)
            for each in found.sets
            if each.decision in LEFT_ALONE
        ],
        foot=f"Making a plan writes nothing. {_FOOT}",
        **_by_kind(row for each in found.sets for row in each.rows),
    )


def run(result: RunResult | Failure, *, made: datetime.datetime) -> str:
    """Show what a run did, or why it failed."""
    if isinstance(result, Failure):
        return _failure(result, made)
    told = [result.result.replace("-", " ").capitalize()]
    told += [f"mode {result.mode}"] if result.mode else []
    told += [f"release {result.release}"] if result.release else []
    decisions = {each.decision for each in result.sets}
    rows = [row for each in result.sets for row in each.kept]
    told_of = {row.address for row in rows}
    rows += [standing(each) for each in result.in_conflict if each.address not in told_of]
    kept = _by_kind(rows)
    shown = _by_kind(row for each in result.sets for row in each.rows)
    return _rendered(
        "work.html",
        finished=True,
        title=_TITLES.get(result.result, "{environment}").format(environment=result.environment),
        eyebrow="What a run of seeder did",
        lead=f"{', '.join(told)}, in {duration(sum(result.phases.values()))}."
        + (f" {result.environment} {has(result)}." if result.result is _IDLE else ""),
        facts=[
            ("environment", result.environment),
            ("run", "none was recorded" if result.run_id is None else str(result.run_id)),
            ("finished", moment(made)),
            ("revision", from_to(result.revision_before, result.revision_after)),
            *_phases(result.phases.items()),
        ],
        numbers=_numbers(result),
        warnings=result.warnings,
        hints=[text for decision, text in LEFT_ALONE.items() if decision in decisions]
        + ([result.hint] if result.hint else []),
        changes=[
            _changed(each, _unshown(each), "" if _merges(each) else DECISIONS[each.decision])
            for each in result.sets
            if any(map(_is_written, each.rows))
        ],
        steps_title="Migrations, tasks, requests",
        steps=[("", names)] if (names := _steps(result)) else [],
        sets_title="Set by set",
        sets_head=("set", "decision", "rows"),
        sets=[
            (
                each.name,
                DECISIONS[each.decision],
                joined(done(tally([each]))) or "nothing",
            )
            for each in result.sets
        ],
        foot=_FOOT,
        conflicts=kept["conflicts"],
        attention=kept["attention"],
        kept=shown["kept"],
    )


def _failure(failed: Failure, made: datetime.datetime) -> str:
    interrupted = failed.result is Result.INTERRUPTED
    return _rendered(
        "failure.html",
        title="seeder was interrupted" if interrupted else "seeder failed",
        eyebrow="What a run of seeder did",
        lead=failed.message,
        facts=[
            ("error", failed.error),
            ("code", failed.code),
            ("exit code", str(failed.exit_code)),
            ("finished", moment(made)),
            *_phases(failed.phases.items()),
        ],
        failed=failed,
        foot=_FOOT,
    )


def _rendered(template: str, **content: Any) -> str:
    made = environment("seeder.report")
    changed = min(SHOWN, len(content.get("changes", ())))
    made.globals.update(
        ACTIONS=ACTIONS,
        AFTERWARDS=AFTERWARDS,
        CONFLICT=ColumnCase.CONFLICT,
        FOLDED=_FOLDED,
        HELD_EXPLAINED=HELD_EXPLAINED,
        MEANING=MEANING,
        OF_A_SET=min(SHOWN, _ROWS // max(1, changed)),
        SHOWN=SHOWN,
        STAYING=(ColumnCase.SETTLE, ColumnCase.HELD, ColumnCase.LET_GO, ColumnCase.CHANGED),
        Take=Take,
        UNTIL_THEN=UNTIL_THEN,
        USUAL="changed_both",  # a row in conflict to which nothing else happens
        besides=_besides,
        by_name=_by_name,
        command=command,
        count=count,
        groups=groups,
        has_columns=lambda group: any(row.columns for row in group.rows),
        in_conflict=in_conflict,
        inserted_columns=_inserted_columns,
        is_insert=lambda group: all(map(is_new, group.rows)),
        referred_to=referred_to,
        pair=lambda column: marked(column.live, column.desired),
        three=_three,
        tones={Ink.PLAIN: "quiet", Ink.DIM: "quiet"}
        | {ink: ink.name.lower() for ink in (Ink.GOOD, Ink.CHANGED, Ink.BAD, Ink.LOUD, Ink.NOTE)},
        why_of=_why,
    )
    return made.get_template(template).render(content)


# What stands at the top.


def _nothing(found: Plan) -> str:
    if found.changes or found.migrations or found.tasks:
        return ""
    if found.waiting:
        return f" Nothing is changed now; waiting: {', '.join(found.waiting)}."
    return " Nothing to do."


def _numbers(work: Plan | RunResult) -> Iterator[tuple[str, Ink, str]]:
    ran = isinstance(work, RunResult)
    counted = (done if ran else planned)(tally(work.sets))
    yield from ((text, ink, "conflicts") for name, text, ink in counted if name == CONFLICTS)
    if work.migrations:
        told = count(len(work.migrations), "migration")
        yield f"{told} applied" if ran else told, Ink.NOTE, "migrations"
    for name, text, ink in counted:
        if name != CONFLICTS:
            yield text, ink, "kept" if name == LEFT else "changes"
    if work.tasks:
        told = count(len(work.tasks), "task")
        yield f"{told} run" if ran else told, Ink.NOTE, "migrations"
    waiting = sum(each.decision in LEFT_ALONE for each in work.sets)
    if ran and waiting:
        yield f"{count(waiting, 'set')} waiting", Ink.CHANGED, "sets"


def _phases(phases: Iterable[tuple[str, float]]) -> Iterator[tuple[str, str]]:
    yield from ((name, duration(seconds)) for name, seconds in phases if seconds >= 1)


def _steps(result: RunResult) -> list[str]:
    names = [f"migration {name}" for name in result.migrations]
    if not names and result.revision_before != result.revision_after:  # by a command
        names = [f"migrations: {from_to(result.revision_before, result.revision_after)}"]
    names += [f"task {name}" for name in result.tasks]
    return names + [f"request {each.id} of {each.actor}: {each.state}" for each in result.requests]


# Rows.


class _ChangedSet(Struct, frozen=True, kw_only=True):
    """What is written in a set, and what goes on record."""

    name: str
    about: str
    groups: tuple[Group, ...]
    left_out: int
    open: bool


def _changed(each: SetPlan | SetOutcome, left_out: int, reason: str) -> _ChangedSet:
    found = groups(of_row(row) for row in each.rows if _is_written(row))
    table = place(each.name, each.table)
    return _ChangedSet(
        name=each.name,
        about="; ".join(filter(None, (table and f"table {table}", reason))),
        groups=found,
        left_out=left_out,
        open=sum(len(group.rows) for group in found) <= _FOLDED,
    )


def _merges(each: SetPlan | SetOutcome) -> bool:
    """That an update merges is what everybody expects."""
    return each.decision is SetDecision.MERGE


def _unshown(each: SetOutcome) -> int:
    all_of = sum(n for name, n in each.counts.items() if name != CONFLICTS)
    return max(0, all_of - len(each.rows))


def _by_kind(rows: Iterable[RowChange]) -> dict[str, list[RowChange]]:
    found: dict[Kind, list[RowChange]] = {kind: [] for kind in Kind}
    for row in map(of_row, rows):
        found[kind_of(row)].append(row)
    return {
        "conflicts": found[Kind.CONFLICT],
        "attention": found[Kind.ATTENTION],
        "kept": found[Kind.KEPT],
    }


def _is_written(row: RowChange) -> bool:
    return kind_of(row) in (Kind.CHANGE, Kind.RECORD)


def _by_name(row: RowChange) -> dict[str, ColumnChange]:
    return {column.name: column for column in row.columns}


def _inserted_columns(group: Group) -> list[str]:
    """The columns of a table of new rows; none where their addresses say it all."""
    if not all(map(is_new, group.rows)) or not any(map(telling, group.rows)):
        return []
    rows = [(row.address.partition("/")[2], _by_name(row)) for row in group.rows[:SHOWN]]
    # A key that is the whole address says nothing new.
    return [
        name
        for name in dict.fromkeys(name for _, columns in rows for name in columns)
        if any(name not in columns or columns[name].desired != key for key, columns in rows)
    ]


def _why(column: ColumnChange) -> str:
    if column.case is ColumnCase.MARK:
        return column.reason
    if column.case is not ColumnCase.UPDATE or not column.asked_known:
        return "; ".join(filter(None, (column.reason, _last(column))))
    return _last(column) if column.live != column.asked else ""


def _last(column: ColumnChange) -> str:
    if not column.asked_known:
        return "last applied is not known"
    if column.secret:
        return ""
    return f"last applied {'NULL' if column.asked is None else repr(column.asked[:60])}"


def _besides(row: RowChange) -> str:
    if row.action is RowAction.UPDATE:
        return "Its other columns"
    return f"The row itself: {ACTIONS[row.action].planned}"


def _three(column: ColumnChange) -> Sequence[tuple[str, Markup]]:
    """What was applied last, what is there now, and what the catalog asks for."""
    if column.secret:
        return [(name, value(None, secret=True)) for name in ("last applied", "live", "desired")]
    asked, live, desired = column.asked, column.live, column.desired
    base = asked if column.asked_known else None
    if not column.asked_known:
        last = Markup('<span class="null">not known</span>')
    elif column.stored in (column.asked, column.live):
        last = value(asked)
    else:
        last = Markup('{}<p class="why">stored as {}</p>').format(
            value(asked), value(column.stored)
        )
    return (
        ("last applied", last),
        ("live", marked(base, live)[1]),
        ("desired", marked(base, desired)[1]),
    )
