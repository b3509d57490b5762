"""One seeding: classify and apply every set in order, in the caller's transaction.

The caller holds the advisory lock. `survey.survey` walks the same steps without writing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from seeder.database import diff, gone, judge, read, record, resolve, write
from seeder.database.culprit import rejected
from seeder.database.groups import hold_back, judge_gone, judge_group, judge_set, judged_works
from seeder.database.ledger import Ledger
from seeder.database.prepare import MERGING, WRITTEN, Orders, Seeding, prepare, set_named
from seeder.database.work import SetTarget, SetWork
from seeder.merge.model import Catalog
from seeder.merge.plan import SetOutcome

_KEPT = 100
"""How many rows that need a person one outcome names."""


def seed(
    connection: psycopg.Connection[Any],
    ledger: Ledger,
    catalog: Catalog,
    orders: Orders,
    *,
    run: int,
) -> tuple[tuple[SetOutcome, ...], tuple[str, ...]]:
    """Apply the catalog's sets in the caller's transaction.

    Returns:
        What was done per set, in the order applied, and warnings.

    Raises:
        ConfigurationInvalid: the catalog does not fit the schema; all problems are named.
        SeedingFailed: a row was rejected, rows vanished, or which row is meant is unclear.
    """
    seeding = Seeding(connection=connection, ledger=ledger, catalog=catalog, orders=orders, run=run)
    groups = prepare(seeding)
    outcomes: dict[str, SetOutcome] = {}
    for group in groups:
        _apply_group(seeding, group, outcomes)
    for group in reversed(groups):
        for name in reversed(group):
            _apply_gone(seeding, name, outcomes)
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return tuple(outcomes.values()), tuple(seeding.warnings)


def _apply_group(seeding: Seeding, group: Sequence[str], outcomes: dict[str, SetOutcome]) -> None:
    connection = seeding.connection
    works = {
        name: seeding.works[name]
        for name in group
        if name in seeding.works and seeding.works[name].decision in WRITTEN
    }
    for work in works.values():
        if work.decision in MERGING:
            diff.create(connection, work)
    applied = frozenset(outcomes)
    for name in group:
        if name in seeding.works and name not in works:
            resolve.resolve(connection, seeding.works[name], seeding.works, applied)
    _judge_written(seeding, works, applied)
    for name in group:
        decision, _ = seeding.decisions[name]
        table = str(
            seeding.tables.get(set_named(seeding, name).table) or set_named(seeding, name).table
        )
        if name not in works or decision not in WRITTEN:
            outcomes[name] = SetOutcome(name=name, table=table, decision=decision)
    kept = {
        name: read.row_changes(connection, work, conflicts_only=True, limit=_KEPT)
        for name, work in works.items()
        if seeding.decisions[name][0] in WRITTEN
    }
    for name in kept:
        _write_rows(seeding, works[name], works)
    for name in kept:
        work = works[name]
        late = _late(work, works)
        if late:
            resolve.resolve(connection, work, seeding.works, applied | set(works))
            write.write_late(connection, work, late)
        outcomes[name] = SetOutcome(
            name=name,
            table=str(work.table),
            decision=work.decision,
            counts=read.counts(connection, work),
            kept=kept[name],
        )


def _judge_written(seeding: Seeding, works: dict[str, SetWork], applied: frozenset[str]) -> None:
    connection = seeding.connection
    judge_group(seeding, tuple(works), applied)
    hold_back(seeding, tuple(works))
    for name in [name for name in works if seeding.decisions[name][0] not in WRITTEN]:
        del works[name]
    for work in works.values():
        if work.decision in MERGING:
            _lock_and_judge_again(seeding, work)
    for work in works.values():
        write.allocate(connection, work)
    for work in works.values():
        resolve.fill_awaited(connection, work, works)


def _lock_and_judge_again(seeding: Seeding, work: SetWork) -> None:
    """Lock the rows to be written, then judge once more: a person may have been faster."""
    rows = write.writing(work)
    locked = None
    while True:
        chosen = write.choice(seeding.connection, work, rows)
        if chosen == locked:
            return
        write.lock(seeding.connection, work, rows, "NO KEY UPDATE")
        locked = chosen
        seeding.connection.execute(sql.SQL("TRUNCATE {}").format(work.verdict))
        judge_set(seeding, work)
        resolve.block_unreachable(seeding.connection, {work.name: work})


def _late(work: SetWork, group: Mapping[str, SetWork]) -> frozenset[str]:
    """Reference columns within a group that must wait: nullable, and not deferrable."""
    if len(group) < 2:
        return frozenset()
    late = set()
    for column, target in work.targets.items():
        if not isinstance(target, SetTarget) or target.set not in group:
            continue
        if target.set == work.name or work.live(column).not_null:
            continue
        keys = [key for key in work.table.foreign_keys if column in key.columns]
        if any(not key.deferrable for key in keys):
            late.add(column)
    return frozenset(late)


def _write_rows(seeding: Seeding, work: SetWork, group: Mapping[str, SetWork]) -> None:
    connection, ledger, run = seeding.connection, seeding.ledger, seeding.run
    late = _late(work, group)
    with rejected(connection, work, late=late):
        if len(group) > 1:
            connection.execute("SET CONSTRAINTS ALL DEFERRED")
        if write.insert(connection, work, late=late):
            record.record_inserts(connection, work, run=run)
            write.advance_sequences(connection, work)
        if work.decision not in MERGING:
            return
        record.record_images(connection, ledger, work, run=run)
        gone.bring_back(connection, work)
        if write.update(connection, work):
            record.reread_images(connection, ledger, work, run=run)
        record.record_merged(connection, work, run=run)
        record.record_adopted(connection, work, run=run)


def _apply_gone(seeding: Seeding, name: str, outcomes: dict[str, SetOutcome]) -> None:
    if not judge_gone(seeding, name):
        return
    work = seeding.works[name]
    rows = write.removing()
    if write.choice(seeding.connection, work, rows):
        write.lock(seeding.connection, work, rows, "UPDATE")
        seeding.connection.execute(sql.SQL("DELETE FROM {} WHERE s IS NULL").format(work.verdict))
        judge.judge_gone(
            seeding.connection, work, referenced=gone.referenced(work, judged_works(seeding))
        )
    before = outcomes[name]
    kept = read.row_changes(
        seeding.connection, work, conflicts_only=True, gone_only=True, limit=_KEPT
    )
    with rejected(seeding.connection, work):
        gone.remove(seeding.connection, seeding.ledger, work, run=seeding.run)
    outcomes[name] = dataclasses.replace(
        before,
        counts=read.counts(seeding.connection, work),
        kept=(*before.kept, *kept)[:_KEPT],
    )
