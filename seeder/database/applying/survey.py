"""What a seeding would do, found by the same steps and without writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from seeder.database.connection.connect import Connection
from seeder.database.judging import departures, diff, holding, row_outcomes
from seeder.database.judging.groups import hold_back, judge_gone, judge_group, judged_works
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.staging.context import MERGING, WRITTEN, Orders, Seeding, set_named
from seeder.database.staging.prepare import prepare
from seeder.merge.model import Catalog
from seeder.merge.plan import RowChange, SetPlan
from seeder.merge.plan_id import RowsDigest
from seeder.runtime.progress import Progress


def survey(
    connection: Connection,
    ledger: Ledger,
    catalog: Catalog,
    orders: Orders,
    *,
    limit: int | None = None,
    progress: Progress | None = None,
) -> tuple[tuple[SetPlan, ...], tuple[str, ...]]:
    """Say what `seed` would do, writing to temporary tables only, which are gone afterwards.

    `limit` is how many rows of a set a plan names, and how many more that are in conflict;
    counts and digests are of all rows. None: it names them all.
    """
    with _judged(connection, ledger, catalog, orders, progress) as (seeding, order):
        plans = tuple(_plan(seeding, name, limit=limit) for name in order)
        return plans, tuple(seeding.warnings)


def foresee(connection: Connection, ledger: Ledger, catalog: Catalog, orders: Orders) -> Orders:
    """The orders, with the rows that leave the catalog and stay in their tables all the same."""
    with _judged(connection, ledger, catalog, orders, None) as (seeding, _):
        return seeding.orders


@contextmanager
def _judged(
    connection: Connection,
    ledger: Ledger,
    catalog: Catalog,
    orders: Orders,
    progress: Progress | None,
) -> Iterator[tuple[Seeding, list[str]]]:
    """All rows judged, in a transaction that is rolled back, and the sets in order.

    Again where a row that was to leave its table stays with a value that others want.
    """
    while True:
        # Read-only once the tables are there; the end of a savepoint takes that back as well.
        with connection.transaction(force_rollback=True):
            seeding = Seeding(
                connection=connection,
                ledger=ledger,
                catalog=catalog,
                orders=orders,
                run=0,
                progress=progress or Progress(),
            )
            order = _judge(seeding)
            found = holding.staying(seeding)
            if found <= orders.staying:
                yield seeding, order
                return
            orders = replace(orders, staying=orders.staying | found)


def _judge(seeding: Seeding) -> list[str]:
    """Judge all rows; returns the sets in order."""
    connection = seeding.connection
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
    return order


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
    told = departures.told(work, judged_works(seeding), written=seeding.writes)
    for row in row_outcomes.each_row_change(seeding.connection, work, told=told):
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
