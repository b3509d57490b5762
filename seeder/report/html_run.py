"""What a run did, or why it failed, as one HTML file."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from seeder.errors import Problem
from seeder.merge.plan import RowChange, SetDecision, SetOutcome
from seeder.merge.result import Failure, Result, RunResult
from seeder.report import html_rows
from seeder.report.html import Html, joined, tag
from seeder.report.html_page import facts, notices, page, prose, section, tiles
from seeder.report.layout import Ink
from seeder.report.words import (
    CONFLICTS,
    DECISIONS,
    LEFT,
    LEFT_ALONE,
    count,
    done,
    done_by_name,
    duration,
    from_to,
    moment,
    place,
    tally,
)

_TITLES = {
    Result.DONE: "seeder ran on {environment}",
    Result.NOTHING_TO_DO: "Nothing to do on {environment}",
    Result.OLDER_IMAGE: "{environment} is ahead of this image",
}

_FOOT = "Values of secret columns are shown nowhere."


def run(result: RunResult | Failure, *, made: datetime.datetime) -> str:
    """Show what a run did, or why it failed."""
    if isinstance(result, Failure):
        return _failure(result, made)
    return page(
        title=_TITLES.get(result.result, "{environment}").format(environment=result.environment),
        eyebrow="What a run of seeder did",
        lead=tag("p", _lead(result), class_="lead"),
        body=_body(result, made),
        foot=_FOOT,
    )


def _lead(result: RunResult) -> str:
    facts = [result.result.replace("-", " ").capitalize()]
    if result.mode:
        facts.append(f"mode {result.mode}")
    if result.release:
        facts.append(f"release {result.release}")
    return f"{', '.join(facts)}, in {duration(sum(result.phases.values()))}."


def _body(result: RunResult, made: datetime.datetime) -> Iterator[Html | None]:
    yield facts(
        [
            ("environment", result.environment),
            ("run", "none was recorded" if result.run_id is None else str(result.run_id)),
            ("finished", moment(made)),
            ("revision", from_to(result.revision_before, result.revision_after)),
            *((name, duration(seconds)) for name, seconds in result.phases.items() if seconds >= 1),
        ]
    )
    yield tiles(_numbers(result))
    yield from notices(result.warnings, kind="Warning")
    decisions = {each.decision for each in result.sets}
    yield from notices((LEFT_ALONE[each] for each in LEFT_ALONE if each in decisions), kind="Hint")
    if result.hint:
        yield from notices([result.hint], kind="Hint")
    kept = [row for each in result.sets for row in each.kept]
    yield html_rows.decisions(kept)
    yield html_rows.attention(kept)
    yield _changes(result)
    yield _steps(result)
    yield html_rows.kept([row for each in result.sets for row in each.rows])
    yield _sets(result)


def _numbers(result: RunResult) -> Iterator[tuple[str, Ink, str]]:
    counted = done_by_name(tally(result.sets))
    yield from ((text, ink, "conflicts") for name, text, ink in counted if name == CONFLICTS)
    if result.migrations:
        told = count(len(result.migrations), "migration")
        yield f"{told} applied", Ink.NOTE, "migrations"
    for name, text, ink in counted:
        if name != CONFLICTS:
            yield text, ink, "kept" if name == LEFT else "changes"
    if result.tasks:
        yield f"{count(len(result.tasks), 'task')} run", Ink.NOTE, "migrations"
    waiting = [each for each in result.sets if each.decision in LEFT_ALONE]
    if waiting:
        yield f"{count(len(waiting), 'set')} waiting", Ink.CHANGED, "sets"


def _changes(result: RunResult) -> Html | None:
    parts = [each for each in result.sets if any(map(html_rows.is_written, each.rows))]
    if not parts:
        return None
    return section("What changed", [_set(each) for each in parts], id_="changes")


def _set(each: SetOutcome) -> Html:
    rows: list[RowChange] = [row for row in each.rows if html_rows.is_written(row)]
    all_of = sum(n for name, n in each.counts.items() if name != CONFLICTS)
    table = place(each.name, each.table)
    left_out = max(0, all_of - len(each.rows))
    about = "" if each.decision is SetDecision.MERGE else DECISIONS[each.decision]
    return html_rows.changes(each.name, table, about, rows, left_out, finished=True)


def _steps(result: RunResult) -> Html | None:
    names = [f"migration {name}" for name in result.migrations]
    if not names and result.revision_before != result.revision_after:  # by a command
        names = [f"migrations: {from_to(result.revision_before, result.revision_after)}"]
    names += [f"task {name}" for name in result.tasks]
    names += [f"request {each.id} of {each.actor}: {each.state}" for each in result.requests]
    if not names:
        return None
    items = tag("ol", [tag("li", name) for name in names])
    return section("Migrations, tasks, requests", items, id_="migrations")


def _sets(result: RunResult) -> Html | None:
    if not result.sets:
        return None
    lines = []
    for each in result.sets:
        told = ", ".join(text for text, _ in done(tally([each]))) or "nothing"
        cells = (each.name, DECISIONS[each.decision], told)
        lines.append(tag("tr", [tag("td", text) for text in cells]))
    head = tag("tr", [tag("th", name, scope="col") for name in ("set", "decision", "rows")])
    table = tag("table", tag("thead", head), tag("tbody", lines))
    return section("Set by set", tag("div", table, class_="scroll"), id_="sets")


# A failure.


def _failure(failed: Failure, made: datetime.datetime) -> str:
    return page(
        title="seeder was interrupted" if failed.result is Result.INTERRUPTED else "seeder failed",
        eyebrow="What a run of seeder did",
        lead=tag("p", prose(failed.message), class_="lead"),
        body=_told(failed, made),
        foot=_FOOT,
    )


def _told(failed: Failure, made: datetime.datetime) -> Iterator[Html | None]:
    yield facts(
        [
            ("error", failed.error),
            ("exit code", str(failed.exit_code)),
            ("finished", moment(made)),
            *((name, duration(seconds)) for name, seconds in failed.phases.items() if seconds >= 1),
        ]
    )
    if failed.hint:
        yield from notices([failed.hint], kind="Hint")
    if failed.problems:
        problems = [tag("div", _problem(each), class_="card") for each in failed.problems]
        yield section("Problems", problems, id_="problems")
    if failed.trace:
        yield section("Trace", tag("pre", "\n".join(failed.trace)), id_="trace")


def _problem(problem: Problem) -> Html:
    message = problem.message
    return joined(
        tag("p", tag("code", problem.place)) if problem.place else None,
        tag("p", prose(f"{message[:1].upper()}{message[1:]}")),
        tag("p", tag("strong", prose(problem.remedy))) if problem.remedy else None,
    )
