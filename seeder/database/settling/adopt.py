"""Adopt: existing rows of sets that were never seeded here go on record, and nothing else.

No user table is written. Where a live value is not the desired one, what was there before
is unknown, unless an old catalog says what a person must have started from.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace
from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.judging import diff, row_outcomes
from seeder.database.judging.groups import differences, judge_set
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.schema.rule_numbers import numbers
from seeder.database.settling import renamed_rows
from seeder.database.settling.partial import (
    become,
    clear_stages,
    column_rule,
    resolve_group,
    row_rule,
)
from seeder.database.settling.renamed_rows import Renamed
from seeder.database.staging import schema_check
from seeder.database.staging.context import WRITTEN, Orders, Seeding
from seeder.database.staging.prepare import prepare
from seeder.database.staging.registry import unregister
from seeder.database.staging.work import SetWork
from seeder.database.writing import record
from seeder.errors import Problem
from seeder.merge.model import Catalog, Mode
from seeder.merge.plan import ColumnCase, RowAction, RowChange, SetDecision
from seeder.merge.rules import COLUMN_RULES, COLUMN_WRITES, ROW_RULES
from seeder.runtime.progress import Progress

Place: TypeAlias = tuple[int, str]
"""The base and the scope of a set."""


class Adopted(Struct, kw_only=True):
    """What came of it."""

    rows: list[RowChange] = field(default_factory=list)
    """Rows that a person should look at, or that an update would insert."""
    counts: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    """Rows that a person may have renamed: who adopts has to say so."""
    unfit: dict[str, str] = field(default_factory=dict)
    """Sets that were passed over, and what of them does not fit the schema."""


_ROOM = 1000
"""How many rows are named."""

WOULD_INSERT = "would insert"
"""The count of rows that an update would insert."""


def adopt(
    connection: Connection,
    ledger: Ledger,
    catalog: Catalog,
    *,
    run: int,
    places: set[Place],
    renamed: Renamed,
    old: bool = False,
    fitting: bool = False,
    progress: Progress | None = None,
) -> Adopted:
    """Record the live rows of all unadopted sets, in the caller's transaction.

    Args:
        connection: under the advisory lock.
        ledger: the ledger.
        catalog: the rows to look for.
        run: the run that records it.
        places: where sets were adopted in this run, by catalogs that are newer; those of this
            one are added. Their rows are looked at again: a value that is as this catalog has it
            was never touched.
        renamed: what is known of rows that have other keys here.
        old: the catalog is one that the rows once came from: its values are the base,
            and those of its rows that are gone count as deleted by a person.
        fitting: sets that do not fit the schema are passed over.
        progress: where to tell how far it is.
    """
    seeding = Seeding(
        connection=connection,
        ledger=ledger,
        catalog=catalog,
        orders=Orders(
            mode=Mode.UPDATE,
            adopt=True,
            allow_missing=frozenset(each.name for each in catalog.sets),
            migrations_pending=fitting,
        ),
        run=run,
        progress=progress or Progress(),
    )
    groups = prepare(seeding)
    adopted = {n for n, work in seeding.works.items() if work.decision is SetDecision.ADOPT}
    again = {n for n, work in seeding.works.items() if old and _place(work) in places}
    places |= {_place(seeding.works[name]) for name in adopted}
    for name, work in seeding.works.items():
        if name not in adopted:
            if work.decision in WRITTEN:
                unregister(seeding, work)
            seeding.works[name] = replace(work, decision=SetDecision.MERGE)
        diff.create(connection, seeding.works[name])
    found = Adopted(unfit=_unfit(seeding))
    settled: set[str] = set()
    for group in groups:
        seeding.progress.step("comparing", group[0])
        for work in resolve_group(seeding, group, frozenset(settled)):
            if work.name in adopted | again:
                differences(seeding, work, frozenset(settled))
                judge_set(seeding, work)
                found.problems += renamed_rows.settle(connection, work, renamed)
                _only_record(connection, work, old=old)
                if work.name in adopted:
                    _tell(connection, work, found.rows, found.counts)
                record.record_adopted(connection, work, run=run)
                if work.name in again:
                    _only_settle(connection, work)
                    record.record_merged(connection, work, run=run)
        settled.update(group)
    clear_stages(connection)
    return found


def _unfit(seeding: Seeding) -> dict[str, str]:
    others = schema_check.together(seeding.catalog.sets, seeding.tables)
    found: dict[str, str] = {}
    for name, (decision, _) in seeding.decisions.items():
        if decision is SetDecision.AWAITING_TABLE:
            why = schema_check.misfit(others.by_name[name], seeding.tables, others)
            found[name] = why or "values of it, or of a set that it refers to, do not fit"
    return found


def _place(work: SetWork) -> Place:
    return work.base.id, work.scope


def _only_settle(connection: Connection, work: SetWork) -> None:
    """Leave of the verdicts that a value is as this catalog has it, and was not as a newer one."""
    connection.execute(
        work.compose(
            "UPDATE {verdict} SET {}",
            become(
                work,
                "CASE WHEN {v} = {settled} THEN {v} ELSE {nothing_new} END",
                settled=column_rule("settled"),
                nothing_new=column_rule("nothing_new"),
            ),
        )
    )


def _only_record(connection: Connection, work: SetWork, *, old: bool) -> None:
    """Turn verdicts that write into ones that record."""
    differing = COLUMN_WRITES | {ColumnCase.CONFLICT}
    # With an old catalog the difference is what a person made of a known value.
    meant = column_rule("nothing_new" if old else "here_before")
    sets: list[sql.Composable] = [
        become(
            work,
            "CASE WHEN {v} = ANY ({differing}) THEN {meant} ELSE {v} END",
            differing=numbers(COLUMN_RULES, differing),
            meant=meant,
        )
    ]
    if old:
        sets.append(
            sql.SQL("verdict = CASE WHEN NOT live AND b IS NULL THEN {} ELSE verdict END").format(
                row_rule("soft_deleted")
            )
        )
    # A row that refers to one that is not there is here all the same.
    sets_of_live = sql.SQL("verdict = {}").format(row_rule("adopted"))
    connection.execute(work.compose("UPDATE {verdict} SET {}", sql.SQL(", ").join(sets)))
    connection.execute(
        work.compose(
            "UPDATE {verdict} SET {} WHERE live AND b IS NULL AND verdict = ANY ({})",
            sets_of_live,
            numbers(ROW_RULES, {RowAction.SKIP}),
        )
    )


def _tell(
    connection: Connection,
    work: SetWork,
    rows: list[RowChange],
    counts: dict[str, int],
) -> None:
    for action, number in row_outcomes.counts(connection, work).items():
        name = WOULD_INSERT if action == RowAction.INSERT.value else action
        counts[name] = counts.get(name, 0) + number
    rows += row_outcomes.row_changes(
        connection, work, conflicts_only=True, limit=max(0, _ROOM - len(rows))
    )
    for addr, verdict in connection.execute(
        work.compose(
            "SELECT s.addr, w.verdict FROM {verdict} w JOIN {stage} s ON {row} = w.s"
            " WHERE w.verdict = ANY ({}) ORDER BY w.s LIMIT {}",
            numbers(ROW_RULES, {RowAction.INSERT, RowAction.RECORD}),
            sql.Literal(max(0, _ROOM - len(rows))),
        )
    ).fetchall():
        action = ROW_RULES[verdict].verdict
        rows.append(
            RowChange(
                address=work.seed_set.address(addr),
                action=action,
                reason="not here; an update inserts it"
                if action is RowAction.INSERT
                else "counts as deleted here; stays deleted",
            )
        )
