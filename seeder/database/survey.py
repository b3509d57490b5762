"""What a seeding would do, found by the same steps and without writing."""

from __future__ import annotations

from typing import Any

import psycopg

from seeder.database import diff, read
from seeder.database.groups import judge_gone, judge_group
from seeder.database.ledger import Ledger
from seeder.database.prepare import MERGING, WRITTEN, Orders, Seeding, prepare, set_named
from seeder.merge.model import Catalog
from seeder.merge.plan import SetPlan


def survey(
    connection: psycopg.Connection[Any], ledger: Ledger, catalog: Catalog, orders: Orders
) -> tuple[tuple[SetPlan, ...], tuple[str, ...]]:
    """Say what `seed` would do, in the caller's transaction, writing to temporary tables only.

    Once they exist the transaction is made read-only.
    """
    seeding = Seeding(connection=connection, ledger=ledger, catalog=catalog, orders=orders, run=0)
    groups = prepare(seeding)
    order = [name for group in groups for name in group]
    for name in order:
        work = seeding.works.get(name)
        if work is not None and work.decision in MERGING:
            diff.create(connection, work)
    connection.execute("SET TRANSACTION READ ONLY")
    judged: set[str] = set()
    for group in groups:
        judge_group(seeding, group, frozenset(judged))
        judged.update(group)
    for name in reversed(order):
        judge_gone(seeding, name)
    plans = []
    for name in order:
        decision, reason = seeding.decisions[name]
        work = seeding.works.get(name)
        merged = work is not None and decision in WRITTEN
        plans.append(
            SetPlan(
                name=name,
                table=str(
                    seeding.tables.get(set_named(seeding, name).table)
                    or set_named(seeding, name).table
                ),
                decision=decision,
                reason=reason,
                rows=read.row_changes(connection, work) if merged and work else (),
                counts=read.counts(connection, work) if merged and work else {},
            )
        )
    return tuple(plans), tuple(seeding.warnings)
