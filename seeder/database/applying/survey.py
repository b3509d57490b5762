"""What a seeding would do, found by the same steps and without writing."""

from __future__ import annotations

from typing import Any

import psycopg
from msgspec.structs import replace

from seeder.database.judging import diff, holding, row_outcomes
from seeder.database.judging.groups import hold_back, judge_gone, judge_group
from seeder.database.ledger.ledger import Ledger
from seeder.database.staging.context import MERGING, WRITTEN, Orders, Seeding, set_named
from seeder.database.staging.prepare import prepare
from seeder.merge.model import Catalog
from seeder.merge.plan import RowChange, SetPlan
from seeder.merge.plan_id import RowsDigest
from seeder.progress import Progress


def survey(
    connection: psycopg.Connection[Any],
    ledger: Ledger,
    catalog: Catalog,
    orders: Orders,
    *,
    limit: int | None = None,
    progress: Progress | None = None,
) -> tuple[tuple[SetPlan, ...], tuple[str, ...]]:
    """Say what `seed` would do, in the caller's transaction, writing to temporary tables only.

    Once they exist the transaction is made read-only; a savepoint takes that back, so a
    caller that goes on afterwards surveys in one that it rolls back.

    `limit` is how many rows of a set a plan names, and how many more that are in conflict;
    counts and digests are of all rows. None: it names them all.
    """
    seeding = Seeding(
        connection=connection,
        ledger=ledger,
        catalog=catalog,
        orders=orders,
        run=0,
        progress=progress or Progress(),
    )
    groups = prepare(seeding)
    order = [name for group in groups for name in group]
    for name in order:
        work = seeding.works.get(name)
        if work is not None and (work.decision in MERGING or holding.may_meet(work)):
            diff.create(connection, work)
    connection.execute("SET TRANSACTION READ ONLY")
    judged: set[str] = set()
    for group in groups:
        seeding.progress.step("comparing", group[0])
        holding.meet_others(seeding, group)
        judge_group(seeding, group, frozenset(judged))
        hold_back(seeding, group)
        holding.hold(seeding, group)
        judged.update(group)
    for group in reversed(groups):
        judge_gone(seeding, group[::-1])
    plans = tuple(_plan(seeding, name, limit=limit) for name in order)
    return plans, tuple(seeding.warnings)


def _plan(seeding: Seeding, name: str, *, limit: int | None) -> SetPlan:
    decision, reason = seeding.decisions[name]
    each = set_named(seeding, name)
    work = seeding.works.get(name)
    plan = SetPlan(
        name=name,
        table=str(seeding.tables.get(each.table) or each.table),
        decision=decision,
        reason=reason,
    )
    if work is None or decision not in WRITTEN:
        return plan
    seeding.progress.step("listing", name)
    rows: list[RowChange] = []
    digest = RowsDigest()
    left_out = conflicts = 0
    for row in row_outcomes.each_row_change(seeding.connection, work):
        digest.add(row)
        conflicts += row.conflict
        if limit is None or len(rows) < limit or (row.conflict and conflicts <= limit):
            rows.append(row)
        else:
            left_out += 1
    return replace(
        plan,
        rows=tuple(rows),
        counts=row_outcomes.counts(seeding.connection, work),
        digest=digest.hexdigest(),
        left_out=left_out,
    )
