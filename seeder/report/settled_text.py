"""What settling something did, and the audit trail, as people read them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping

from seeder.merge.plan import RowAction, RowChange
from seeder.merge.settled import (
    ExportedSet,
    History,
    RowRecord,
    RunDetails,
    RunRecord,
    Settlement,
)
from seeder.report.page import page

_WIDEST = 60
"""Characters of a value that are shown."""

_LEFT = frozenset({RowAction.KEEP, RowAction.SKIP})


def settlement(found: Settlement) -> str:
    """Say what was settled, and what was left for a person."""
    return page(_settlement(found))


def history(found: History) -> str:
    """List runs, newest first."""
    return page(_history(found))


def details(found: RunDetails) -> str:
    """Show one run and its rows."""
    return page(_details(found))


def exported(sets: tuple[ExportedSet, ...]) -> str:
    """Say which files were written, and what they do not hold."""
    return page(_exported(sets))


# Something settled.


def _settlement(found: Settlement) -> Iterator[str]:
    what = f"{found.command} {found.subject}".strip()
    if found.dry_run:
        yield f"Plan: {what}. Nothing was written."
    elif found.run is None:
        yield f"Nothing to do: {what}."
    else:
        yield f"Done: {what}; recorded as run {found.run}."
    counts = ", ".join(f"{name} {number}" for name, number in found.counts.items() if number)
    if counts:
        yield f"  {counts}"
    done = [row for row in found.rows if row.action not in _LEFT]
    left = [row for row in found.rows if row.action in _LEFT]
    for row in done:
        yield from _row(row)
    if left:
        yield "Left as they are:"
        for row in left:
            yield f"  {row.address}: {row.reason}"
    yield from found.notes


def _row(row: RowChange) -> Iterator[str]:
    yield f"  {row.action} {row.address}: {row.reason}"
    for column in row.columns:
        yield f"      {column.name}: {_value(column.live)} -> {_value(column.desired)}"


def _value(value: str | None) -> str:
    if value is None:
        return "NULL"
    return value if len(value) <= _WIDEST else value[: _WIDEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


# The audit trail.


def _history(found: History) -> Iterator[str]:
    if not found.runs:
        yield "No run yet."
    for each in found.runs:
        yield _line(each)
        for one in each.sets:
            counts = _counts(one.counts)
            if counts:
                yield f"        {one.name}: {counts}"
    if found.more:
        yield "There are older ones: use --limit."


def _line(each: RunRecord) -> str:
    facts = (
        each.mode,
        f"release {each.release}" if each.release else None,
        f"by {each.actor}" if each.actor else None,
        None if each.sets else _counts(each.counts) or None,
    )
    told = "; ".join(fact for fact in facts if fact)
    return f"{each.id:>5}  {_time(each.started_at)}  {each.result}  {told}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items() if number)


def _time(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _details(found: RunDetails) -> Iterator[str]:
    run = found.run
    yield f"Run {run.id}: {run.result}"
    finished = _time(run.finished_at) if run.finished_at else "not finished"
    facts = {
        "mode": run.mode,
        "environment": run.environment,
        "release": run.release,
        "actor": run.actor,
        "plan": run.plan_id,
        "started": _time(run.started_at),
        "finished": finished,
        "seeder": run.seeder_version,
        "revision": _revision(run),
        "migrated": ", ".join(run.migrations),
        "tasks": ", ".join(run.tasks),
        "rows": _counts(run.counts),
    }
    yield from (f"  {name:<12}{value}" for name, value in facts.items() if value)
    yield from (f"Warning: {warning}" for warning in run.warnings)
    for row in found.rows:
        yield from _record(row)
    if found.total > len(found.rows):
        yield f"... and {found.total - len(found.rows)} more rows: use --limit, or --json."


def _revision(run: RunRecord) -> str:
    before, after = ", ".join(run.revisions_before), ", ".join(run.revisions_after)
    return after if before == after else f"{before or 'none'} -> {after}"


def _record(row: RowRecord) -> Iterator[str]:
    yield f"  {row.action} {row.address}: {row.reason}"
    for name in dict.fromkeys([*row.before, *row.after]):
        if name in row.before and name in row.after:
            yield f"      {name}: {_value(row.before[name])} -> {_value(row.after[name])}"
        else:
            side = row.before if name in row.before else row.after
            yield f"      {name}: {_value(side[name])}"


# Files written.


def _exported(sets: tuple[ExportedSet, ...]) -> Iterator[str]:
    for each in sets:
        noun = "row" if each.rows == 1 else "rows"
        yield f"Wrote {each.file}: {each.rows} {noun} of {each.table}."
        yield from (f"  {remark}" for remark in each.remarks)
