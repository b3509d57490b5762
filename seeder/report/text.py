"""What a person reads: the results of commands as text, plain or for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from seeder.merge.choices import EXPLAINED, HELD_EXPLAINED, LEFT_EXPLAINED
from seeder.merge.found import (
    AppliedRelease,
    CheckResult,
    Conflicts,
    KeptRow,
    OpenConflict,
    Readiness,
    Status,
    everybody_may_create,
)
from seeder.merge.plan import RowAction, SetDecision, SetOutcome
from seeder.merge.result import Result, RunResult
from seeder.merge.settled import RunRecord
from seeder.report.excerpt import Excerpts
from seeder.report.layout import (
    PLAIN,
    Cell,
    Ink,
    Line,
    Piece,
    Screen,
    Span,
    line,
    named,
    prose,
    table,
    unshown,
)
from seeder.report.rows_text import attention, skips, standing
from seeder.report.words import (
    DECISIONS,
    DELETED,
    LEFT_ALONE,
    LISTED,
    SKIPPED,
    count,
    counted,
    done,
    duration,
    from_to,
    has,
    in_conflict,
    listed,
    moment,
    some,
    still_skipped,
    tally,
)

_NAMED = 20
"""Rows that need a person, of a run."""


def run(result: RunResult, screen: Screen = PLAIN) -> str:
    """Say what a run did, set by set, and what waits for a person."""
    return screen.show(_run(result))


def check(result: CheckResult, screen: Screen = PLAIN, *, project: Path) -> str:
    """Say that a catalog is in order, and how large it is."""
    return screen.show(_check(result, Excerpts(project)))


def status(found: Status, screen: Screen = PLAIN) -> str:
    """Say where a database stands."""
    return screen.show(_status(found))


def conflicts(found: Conflicts, screen: Screen = PLAIN) -> str:
    """List open conflicts, each with its values and the commands that settle it."""
    return screen.show(_conflicts_listed(found))


def conflict(found: OpenConflict, screen: Screen = PLAIN) -> str:
    """Show one of them."""
    return screen.show(standing([found], limit=1))


def ready(found: Readiness, screen: Screen = PLAIN) -> str:
    """Say that an application may start."""
    return screen.show(_ready(found))


# A run.


def _run(result: RunResult) -> Iterator[Line]:
    yield line(*_headline(result))
    yield from table(list(_facts(result)), indent=2)
    named = [row for each in result.sets for row in each.kept]
    kept = [row for row in named if row.action is not RowAction.SKIP]
    if kept:
        yield line(Span("Needs your decision:", Ink.STRONG))
        yield from attention(kept, limit=_NAMED)
        if any(in_conflict(row) for row in kept):
            yield line(*prose(EXPLAINED, Ink.DIM), indent=2, hang=2)
        if any(row.holder for row in kept):
            yield line(*prose(HELD_EXPLAINED, Ink.DIM), indent=2, hang=2)
    earlier = {each.address for each in result.in_conflict}.difference(row.address for row in kept)
    if earlier:
        yield line(Span("Still in conflict since earlier runs:", Ink.STRONG))
        open_still = [each for each in result.in_conflict if each.address in earlier]
        yield from standing(open_still, limit=_NAMED)
    if result.left.get("conflicts") and not result.hint:
        yield line(*prose("`seeder conflicts` shows what is in conflict, with the values."))
    skipped = [row for row in named if row.action is RowAction.SKIP]
    if skipped:
        yield line(*prose(SKIPPED, Ink.STRONG))
        yield from skips(skipped, limit=_NAMED)
    elif result.left.get("skip"):
        yield line(*prose(still_skipped(result.left["skip"])))
    decisions = {each.decision for each in result.sets}
    for decision, sentence in LEFT_ALONE.items():
        if decision in decisions:
            yield line(*prose(sentence))
    if result.pending_plan:
        yield line(f"Pending plan: {result.pending_plan}")
    for warning in result.warnings:
        yield line(Span("Warning: ", Ink.CHANGED), *prose(warning))
    if result.hint:
        yield line(Span("Hint: ", Ink.NOTE), *prose(result.hint))


def _headline(result: RunResult) -> Iterator[Piece]:
    match result.result:
        case Result.NOTHING_TO_DO:
            yield Span("Nothing to do", Ink.GOOD)
            yield f": {result.environment} {has(result)}."
        case Result.OLDER_IMAGE:
            yield Span("Left alone", Ink.CHANGED)
            yield f": {result.environment} is ahead of this image."
        case _:
            facts = [result.environment]
            if result.mode:
                facts.append(f"mode {result.mode}")
            if result.release:
                facts.append(f"release {result.release}")
            if result.run_id is not None:
                facts.append(f"run {result.run_id}")
            took = duration(sum(result.phases.values()))
            yield Span(result.result.capitalize(), Ink.GOOD)
            yield f" in {took}: {', '.join(facts)}."


def _facts(result: RunResult) -> Iterator[tuple[Cell, ...]]:
    if result.migrations:
        yield Span("migrated", Ink.DIM), some(result.migrations)
    elif result.revision_before != result.revision_after:  # by a command
        yield Span("migrated", Ink.DIM), from_to(result.revision_before, result.revision_after)
    told = [each for each in result.sets if each.counts or each.decision in LEFT_ALONE]
    for each in told[:LISTED]:
        yield each.name, _outcome(each)
    if len(told) > LISTED:
        yield (Span(f"... and {count(len(told) - LISTED, 'more set')}", Ink.DIM),)
    if result.tasks:
        yield Span("tasks", Ink.DIM), some(result.tasks)
    for request in result.requests:
        yield Span("request", Ink.DIM), f"{request.id} by {request.actor}: {request.state}"
    quiet = len(result.sets) - len(told)
    if quiet:
        yield (Span(f"{count(quiet, 'set')} unchanged", Ink.DIM),)


def _outcome(outcome: SetOutcome) -> Cell:
    parts = list(listed(done(tally([outcome]))))
    if outcome.decision in LEFT_ALONE:
        word = Span(DECISIONS[outcome.decision], Ink.CHANGED)
        return (word, ": ", *parts) if parts else (word,)
    return tuple(parts) or ("unchanged",)


# A catalog in order.


def _check(result: CheckResult, excerpts: Excerpts) -> Iterator[Line]:
    sizes = (
        count(result.sets, "seed set"),
        count(result.rows, "row"),
        count(result.tasks, "task"),
        count(result.revisions, "revision"),
    )
    yield line(Span("Valid", Ink.GOOD), f": {', '.join(sizes)}.")
    for problem in result.problems:
        yield line(Span("Warning: ", Ink.CHANGED), *prose(str(problem)))
        yield from excerpts.of(problem)


# Where a database stands.


def _status(found: Status) -> Iterator[Line]:
    mark = found.environment if found.initialised else f"{found.environment}, not yet initialised"
    yield line(Span(f"Database {found.database}", Ink.STRONG), f" ({mark})")
    if found.newer_ledger:
        yield from _status_closed(found)
        return
    yield from named(
        ("project", found.project or "none: seeder.toml has no identity"),
        ("revision", _revision(found)),
        ("releases", some([_release(each) for each in found.releases]) or "none"),
        ("unadopted", _wanting(found.unadopted)),
        ("pending", _wanting(found.pending)),
        ("due", _wanting(found.due) if found.due else None),
        ("awaiting", _wanting(found.awaiting) if found.awaiting else None),
        ("conflicts", _conflicts(found.conflicts)),
        ("skipped", str(found.skipped or "")),
        ("deleted", str(found.deleted or "")),
        ("lock", _lock(found.lock_holder)),
    )
    if found.other_history:
        told = f"A run of this image would be refused. {found.other_history}"
        yield line(Span("! ", Ink.LOUD), *prose(told), hang=2)
    if found.held_back:
        yield line(Span("! ", Ink.LOUD), *prose(found.held_back), hang=2)
    for name in found.open_schemas:
        yield line(Span("! ", Ink.LOUD), *prose(everybody_may_create(name)), hang=2)
    yield from _open_conflicts(found)
    yield from _named(SKIPPED, [(each,) for each in found.waiting], found.skipped)
    yield from _named(DELETED, [(each,) for each in found.deleted_rows], found.deleted)
    yield from _unfit(found)
    waits = {
        SetDecision.UNADOPTED: found.unadopted,
        SetDecision.PENDING: found.pending,
        SetDecision.AWAITING_TABLE: found.awaiting,
    }
    for decision, names in waits.items():
        if names and decision is SetDecision.PENDING and found.update:
            yield line(f"The next run brings what is pending: {found.update}.")
        elif names:
            yield line(*prose(LEFT_ALONE[decision]))
    if found.due:
        yield line(*prose("Sets that are due get their first rows from the next `seeder run`."))
    if found.last_runs:
        yield line(Span("Last runs, newest first:", Ink.STRONG))
        yield from table([_summary(each) for each in found.last_runs], indent=2)


def _status_closed(found: Status) -> Iterator[Line]:
    yield from named(("revision", _revision(found)), ("lock", _lock(found.lock_holder)))
    yield line(
        *prose(
            f"Its ledger is of a newer seeder (format {found.ledger_format}), and only that one"
            " can tell what is in it. `seeder run` of this image leaves the database alone."
        )
    )


def _open_conflicts(found: Status | Conflicts) -> Iterator[Line]:
    if not found.in_conflict:
        return
    yield line(
        *prose(
            "In conflict; settle each with `seeder resolve ADDRESS --take live|desired`:",
            Ink.STRONG,
        )
    )
    yield from standing(found.in_conflict, limit=len(found.in_conflict))
    yield from unshown(found.conflicts - len(found.in_conflict))
    if any(each.columns or each.left_catalog for each in found.in_conflict):
        yield line(*prose(EXPLAINED, Ink.DIM), indent=2, hang=2)
    if any(each.holder for each in found.in_conflict):
        yield line(*prose(HELD_EXPLAINED, Ink.DIM), indent=2, hang=2)
    if any(each.left_catalog for each in found.in_conflict):
        yield line(*prose(LEFT_EXPLAINED, Ink.DIM), indent=2, hang=2)


def _conflicts_listed(found: Conflicts) -> Iterator[Line]:
    if not found.conflicts:
        yield line(Span("No conflict is open", Ink.GOOD), ".")
    yield from _open_conflicts(found)
    yield from _named(SKIPPED, [_kept(each) for each in found.skipped_rows], found.skipped)
    yield from _named(DELETED, [_kept(each) for each in found.deleted_rows], found.deleted)


def _kept(each: KeptRow) -> tuple[str, str]:
    why = f"refers to {each.missing}" if each.missing else each.reason
    return each.address, f"{why}, run {each.run}"


def _named(told: str, rows: Sequence[tuple[str, ...]], number: int) -> Iterator[Line]:
    """Rows, each by its address and perhaps the reason, below what is told of them."""
    if not number:
        return
    yield line(*prose(told, Ink.STRONG))
    yield from table(
        [
            (Span(address, whole=True), *(Span(why, Ink.DIM) for why in more))
            for address, *more in rows
        ],
        indent=4,
    )
    yield from unshown(number - len(rows))


def _unfit(found: Status) -> Iterator[Line]:
    if found.unfit:
        yield line(
            *prose("Sets that do not fit the schema, so that a run would be refused:", Ink.STRONG)
        )
    for each in found.unfit[:LISTED]:
        yield line(
            Span("! ", Ink.LOUD),
            Span(each.name, whole=True),
            *prose(f": {each.message}"),
            indent=2,
            hang=2,
        )
    yield from unshown(len(found.unfit) - LISTED)


def _release(each: AppliedRelease) -> str:
    return f"{each.release} (taken back by {each.taken_back})" if each.taken_back else each.release


def _wanting(names: tuple[str, ...]) -> Piece:
    return Span(some(names), Ink.CHANGED) if names else "none"


def _conflicts(number: int) -> Piece:
    return Span(str(number), Ink.LOUD) if number else "0"


def _revision(found: Status) -> str:
    live = ", ".join(found.revision_live) or "none"
    match found.migrations:
        case "none":
            return "not looked at (somebody else migrates this database)"
        case "command":
            return f"{live} (whether more are pending, the migration command knows)"
    head = ", ".join(found.revision_head) or "none"
    if set(found.revision_live) == set(found.revision_head):
        return f"{live} (this image's head)"
    return f"{live} (this image's head is {head})"


def _ready(found: Readiness) -> Iterator[Line]:
    facts = []
    if found.revision_live:
        told = f"revision {', '.join(found.revision_live)}"
        if found.ahead:
            told += " (ahead of this image)"
        elif found.revision_head:  # else a migration command alone knows it
            told += " (this image's head)"
        facts.append(told)
    if found.release:
        facts.append(f"release {found.release}")
    told = f": {', '.join(facts)}." if facts else "."
    yield line(Span("Ready", Ink.GOOD), told)
    left = [
        *([f"{count(found.conflicts, 'row')} in conflict"] if found.conflicts else []),
        *([f"{count(found.skipped, 'row')} skipped"] if found.skipped else []),
        *([f"unadopted: {', '.join(found.unadopted)}"] if found.unadopted else []),
        *([f"pending: {', '.join(found.pending)}"] if found.pending else []),
    ]
    if left:
        yield line(
            Span("Left open: ", Ink.CHANGED),
            *prose(f"{'; '.join(left)}. `seeder status` says more."),
        )


def _lock(holder: Mapping[str, object] | None) -> Piece:
    if holder is None:
        return "free"
    told = ", ".join(f"{name} {value}" for name, value in holder.items())
    return Span(f"held by {told}", Ink.CHANGED)


RESULTS: Mapping[str, Ink] = {
    "done": Ink.GOOD,
    "failed": Ink.BAD,
    "interrupted": Ink.CHANGED,
    "running": Ink.CHANGED,
}
"""The ink of a run's result."""


def _summary(each: RunRecord) -> tuple[Cell, ...]:
    facts = (each.mode, f"release {each.release}" if each.release else None)
    told = "; ".join(fact for fact in facts if fact)
    counts = counted(each.counts)
    return (
        f"{each.id:>4}",
        Span(moment(each.started_at), Ink.DIM),
        Span(each.result, RESULTS.get(each.result, Ink.PLAIN)),
        (told, *(("; ",) if told and counts else ()), *counts),
    )
