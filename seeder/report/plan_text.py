"""A plan as people read it: row by row, column by column, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seeder.merge.model import Mode
from seeder.merge.plan import (
    ColumnCase,
    ColumnChange,
    Plan,
    RowAction,
    RowChange,
    SetDecision,
    SetPlan,
)
from seeder.merge.result import RequestRecord, Requests
from seeder.report.page import page

_WIDEST = 60
"""Characters of a value that are shown."""

_MARKS: Mapping[RowAction, str] = {
    RowAction.INSERT: "+",
    RowAction.RESTORE: "+",
    RowAction.UPDATE: "~",
    RowAction.MOVE: "~",
    RowAction.REMOVE: "-",
    RowAction.DELETE: "-",
    RowAction.RELEASE: "-",
    RowAction.ADOPT: "=",
    RowAction.RECORD: "=",
    RowAction.KEEP: " ",
    RowAction.SKIP: " ",
}


def plan(found: Plan) -> str:
    """Say what a run would do."""
    return page(_plan(found))


def requests(found: Requests) -> str:
    """List the requests and the plan that waits for one."""
    return page(_requests(found))


def _plan(found: Plan) -> Iterator[str]:
    of = f", release {found.release}" if found.release else ""
    yield f"Plan for {found.environment}: mode {found.mode}{of} ({found.reason})."
    if found.migrations:
        yield f"  migrations  {', '.join(found.migrations)}"
    for each in found.sets:
        yield from _set(each)
    if found.tasks:
        yield f"Tasks, after the rows: {', '.join(found.tasks)}. What they change is not foreseen."
    yield from (f"Warning: {warning}" for warning in found.warnings)
    yield _summary(found)
    yield from (f"Hint: {hint}" for hint in _hints(found))
    yield f"Plan id: {found.id}"


def _set(each: SetPlan) -> Iterator[str]:
    counts = ", ".join(f"{name} {number}" for name, number in each.counts.items())
    match each.decision:
        case SetDecision.UNCHANGED:
            return
        case SetDecision.UNADOPTED | SetDecision.PENDING | SetDecision.AWAITING_TABLE:
            word = each.decision.replace("-", " ")
            yield f"{each.name} ({each.table}): {word}, left alone; {each.reason}"
        case _ if not each.counts:
            return
        case _:
            yield f"{each.name} ({each.table}): {counts}; {each.reason}"
    merged = [row for row in each.rows if not _is_new(row)]
    if any(row.columns for row in merged):
        yield "  (columns: last applied -> live -> desired)"
    for row in each.rows:
        yield from _row(row)
    if each.left_out:
        yield f"    ... and {each.left_out} more"


def _is_new(row: RowChange) -> bool:
    return row.action is RowAction.INSERT


def _row(row: RowChange) -> Iterator[str]:
    mark = "!" if row.conflict else _MARKS[row.action]
    loud = "CONFLICT, " if row.conflict else ""
    if _is_new(row):
        yield f"  {mark} {row.address}  {row.action}: {row.reason}"
        if row.columns:
            yield "      " + ", ".join(f"{one.name} {_desired(one)}" for one in row.columns)
        return
    yield f"  {mark} {row.address}  {loud}{row.action}: {row.reason}"
    width = max((len(one.name) for one in row.columns), default=0)
    for one in row.columns:
        yield f"      {one.name:<{width}}  {_steps(one)}  {_verdict(one)}"


def _steps(column: ColumnChange) -> str:
    if column.secret:
        return "(secret)"
    return f"{_last_applied(column)} -> {_value(column.live)} -> {_value(column.desired)}"


def _last_applied(column: ColumnChange) -> str:
    if not column.asked_known:
        return "(unknown)"
    asked = _value(column.asked)
    return asked if column.stored == column.asked else f"{asked} (stored {_value(column.stored)})"


def _desired(column: ColumnChange) -> str:
    return "(secret)" if column.secret else _value(column.desired)


def _verdict(column: ColumnChange) -> str:
    conflict = column.case is ColumnCase.CONFLICT
    return f"{'CONFLICT' if conflict else column.case}: {column.reason}"


def _value(text: str | None) -> str:
    if text is None:
        return "NULL"
    shown = text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
    return "'" + shown.replace("\\", "\\\\").replace("\n", "\\n").replace("'", "''") + "'"


def _summary(found: Plan) -> str:
    parts = []
    if found.migrations:
        parts.append(_count(len(found.migrations), "migration"))
    totals: dict[str, int] = {}
    for each in found.sets:
        for name, number in each.counts.items():
            totals[name] = totals.get(name, 0) + number
    parts += [f"{name} {number}" for name, number in totals.items()]
    if found.tasks:
        parts.append(_count(len(found.tasks), "task"))
    if parts:
        return f"In all: {', '.join(parts)}."
    if found.waiting:
        return f"Nothing is changed now; waiting: {', '.join(found.waiting)}."
    return "Nothing to do."


def _hints(found: Plan) -> Iterator[str]:
    decisions = {each.decision for each in found.sets}
    if found.provisional:
        yield (
            "migrations are pending, so this plan is provisional: it can be neither approved"
            " nor run with --plan."
        )
    waits = decisions & {SetDecision.PENDING, SetDecision.UNADOPTED}
    if waits and not (found.mode is Mode.UPDATE and found.adopt):
        yield "`seeder plan --mode update` shows what an update by hand would do to them."
    if SetDecision.PENDING in decisions:
        yield (
            "pending sets wait for a new release in seeder.toml, `seeder approve`, or"
            " `seeder run --mode update`."
        )
    if SetDecision.UNADOPTED in decisions:
        yield "unadopted sets wait for `seeder adopt` or `seeder run --mode update`."


def _requests(found: Requests) -> Iterator[str]:
    yield f"Pending plan: {found.pending or 'none'}"
    if not found.requests:
        yield "No requests."
    yield from (_request(each) for each in found.requests)


def _request(each: RequestRecord) -> str:
    at = each.requested_at.strftime("%Y-%m-%d %H:%M:%S %Z")
    settled = f" by run {each.run}" if each.run is not None else ""
    return f"  {each.id}  {each.state}{settled}  {at}  {each.actor}  {each.plan_id}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
