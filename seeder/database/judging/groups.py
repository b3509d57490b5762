"""Judging the sets of a group: sets that refer to each other, or one on its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from seeder.database.judging import departures, diff, duplicates, judge
from seeder.database.judging.moves import follow_moves, follow_references
from seeder.database.schema.rule_numbers import numbers_where
from seeder.database.staging import references
from seeder.database.staging.context import MERGING, WRITTEN, Seeding
from seeder.database.staging.registry import unregister
from seeder.database.staging.work import SetTarget, SetWork
from seeder.errors import SeedingFailed
from seeder.merge.model import Mode, SeedSet
from seeder.merge.plan import RowAction, SetDecision
from seeder.merge.rules import ROW_RULES


def judge_group(seeding: Seeding, group: Sequence[str], judged: frozenset[str]) -> None:
    """Resolve, find differences and judge the sets of a group, without writing."""
    connection = seeding.connection
    works = [seeding.works[name] for name in group if name in seeding.works]
    know_rows(seeding, works, judged)
    for work in works:
        inserts_missing = work.decision is SetDecision.INSERT_MISSING
        if work.decision in WRITTEN and not inserts_missing and duplicates.respellable(work):
            duplicates.require_distinct_keys(connection, work)
    for work in works:
        if work.decision in MERGING:
            found = differences(seeding, work, judged)
            _require_presence(seeding, work, found)
            if found.known and work.decision is not SetDecision.INSERT_MISSING:
                duplicates.require_distinct(connection, work)
            if not found.leaving:
                seeding.complete.add(work.name)
            judge_set(seeding, work)
    if any(work.stage.references for work in works):
        references.block_unreachable(connection, {work.name: work for work in works})


def differences(seeding: Seeding, work: SetWork, judged: frozenset[str]) -> diff.Differences:
    """Find which rows of a set, whose references are resolved, could need anything."""
    return diff.find_differences(
        seeding.connection,
        work,
        refresh=work.decision is SetDecision.REFRESH,
        staged_anew=partial(references.resolve, seeding.connection, work, seeding.works, judged),
    )


def know_rows(seeding: Seeding, works: Sequence[SetWork], judged: frozenset[str]) -> None:
    """Resolve references, and let the entries of rows follow them: which row is which.

    May be done again once more sets are `judged`.
    """
    connection = seeding.connection
    # First, since references are looked up in the ledger. One set may move a row to the key that
    # another moves its own away from.
    moving = [work for work in works if work.decision in MERGING and work.seed_set.moved]
    for _ in moving:
        if not sum(follow_moves(seeding, work) for work in moving):
            break
    for work in works:
        references.resolve(connection, work, seeding.works, judged)
    for work in works:
        if work.decision in MERGING:
            follow_references(seeding, work)
    for work in works:
        shared = work.siblings or len(work.own_ids) > 1
        if work.decision in MERGING and seeding.writes and shared:
            diff.take_over(connection, work)


def hold_back(seeding: Seeding, group: Sequence[str]) -> None:
    """Leave sets pending whose rows refer to rows that only an update would bring."""
    for name in group:
        work = seeding.works.get(name)
        if work is not None and work.decision in WRITTEN and _waits_for_pending(seeding, work):
            reason = "it refers to rows of a set that is pending"
            seeding.decisions[name] = (SetDecision.PENDING, reason)
            unregister(seeding, work)


def _waits_for_pending(seeding: Seeding, work: SetWork) -> bool:
    if seeding.orders.mode is not Mode.INIT or not work.stage.references:
        return False
    waiting = {SetDecision.PENDING, SetDecision.UNADOPTED}
    if not any(
        isinstance(target, SetTarget) and seeding.decisions[target.set][0] in waiting
        for target in work.targets.values()
    ):
        return False
    return references.any_missing(seeding.connection, work)


_OF_MISSING = numbers_where(
    ROW_RULES,
    lambda rule: (
        ("entry", False) in rule.conditions
        and rule.verdict in (RowAction.INSERT, RowAction.SKIP, RowAction.KEEP)
    ),
)
"""Numbers of the verdicts on rows that were never seeded and are not there."""


def judge_set(seeding: Seeding, work: SetWork) -> None:
    """Judge one set, and refuse it where a key has duplicates among the live rows."""
    judge.judge(
        seeding.connection,
        work,
        seeding.works,
        refresh=work.decision is SetDecision.REFRESH,
    )
    if work.decision is SetDecision.INSERT_MISSING:
        seeding.connection.execute(
            work.compose("DELETE FROM {verdict} WHERE verdict <> ALL ({})", _OF_MISSING)
        )
    require_single(seeding, work)
    if work.decision is not SetDecision.INSERT_MISSING:
        duplicates.require_distinct_adoptions(seeding.connection, work)


def _require_presence(seeding: Seeding, work: SetWork, found: diff.Differences) -> None:
    allowed = work.name in seeding.orders.allow_missing
    if not found.suspicious or allowed or work.decision is SetDecision.REFRESH:
        return
    raise SeedingFailed(
        f"Of {found.entries} seeded rows of set {work.name}, {found.missing} are gone from"
        f" {work.table} or have other keys.",
        hint="Is this the right database, and may this role see all rows? If people really"
        f" deleted them, run again with --allow-missing {work.name}.",
        set=work.name,
        entries=found.entries,
        missing=found.missing,
        code="rows-gone",
    )


def require_single(seeding: Seeding, work: SetWork) -> None:
    """Raise SeedingFailed where two live rows could be the one that a row means."""
    rows = seeding.connection.execute(
        work.compose(
            "SELECT coalesce(s.addr, b.addr) FROM (SELECT s, b FROM {verdict} GROUP BY s, b"
            " HAVING pg_catalog.count(*) > 1) w LEFT JOIN {stage} s ON {row} = w.s"
            " LEFT JOIN {base} b ON b.ctid = w.b ORDER BY 1 LIMIT 5"
        )
    ).fetchall()
    if rows:
        addresses = ", ".join(work.seed_set.address(row[0]) for row in rows)
        raise SeedingFailed(
            f"More than one row of {work.table} has the key of {addresses}.",
            hint="Delete the duplicates, or make the key unique, and run again.",
            set=work.name,
            code="key-ambiguous",
        )


def judge_gone(seeding: Seeding, names: Sequence[str]) -> list[SetWork]:
    """Judge the rows of sets that have left the catalog; returns the sets that have such."""
    found = []
    for name in names:
        work = seeding.works.get(name)
        if work is None or work.decision not in (SetDecision.MERGE, SetDecision.REFRESH):
            continue
        if name in seeding.complete:
            continue
        excluded = elsewhere(seeding, work.seed_set)
        if diff.find_gone(seeding.connection, work, excluded=excluded):
            found.append(work)
    judge_leaving(seeding, found)
    for work in found:
        require_single(seeding, work)
    return found


def judge_leaving(seeding: Seeding, together: Sequence[SetWork], *, decided: bool = False) -> None:
    """Judge the rows that the diff knows to have left the catalog; `decided` as in `judge`."""
    works = judged_works(seeding)
    for work in together:
        judge.judge_gone(
            seeding.connection,
            work,
            seeding.works,
            referenced=departures.referenced(work, together, works, written=seeding.writes),
            decided=decided,
        )
    departures.hold_parents(seeding.connection, together, works, written=seeding.writes)


def judged_works(seeding: Seeding) -> dict[str, SetWork]:
    """The sets that have verdicts."""
    return {name: work for name, work in seeding.works.items() if work.decision in MERGING}


def elsewhere(seeding: Seeding, each: SeedSet) -> tuple[str, ...]:
    """Row keys that only another environment's sets have: they have not left the catalog."""
    return tuple(
        row.key
        for other in seeding.catalog.inactive
        if (other.table, other.key, other.scope) == (each.table, each.key, each.scope)
        for row in other.rows
    )
