"""Rows that have left the catalog leave their tables: at the end, or early to make way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

from msgspec.structs import replace
from psycopg import sql

from seeder.database.judging import collisions, departures, row_outcomes, verdict_rows
from seeder.database.judging.groups import judge_gone, judge_leaving, judged_works, know_rows
from seeder.database.schema.tables import Table
from seeder.database.staging.context import MERGING, Left, Seeding
from seeder.database.staging.work import SetWork
from seeder.database.writing import images, removal, write
from seeder.database.writing.ordered_updates import step_aside
from seeder.database.writing.parked_values import let_step_aside
from seeder.database.writing.rejected_rows import Writes, rejected
from seeder.merge.model import Removed
from seeder.merge.plan import RowAction, RowChange, SetDecision, SetOutcome

KEPT = 100
"""How many rows that need a person one outcome names."""

Outcome = TypeVar("Outcome", Left, SetOutcome)

_LEAVABLE = (SetDecision.MERGE, SetDecision.REFRESH)


def remove(seeding: Seeding, names: Sequence[str], *, early: bool = False) -> None:
    """Judge what has left the catalog in sets that may refer to each other, and carry it out.

    With `early` only what can be written by now; the rest is judged again at the end.
    """
    connection = seeding.connection
    works = judge_gone(seeding, names)
    locked = [write.lock(connection, work, verdict_rows.removing(), "UPDATE") for work in works]
    if any(each.rows for each in locked):
        # Judged again in any case: another row may refer to one of them by now.
        for work in works:
            connection.execute(work.compose("DELETE FROM {verdict} WHERE s IS NULL"))
        judge_leaving(seeding, works)
    for work in works:
        if early:
            connection.execute(
                work.compose(
                    "DELETE FROM {verdict} w WHERE s IS NULL AND NOT ({})", verdict_rows.removing()
                )
            )
    left = [_left(seeding, work) for work in works]
    protected: Mapping[str, Sequence[str]] = {}
    if works:
        with rejected(connection, works[0], Writes.REMOVALS):
            protected = removal.remove(connection, seeding.ledger, works, run=seeding.run)
    for work, each in zip(works, left, strict=True):
        if keys := protected.get(work.name):
            why = f"left the catalog, but a trigger of {work.table} does not let it go"
            rule = "left_protected"
            each = without(each, work, keys, RowAction.DELETE, rule=rule, reason=why)
        seeding.left.append(each)
    for work in works:
        for relation in (work.verdict, work.diff):
            connection.execute(sql.SQL("DELETE FROM {} WHERE s IS NULL").format(relation))


def _left(seeding: Seeding, work: SetWork) -> Left:
    connection, limit = seeding.connection, seeding.orders.reported
    told = departures.told(work, judged_works(seeding), written=seeding.writes)
    return Left(
        set=work.name,
        counts=row_outcomes.counts(connection, work, gone_only=True),
        kept=row_outcomes.row_changes(
            connection, work, conflicts_only=True, gone_only=True, limit=KEPT, told=told
        ),
        rows=row_outcomes.row_changes(connection, work, gone_only=True, limit=limit, told=told)
        if limit
        else (),
    )


def without(
    outcome: Outcome,
    work: SetWork,
    keys: Sequence[str],
    *actions: RowAction,
    rule: str,
    reason: str,
) -> Outcome:
    """What became of a set's rows, less those to which a trigger did not let it happen."""
    kept: dict[str, RowChange] = {
        address: RowChange(
            address=address, action=RowAction.KEEP, rule=rule, reason=reason, conflict=True
        )
        for address in map(work.seed_set.address, keys)
    }
    counts = Counter(outcome.counts)
    left = len(kept)
    for action in actions:
        fewer = min(counts[action], left)
        counts[action] -= fewer
        left -= fewer
    counts += Counter(keep=len(kept), conflicts=len(kept))
    return replace(
        outcome,
        counts=dict(counts),
        kept=(*outcome.kept, *kept.values())[:KEPT],
        rows=tuple(kept.get(row.address, row) for row in outcome.rows),
    )


def make_way(
    seeding: Seeding,
    group: Mapping[str, SetWork],
    order: Sequence[Sequence[str]],
    judged: frozenset[str],
) -> frozenset[str]:
    """Before a group's rows are written: remove leaving rows that hold values they want.

    Returns the sets whose updates have to come before the inserts, for the same reason.
    """
    updated: set[str] = set()
    for takers in collisions.by_table(group.values()):
        table = takers[0].table
        # Rows of the table may leave it, or change, with a set that is merged.
        merging = [each for each in seeding.works.values() if each.decision in MERGING]
        if all(each.table.oid != table.oid for each in merging):
            continue
        anything = collisions.in_the_way(takers)
        if anything is None or not collisions.exists(seeding.connection, anything):
            continue
        _leave_early(seeding, table, order, judged)
        if collisions.exists(seeding.connection, anything):
            for work in seeding.works.values():
                if work.table.oid == table.oid and work.decision in _LEAVABLE:
                    let_step_aside(seeding, work, anything)
        _let_pass(seeding, [work for work in takers if work.decision in MERGING])
        inserts = collisions.in_the_way_of_inserts(takers)
        if inserts is not None and collisions.exists(seeding.connection, inserts):
            updated.update(work.name for work in takers if work.decision in MERGING)
    return frozenset(updated)


def _let_pass(seeding: Seeding, works: Sequence[SetWork]) -> None:
    """Rows whose values go to rows of another set step aside: sets are written one by one."""
    if len(works) < 2:
        return
    connection = seeding.connection
    aside = []
    for work in works:
        changes = collisions.changes_of(work, write.written_columns(connection, work))
        others = [other for other in works if other is not work]
        for guard in collisions.guarding(changes):
            among = work.compose(
                "EXISTS (SELECT FROM {live} t WHERE {} AND (t.tableoid, t.ctid) IN ({}))",
                changes.at,
                collisions.wanted_by(others, guard),
            )
            moving = sql.SQL("SELECT FROM {} WHERE {} AND {}").format(
                changes.source, changes.changing, among
            )
            if collisions.exists(connection, moving):
                aside.append((work, changes, guard, among))
    for name, work in {work.name: work for work, *_ in aside}.items():
        images.record(connection, seeding.ledger, work, run=seeding.run)
        seeding.imaged.add(name)
    for _, changes, guard, among in aside:
        step_aside(connection, changes, guard, among)


def _leave_early(
    seeding: Seeding, table: Table, order: Sequence[Sequence[str]], judged: frozenset[str]
) -> None:
    """Remove what has left the catalog from a table, and before it what refers to that."""
    tables = {table.qualified}
    while True:
        referring = {
            work.table.qualified
            for work in seeding.works.values()
            if work.decision in _LEAVABLE
            and work.seed_set.removed is Removed.DELETE
            and any(key.target in tables for key in work.table.foreign_keys)
        }
        if referring <= tables:
            break
        tables |= referring
    for group in reversed(order):
        works = [
            seeding.works[name]
            for name in reversed(group)
            if name in seeding.works
            and seeding.works[name].decision in _LEAVABLE
            and seeding.works[name].seed_set.removed is not Removed.KEEP
            and seeding.works[name].table.qualified in tables
        ]
        know_rows(seeding, [work for work in works if work.name not in judged], judged)
        remove(seeding, [work.name for work in works], early=True)
