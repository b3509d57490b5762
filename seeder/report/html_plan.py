"""A plan as one HTML file: for a phone, for paper, for whoever has to say yes."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from seeder.merge.plan import Plan, RowChange, SetDecision, SetPlan
from seeder.report import html_rows
from seeder.report.html import Html, tag
from seeder.report.html_page import facts, notices, page, section, tiles
from seeder.report.layout import Ink
from seeder.report.plan_text import hints
from seeder.report.words import (
    CONFLICTS,
    DECISIONS,
    LEFT,
    LEFT_ALONE,
    count,
    moment,
    place,
    planned_by_name,
    tally,
)


def plan(found: Plan, *, made: datetime.datetime) -> str:
    """Show what a run would do."""
    release = f", release {found.release}" if found.release else ""
    return page(
        title=f"Plan for {found.environment}{release}",
        eyebrow="What a run of seeder would do",
        lead=tag("p", _lead(found), class_="lead"),
        body=_body(found, made),
        foot="Making a plan writes nothing. Values of secret columns are shown nowhere.",
    )


def _lead(found: Plan) -> str:
    mode = f"Mode {found.mode} ({found.reason})." if found.reason else f"Mode {found.mode}."
    if found.changes or found.migrations or found.tasks:
        return mode
    if found.waiting:
        return f"{mode} Nothing is changed now; waiting: {', '.join(found.waiting)}."
    return f"{mode} Nothing to do."


def _body(found: Plan, made: datetime.datetime) -> Iterator[Html | None]:
    rows = [row for each in found.sets for row in each.rows]
    yield facts(
        [
            ("environment", found.environment),
            ("release", found.release or "none"),
            ("made", moment(made)),
            ("plan id", tag("code", found.id)),
        ]
    )
    yield tiles(_numbers(found))
    yield from notices(found.warnings, kind="Warning")
    # What the section of conflicts explains by itself needs no hint.
    yield from notices((each for each in hints(found) if "--take" not in each), kind="Hint")
    yield html_rows.decisions(rows)
    yield html_rows.attention(rows)
    yield _changes(found)
    yield _steps(found)
    yield html_rows.kept(rows)
    yield _waiting(found)


def _numbers(found: Plan) -> Iterator[tuple[str, Ink, str]]:
    counted = planned_by_name(tally(found.sets))
    loud = [(text, ink, "conflicts") for name, text, ink in counted if name == CONFLICTS]
    yield from loud
    if found.migrations:
        yield count(len(found.migrations), "migration"), Ink.NOTE, "migrations"
    for name, text, ink in counted:
        if name != CONFLICTS:
            yield text, ink, "kept" if name == LEFT else "changes"
    if found.tasks:
        yield count(len(found.tasks), "task"), Ink.NOTE, "migrations"


def _changes(found: Plan) -> Html | None:
    parts = [each for each in found.sets if any(map(html_rows.is_written, each.rows))]
    if not parts:
        return None
    return section("What will change", [_set(each) for each in parts], id_="changes")


def _set(each: SetPlan) -> Html:
    rows: list[RowChange] = [row for row in each.rows if html_rows.is_written(row)]
    table = place(each.name, each.table)
    # That an update merges is what everybody expects.
    reason = "" if each.decision is SetDecision.MERGE else each.reason
    return html_rows.changes(each.name, table, reason, rows, each.left_out)


def _steps(found: Plan) -> Html | None:
    if not found.migrations and not found.tasks:
        return None
    migrations = [tag("li", tag("code", name)) for name in found.migrations]
    tasks = [tag("li", tag("code", name)) for name in found.tasks]
    return section(
        "Migrations and tasks",
        tag("p", "Migrations, before any row, in this order:") if migrations else None,
        tag("ol", migrations) if migrations else None,
        tag("p", "Tasks, once and after the rows; what they change is not foreseen:")
        if tasks
        else None,
        tag("ol", tasks) if tasks else None,
        id_="migrations",
    )


def _waiting(found: Plan) -> Html | None:
    left = [each for each in found.sets if each.decision in LEFT_ALONE]
    if not left:
        return None
    lines = [
        tag("tr", [tag("td", text) for text in (each.name, DECISIONS[each.decision], each.reason)])
        for each in left
    ]
    return section("Sets that wait", tag("table", tag("tbody", lines)), id_="waiting")
