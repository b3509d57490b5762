"""A plan as people read it: row by row, column by column, and why."""

from __future__ import annotations

from collections.abc import Iterator

from seeder.merge.choices import EXPLAINED
from seeder.merge.found import RequestRecord, Requests
from seeder.merge.model import Mode
from seeder.merge.plan import Plan, SetDecision, SetPlan
from seeder.report.layout import PLAIN, Ink, Line, Piece, Screen, Span, line, prose, table, unshown
from seeder.report.rows_text import rows
from seeder.report.words import (
    DECISIONS,
    LEFT_ALONE,
    LISTED,
    Count,
    Kind,
    count,
    kind_of,
    listed,
    moment,
    place,
    planned,
    some,
    still_skipped,
    tally,
)


def plan(found: Plan, screen: Screen = PLAIN, *, full: bool = False) -> str:
    """Say what a run would do; with `full`, with every row."""
    return screen.show(_plan(found, full=full))


def requests(found: Requests, screen: Screen = PLAIN) -> str:
    """List the requests and the plan that waits for one."""
    return screen.show(_requests(found))


def hints(found: Plan) -> Iterator[str]:
    """What has to happen before everything in a plan arrives; every report says it so."""
    decisions = {each.decision for each in found.sets}
    if found.provisional:
        yield (
            "Migrations are pending, so this plan is provisional: it can be neither approved"
            " nor run with --plan."
        )
    waits = decisions & {SetDecision.PENDING, SetDecision.UNADOPTED}
    if waits and not (found.mode is Mode.UPDATE and found.adopt):
        yield "`seeder plan --mode update` shows what an update by hand would do to them."
    yield from (LEFT_ALONE[each] for each in LEFT_ALONE if each in decisions)
    if found.standing:
        told = "is" if found.standing == 1 else "are"
        yield (
            f"{count(found.standing, 'row')} {told} in conflict since earlier runs:"
            " `seeder conflicts` shows the values."
        )
    if found.skipped:
        yield still_skipped(found.skipped)
    if any(kind_of(row) is Kind.CONFLICT for each in found.sets for row in each.rows):
        yield EXPLAINED


def _plan(found: Plan, *, full: bool) -> Iterator[Line]:
    of = f", release {found.release}" if found.release else ""
    yield line(
        Span(f"Plan for {found.environment}: mode {found.mode}{of}", Ink.STRONG),
        f" ({found.reason})",
    )
    if found.migrations:
        yield Line()
        yield line(Span("Migrations", Ink.STRONG))
        yield line(", ".join(found.migrations), indent=2, hang=2)
    changing = [each for each in found.sets if each.decision not in LEFT_ALONE and each.counts]
    for each in changing if full else changing[:LISTED]:
        yield from _set(each, full=full)
    if len(changing) > LISTED and not full:
        more = count(len(changing) - LISTED, "more set")
        yield Line()
        yield line(Span(f"... and {more}; --full shows them all", Ink.DIM))
    if found.tasks:
        yield Line()
        yield line(
            Span("Tasks", Ink.STRONG),
            Span("  after the rows; what they change is not foreseen", Ink.DIM),
        )
        yield from (line(task, indent=2) for task in found.tasks)
    yield Line()
    yield from _waiting(found)
    for warning in found.warnings:
        yield line(Span("Warning: ", Ink.CHANGED), *prose(warning))
    yield line(*summary(found))
    yield from (line(Span("Hint: ", Ink.NOTE), *prose(hint)) for hint in hints(found))
    yield line(Span(f"Plan id: {found.id}", Ink.DIM))


def _set(each: SetPlan, *, full: bool) -> Iterator[Line]:
    yield Line()
    yield line(
        Span(each.name, Ink.STRONG),
        Span(f"  {place(each.name, each.table)}".rstrip(), Ink.DIM),
        # That an update merges is what everybody expects.
        Span("" if each.decision is SetDecision.MERGE else f"  {each.reason}", Ink.DIM),
    )
    yield from rows(each.rows, full=full)
    yield from unshown(each.left_out, "row", indent=2)


def _waiting(found: Plan) -> Iterator[Line]:
    left = [each for each in found.sets if each.decision in LEFT_ALONE]
    if not left:
        return
    yield line(Span("Left alone", Ink.STRONG))
    yield from table(
        [
            (each.name, Span(DECISIONS[each.decision], Ink.CHANGED), Span(each.reason, Ink.DIM))
            for each in left[:LISTED]
        ],
        indent=2,
    )
    yield from unshown(len(left) - LISTED, "set", indent=2)


def summary(found: Plan) -> Iterator[Piece]:
    """Yield the plan in one line: how many of what."""
    steps = {"migration": found.migrations, "task": found.tasks}
    parts = [Count(noun, count(len(each), noun), Ink.NOTE) for noun, each in steps.items() if each]
    parts += planned(tally(found.sets))
    if not parts:
        waits = found.waiting
        told = f"Nothing is changed now; waiting: {some(waits)}." if waits else None
        yield Span(told or "Nothing to do.", Ink.STRONG)
        return
    yield Span("In all: ", Ink.STRONG)
    yield from listed(parts)
    yield "."


def _requests(found: Requests) -> Iterator[Line]:
    for plan_id in found.pending or ("none",):
        yield line(f"Pending plan: {plan_id}")
    if not found.requests:
        yield line("No requests.")
    yield from table([_request(each) for each in found.requests], indent=2)
    if found.more:
        yield line("  Older ones are not shown.")


_STATES = {"open": Ink.CHANGED, "applied": Ink.GOOD, "stale": Ink.BAD, "void": Ink.DIM}


def _request(each: RequestRecord) -> tuple[Piece, ...]:
    settled = f" by run {each.run}" if each.run is not None else ""
    state = Span(f"{each.state}{settled}", _STATES.get(each.state, Ink.PLAIN))
    who = each.actor if each.role in (None, each.actor) else f"{each.actor} (as {each.role})"
    return f"{each.id:>3}", state, moment(each.requested_at), who, each.plan_id
