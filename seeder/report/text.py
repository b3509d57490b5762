"""What a person reads: the results of commands as plain text."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from pathlib import Path

from seeder.merge.plan import RowAction, SetDecision, SetOutcome
from seeder.merge.result import (
    CheckResult,
    Failure,
    Readiness,
    Result,
    RunResult,
    RunSummary,
    Status,
)
from seeder.report.excerpt import Excerpts
from seeder.report.page import page


def run(result: RunResult) -> str:
    """Say what a run did, set by set, and what waits for a person."""
    return page(_run(result))


def check(result: CheckResult, *, project: Path) -> str:
    """Say that a catalog is in order, and how large it is."""
    return page(_check(result, Excerpts(project)))


def status(found: Status) -> str:
    """Say where a database stands."""
    return page(_status(found))


def ready(found: Readiness) -> str:
    """Say that an application may start."""
    return page(_ready(found))


def failure(failed: Failure, *, project: Path | None = None) -> str:
    """Say what is wrong and what to do about it, every problem on a line of its own.

    With a project, the line of the file that a problem names follows it.
    """
    return page(_failure(failed, Excerpts(project)))


# A run.


def _run(result: RunResult) -> Iterator[str]:
    yield _headline(result)
    if result.migrations:
        yield f"  migrated   {', '.join(result.migrations)}"
    yield from _sets(result.sets)
    if result.tasks:
        yield f"  tasks      {', '.join(result.tasks)}"
    for request in result.requests:
        yield f"  request    {request.id} by {request.actor}: {request.state}"
    kept = [row for each in result.sets for row in each.kept]
    if kept:
        yield "Left for a person:"
        yield from (f"  {row.address}: {row.reason}" for row in kept)
    decisions = {each.decision for each in result.sets}
    if SetDecision.UNADOPTED in decisions:
        yield (
            "Unadopted sets meet rows that seeder did not write, and leave them alone until "
            "`seeder adopt` or `seeder run --mode update`."
        )
    if SetDecision.PENDING in decisions:
        yield (
            "Pending sets wait for a new release, an approved request or "
            "`seeder run --mode update`."
        )
    if result.pending_plan:
        yield f"Pending plan: {result.pending_plan}"
    yield from (f"Warning: {warning}" for warning in result.warnings)
    if result.hint:
        yield f"Hint: {result.hint}"


def _headline(result: RunResult) -> str:
    match result.result:
        case Result.NOTHING_TO_DO:
            has = f"release {result.release}" if result.release else "what this image asks for"
            return f"Nothing to do: {result.environment} already has {has}."
        case Result.OLDER_IMAGE:
            return f"Left alone: {result.environment} is ahead of this image."
        case _:
            facts = [result.environment]
            if result.mode:
                facts.append(f"mode {result.mode}")
            if result.release:
                facts.append(f"release {result.release}")
            if result.run_id is not None:
                facts.append(f"run {result.run_id}")
            word = result.result.capitalize()
            return f"{word} in {sum(result.phases.values()):.1f} s: {', '.join(facts)}."


_QUIET = frozenset({SetDecision.UNCHANGED})

_WORDS: Mapping[str, str] = {
    RowAction.INSERT: "inserted",
    RowAction.UPDATE: "updated",
    RowAction.ADOPT: "adopted",
    RowAction.DELETE: "deleted",
    RowAction.REMOVE: "retired",
    RowAction.RELEASE: "released",
    RowAction.RESTORE: "restored",
    RowAction.MOVE: "moved",
    RowAction.RECORD: "recorded",
    RowAction.KEEP: "kept",
    RowAction.SKIP: "skipped",
}


def _sets(outcomes: tuple[SetOutcome, ...]) -> Iterator[str]:
    told = [each for each in outcomes if each.counts or each.decision not in _QUIET]
    width = max((len(each.name) for each in told), default=0)
    for each in told:
        yield f"  {each.name:<{width}}  {_outcome(each)}"
    quiet = len(outcomes) - len(told)
    if quiet:
        yield f"  {_count(quiet, 'set')} unchanged"


def _outcome(outcome: SetOutcome) -> str:
    parts = [
        f"{_WORDS.get(name, name)} {number}" for name, number in outcome.counts.items() if number
    ]
    done = ", ".join(parts)
    match outcome.decision:
        case SetDecision.UNADOPTED | SetDecision.PENDING | SetDecision.AWAITING_TABLE:
            word = outcome.decision.replace("-", " ")
            return f"{word}: {done}" if done else word
        case _:
            return done or "unchanged"


# A catalog in order.


def _check(result: CheckResult, excerpts: Excerpts) -> Iterator[str]:
    sizes = (
        _count(result.sets, "seed set"),
        _count(result.rows, "row"),
        _count(result.tasks, "task"),
        _count(result.revisions, "revision"),
    )
    yield f"In order: {', '.join(sizes)}."
    for problem in result.problems:
        yield f"Warning: {problem}"
        yield from excerpts.of(problem)


# Where a database stands.


def _status(found: Status) -> Iterator[str]:
    mark = found.environment if found.initialised else f"{found.environment}, not yet initialised"
    yield f"Database {found.database} ({mark})"
    yield _field("revision", _revision(found))
    yield _field("releases", ", ".join(each.release for each in found.releases) or "none")
    yield _field("unadopted", ", ".join(found.unadopted) or "none")
    yield _field("pending", ", ".join(found.pending) or "none")
    yield _field("conflicts", str(found.conflicts))
    yield _field("lock", _lock(found.lock_holder))
    if found.last_runs:
        yield "Last runs, newest first:"
        yield from (f"  {_summary(each)}" for each in found.last_runs)


def _field(name: str, value: str) -> str:
    return f"  {name:<10} {value}"


def _revision(found: Status) -> str:
    live = ", ".join(found.revision_live) or "none"
    head = ", ".join(found.revision_head) or "none"
    if set(found.revision_live) == set(found.revision_head):
        return f"{live} (this image's head)"
    return f"{live} (this image's head is {head})"


def _ready(found: Readiness) -> Iterator[str]:
    facts = []
    if found.revision_live:
        where = "ahead of this image" if found.ahead else "this image's head"
        facts.append(f"revision {', '.join(found.revision_live)} ({where})")
    if found.release:
        facts.append(f"release {found.release}")
    yield f"Ready: {', '.join(facts)}." if facts else "Ready."


def _lock(holder: Mapping[str, object] | None) -> str:
    if holder is None:
        return "free"
    return "held by " + ", ".join(f"{name} {value}" for name, value in holder.items())


def _summary(each: RunSummary) -> str:
    counts = ", ".join(f"{_WORDS.get(name, name)} {number}" for name, number in each.counts.items())
    facts = (each.mode, f"release {each.release}" if each.release else None, counts)
    told = "; ".join(fact for fact in facts if fact)
    line = f"{each.id:>4}  {_time(each.started_at)}  {each.result}"
    return f"{line}  {told}" if told else line


def _time(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


# A failure.


def _failure(failed: Failure, excerpts: Excerpts) -> Iterator[str]:
    if failed.trace:
        yield f"seeder: {failed.error}: {failed.message}"
    else:
        yield f"seeder: {failed.message}"
    for problem in failed.problems:
        yield f"  {problem}"
        yield from excerpts.of(problem)
    yield from (f"  {place}" for place in failed.trace)
    if failed.hint:
        yield f"Hint: {failed.hint}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
