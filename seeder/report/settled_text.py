"""What settling something did, and the audit trail, as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from seeder.merge.plan import ColumnCase, ColumnChange, RowAction
from seeder.merge.settled import (
    ExportedSet,
    History,
    RowRecord,
    RunDetails,
    RunRecord,
    Settlement,
)
from seeder.report.differences import of_columns, of_row
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
)
from seeder.report.rows_text import attention
from seeder.report.text import RESULTS
from seeder.report.values import change, one, shown
from seeder.report.words import ACTIONS, count, counted, duration, from_to, moment, some

_SETS = 20
"""Sets of each run that the list of runs names."""

_LEFT = frozenset({RowAction.KEEP, RowAction.SKIP})


def settlement(found: Settlement, screen: Screen = PLAIN) -> str:
    """Say what was settled, and what was left as it is."""
    return screen.show(_settlement(found))


def history(found: History, screen: Screen = PLAIN) -> str:
    """List runs, newest first."""
    return screen.show(_history(found))


def details(found: RunDetails, screen: Screen = PLAIN) -> str:
    """Show one run and its rows."""
    return screen.show(_details(found))


def exported(sets: tuple[ExportedSet, ...], screen: Screen = PLAIN) -> str:
    """Say which files were written, and what they do not hold."""
    return screen.show(_exported(sets))


# Something settled.


def _settlement(found: Settlement) -> Iterator[Line]:
    what = f"{found.command} {found.subject}".strip()
    if found.dry_run:
        yield line(Span("Plan", Ink.STRONG), f": {what}. Nothing was written.")
    elif found.run is None:
        yield line(Span("Nothing to do", Ink.GOOD), f": {what}.")
    else:
        yield line(Span("Done", Ink.GOOD), f": {what}; recorded as run {found.run}.")
    counts = _counts(found.counts)
    if counts:
        yield line(*counts, indent=2)
    settled = [row for row in map(of_row, found.rows) if row.action not in _LEFT]
    left = [row for row in found.rows if row.action in _LEFT]
    for row in settled:
        yield from _row(row.address, row.action, row.reason)
        yield from table(
            [(each.name, _settled(each, row.action)) for each in row.columns], indent=8
        )
    if left:
        yield line(Span("Left as they are:", Ink.STRONG))
        yield from attention(left, limit=len(left))
    yield from (line(*prose(note)) for note in found.notes)


def _settled(column: ColumnChange, action: RowAction) -> str:
    live, desired = shown(column.live, column.desired, bare=column.bare)
    if column.secret:
        return "(secret)"
    if column.case is ColumnCase.CHANGED:
        asked = one(column.asked, bare=column.bare)
        return f"{live} stays, {column.reason} (was {asked})"
    if action in (RowAction.INSERT, RowAction.RESTORE) and column.live is None:
        return desired  # there was no row
    # A value that was declined is not written.
    if action is RowAction.RECORD:
        return f"{live} stays, not {desired}"
    return change(column.live, column.desired, bare=column.bare)


def _row(address: str, action: str, reason: str) -> Iterator[Line]:
    words = ACTIONS[RowAction(action)] if action in list(RowAction) else None
    word = words.done if words else action
    mark = Span(words.mark, words.ink) if words else " "
    yield line(
        mark,
        " ",
        Span(address, Ink.STRONG, whole=True),
        Span(f"  {reason if reason.startswith(word) else f'{word}: {reason}'}", Ink.DIM),
        indent=2,
        hang=6,
    )


# The audit trail.


def _history(found: History) -> Iterator[Line]:
    if not found.runs:
        yield line("No run yet.")
    several = len({each.project for each in found.runs} - {None}) > 1
    for each in found.runs:
        yield from _told(each, project=each.project if several else None)
    if found.more:
        yield line("There are older ones: use --limit.")


def _told(each: RunRecord, *, project: str | None) -> Iterator[Line]:
    facts = (
        project,
        each.mode,
        f"release {each.release}" if each.release else None,
        f"by {each.actor}" if each.actor else None,
    )
    counts = () if each.sets else _counts(each.counts)
    yield line(
        Span(f"{each.id:>4}", Ink.STRONG),
        "  ",
        Span(moment(each.started_at), Ink.DIM),
        "  ",
        _result(each.result),
        f"  {'; '.join(fact for fact in facts if fact)}",
        *(("; ", *counts) if counts else ()),
        hang=6,
    )
    changed = [(one.name, _counts(one.counts)) for one in each.sets if _counts(one.counts)]
    yield from table(changed[:_SETS], indent=6)
    if len(changed) > _SETS:
        more = count(len(changed) - _SETS, "more set")
        yield line(Span(f"... and {more}: `seeder show {each.id}`.", Ink.DIM), indent=6)


def _result(result: str) -> Span:
    return Span(result, RESULTS.get(result, Ink.PLAIN))


def _counts(counts: Mapping[str, int]) -> tuple[Piece, ...]:
    # These are told in sentences of their own.
    told = ("mark", "claim", "baseline")
    return counted({name: n for name, n in counts.items() if name not in told})


def _details(found: RunDetails) -> Iterator[Line]:
    run = found.run
    yield line(Span(f"Run {run.id}", Ink.STRONG), ": ", _result(run.result))
    yield from named(*_facts(run))
    for warning in run.warnings:
        yield line(Span("Warning: ", Ink.CHANGED), *prose(warning))
    for row in found.rows:
        yield from _row(row.address, row.action, row.reason)
        yield from table(list(_images(row)), indent=8)
    if found.total > len(found.rows):
        more = count(found.total - len(found.rows), "more row")
        yield line(Span(f"... and {more}: use --limit, or --json.", Ink.DIM))


def _facts(run: RunRecord) -> Sequence[tuple[str, Cell | None]]:
    migrated = run.revisions_before or run.revisions_after
    finished = "not finished"
    if run.finished_at:
        took = duration((run.finished_at - run.started_at).total_seconds())
        finished = f"{moment(run.finished_at)}, after {took}"
    return (
        ("mode", run.mode),
        ("environment", run.environment),
        ("project", run.project),
        ("release", run.release),
        ("actor", run.actor),
        ("plan", run.plan_id),
        ("started", moment(run.started_at)),
        ("finished", finished),
        ("seeder", run.seeder_version),
        ("revision", from_to(run.revisions_before, run.revisions_after) if migrated else None),
        ("migrated", some(run.migrations)),
        ("tasks", some(run.tasks)),
        ("rows", _counts(run.counts)),
    )


def _images(row: RowRecord) -> Iterator[tuple[Piece, ...]]:
    for name in dict.fromkeys([*row.before, *row.after]):
        bare = name in row.bare
        if name in row.before and name in row.after:
            written = ColumnChange(
                name=name,
                case=ColumnCase.UPDATE,
                reason="",
                live=row.before[name],
                desired=row.after[name],
                asked_known=False,
                bare=bare,
            )
            for each in of_columns([written]):
                yield each.name, change(each.live, each.desired, bare=each.bare)
        else:
            side = row.before if name in row.before else row.after
            yield name, one(side[name], bare=bare)


# Files written.


def _exported(sets: tuple[ExportedSet, ...]) -> Iterator[Line]:
    for each in sets:
        yield line(
            Span("Wrote", Ink.GOOD), f" {each.file}: {count(each.rows, 'row')} of {each.table}."
        )
        yield from (line(*prose(remark), indent=2) for remark in each.remarks)
