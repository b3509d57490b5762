"""One seeding: classify and apply every set in order, in the caller's transaction.

The caller holds the advisory lock. `survey.survey` walks the same steps without writing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Sized

from msgspec.structs import replace
from psycopg import sql

from seeder.database.applying import departing
from seeder.database.applying.bulk_insert import gathered, insert_together
from seeder.database.applying.survey import foresee
from seeder.database.connection.connect import Connection
from seeder.database.judging import diff, holding, moves, row_outcomes, verdict_rows
from seeder.database.judging.groups import hold_back, judge_group, judge_set
from seeder.database.judging.verdict_rows import EVERY
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.schema.equality import negated
from seeder.database.staging import applied_lines, copy_to_base, departed, references, waiting
from seeder.database.staging.context import MERGING, WRITTEN, Orders, Seeding, set_named
from seeder.database.staging.prepare import prepare
from seeder.database.staging.stage import RESOLVED
from seeder.database.staging.work import SetTarget, SetWork
from seeder.database.writing import images, marks, parked_values, record, write
from seeder.database.writing.ordered_updates import update_in_turn
from seeder.database.writing.rejected_rows import Writes, rejected
from seeder.merge.model import Catalog
from seeder.merge.order import in_groups, in_order
from seeder.merge.plan import RowAction, RowChange, SetDecision, SetOutcome
from seeder.runtime.progress import Progress


def seed(
    connection: Connection,
    ledger: Ledger,
    catalog: Catalog,
    orders: Orders,
    *,
    run: int,
    progress: Progress | None = None,
) -> tuple[tuple[SetOutcome, ...], tuple[str, ...]]:
    """Apply the catalog's sets in the caller's transaction.

    Returns:
        What was done per set, in the order applied, and warnings.

    Raises:
        Unforeseen: the caller has to roll back, and seed again with `orders.foresee`.
        ConfigurationInvalid: the catalog does not fit the schema; all problems are named.
        SeedingFailed: a row was rejected, rows vanished, or which row is meant is unclear.
    """
    if orders.foresee:
        orders = foresee(connection, ledger, catalog, orders)
    seeding = Seeding(
        connection=connection,
        ledger=ledger,
        catalog=catalog,
        orders=orders,
        run=run,
        progress=progress or Progress(),
    )
    groups = prepare(seeding)
    for work in seeding.works.values():
        if work.decision in MERGING:
            diff.create(connection, work)
    outcomes: dict[str, SetOutcome] = {}
    for together, some in gathered(seeding, groups):
        if not (together and _insert_together(seeding, some, outcomes)):
            for group in some:
                _apply_group(seeding, group, groups, outcomes)
    for group in reversed(groups):
        departing.remove(seeding, group[::-1])
    parked_values.settle(seeding)
    departed.forget(seeding)
    for left in seeding.left:
        outcome = outcomes[left.set]
        outcomes[left.set] = replace(
            outcome,
            counts=dict(Counter(outcome.counts) + Counter(left.counts)),
            kept=(*outcome.kept, *left.kept)[: departing.KEPT],
            rows=(*outcome.rows, *left.rows)[: seeding.orders.reported],
        )
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    waiting.remember(seeding)
    applied_lines.remember(seeding)
    return tuple(outcomes.values()), tuple(seeding.warnings)


def _insert_together(
    seeding: Seeding, groups: Sequence[tuple[str, ...]], outcomes: dict[str, SetOutcome]
) -> bool:
    inserted = insert_together(seeding, groups, frozenset(outcomes))
    for name, count in (inserted or {}).items():
        work = seeding.works[name]
        rows = work.seed_set.rows
        # Rows that refer to rows that are not there are left out, and then there are fewer.
        whole = isinstance(rows, Sized) and len(rows) == count
        kept = () if whole else _kept(seeding, work)
        outcomes[name] = _outcome(
            seeding, work, count if whole else None, kept=kept, rows=_reported(seeding, work)
        )
    return inserted is not None


def _outcome(
    seeding: Seeding,
    work: SetWork,
    inserted: int | None,
    *,
    kept: tuple[RowChange, ...],
    rows: tuple[RowChange, ...],
) -> SetOutcome:
    """What was done to a set; `inserted` where that is all that was, and to every row."""
    return SetOutcome(
        name=work.name,
        table=str(work.table),
        decision=work.decision,
        counts=row_outcomes.counts(seeding.connection, work)
        if inserted is None
        else row_outcomes.all_inserted(inserted),
        kept=kept,
        rows=rows,
    )


def _apply_group(
    seeding: Seeding,
    group: Sequence[str],
    groups: Sequence[Sequence[str]],
    outcomes: dict[str, SetOutcome],
) -> None:
    connection = seeding.connection
    holding.meet_others(seeding, group)
    applied = frozenset(outcomes)
    _resolve_into_base(seeding, group, applied)
    works = {
        name: seeding.works[name]
        for name in group
        if name in seeding.works and seeding.works[name].decision in WRITTEN
    }
    for work in works.values():
        if work.decision in MERGING:
            seeding.progress.step("comparing", work.name)
    for name in group:
        if name in seeding.works and name not in works:
            references.resolve(connection, seeding.works[name], seeding.works, applied)
    _judge_written(seeding, works, applied)
    for name in group:
        decision, _ = seeding.decisions[name]
        table = str(
            seeding.tables.get(set_named(seeding, name).table) or set_named(seeding, name).table
        )
        if name not in works or decision not in WRITTEN:
            outcomes[name] = SetOutcome(name=name, table=table, decision=decision)
    kept = {
        name: _kept(seeding, work)
        for name, work in works.items()
        if seeding.decisions[name][0] in WRITTEN
    }
    rows = {name: _reported(seeding, works[name]) for name in kept}
    written = {name: works[name] for name in kept}
    first = departing.make_way(seeding, written, groups, applied.union(group))
    inserted, dropped = _write_group(seeding, written, first)
    for name in kept:
        work = works[name]
        # Without references no row is left out, and without triggers none is dropped.
        whole = (
            work.decision is SetDecision.INSERT
            and not work.stage.references
            and not work.table.rewrites
        )
        outcomes[name] = _outcome(
            seeding, work, inserted[name] if whole else None, kept=kept[name], rows=rows[name]
        )
        if dropped.get(name):
            outcomes[name] = departing.without(
                outcomes[name],
                work,
                dropped[name],
                RowAction.INSERT,
                RowAction.RESTORE,
                rule="dropped",
                reason=f"a trigger of {work.table} did not let it in; it counts as deleted here",
            )


def _resolve_into_base(seeding: Seeding, group: Sequence[str], applied: frozenset[str]) -> None:
    name = group[0]
    if len(group) > 1 or name not in seeding.resolving:
        return
    work = seeding.works[name]
    if work.decision is SetDecision.INSERT:
        seeding.works[name] = copy_to_base.resolve(
            seeding.connection, work, seeding.works, applied, run=seeding.run
        )


def _kept(seeding: Seeding, work: SetWork) -> tuple[RowChange, ...]:
    kept = row_outcomes.row_changes(
        seeding.connection, work, conflicts_only=True, limit=departing.KEPT
    )
    if any(row.action is RowAction.SKIP or row.holder for row in kept):
        seeding.waiting.add(work.name)
    return kept


def _reported(seeding: Seeding, work: SetWork) -> tuple[RowChange, ...]:
    limit = seeding.orders.reported
    return row_outcomes.row_changes(seeding.connection, work, limit=limit) if limit else ()


def _judge_written(seeding: Seeding, works: dict[str, SetWork], applied: frozenset[str]) -> None:
    connection = seeding.connection
    judge_group(seeding, tuple(works), applied)
    hold_back(seeding, tuple(works))
    for name in [name for name in works if seeding.decisions[name][0] not in WRITTEN]:
        del works[name]
    for work in works.values():
        if work.decision in MERGING:
            _lock_and_judge_again(seeding, work)
    holding.hold(seeding, tuple(works))
    works.update((name, seeding.works[name]) for name in works)
    for work in works.values():
        write.allocate(connection, work)
    for work in works.values():
        references.fill_awaited(connection, work, works)


def _lock_and_judge_again(seeding: Seeding, work: SetWork) -> None:
    """Lock the rows to be written; where a person was faster, judge once more what is there."""
    while write.lock(seeding.connection, work, verdict_rows.writing(work), "NO KEY UPDATE").changed:
        seeding.connection.execute(work.compose("TRUNCATE {verdict}"))
        judge_set(seeding, work)
        references.block_unreachable(seeding.connection, {work.name: work})


def _write_group(
    seeding: Seeding, works: Mapping[str, SetWork], updated_first: frozenset[str]
) -> tuple[Counter[str], dict[str, list[str]]]:
    """Insert the rows of all sets of a group, then change what is there already.

    In this order, since the one and the other may refer to what another set inserts; but sets
    `updated_first` change before all else what refers to no such row: their rows hold unique
    values that go to new ones.

    Returns how many rows each set inserted, and the row keys of those that a trigger dropped.
    """
    connection, run = seeding.connection, seeding.run
    if len(works) > 1:
        connection.execute("SET CONSTRAINTS ALL DEFERRED")
    for name in updated_first:
        with rejected(connection, works[name], Writes.UPDATES, run=_here_before(seeding)):
            _record_images(seeding, works[name])
            update_in_turn(connection, works[name], _resolved(works[name]))
    circles = _circles(works)
    late = {name: _late(work, works, circles[name]) for name, work in works.items()}
    first = {name: _needed_first(work, works, late[name]) for name, work in works.items()}
    inserted: Counter[str] = Counter()
    dropped: dict[str, list[str]] = {}
    for name in in_order(list(works), first):
        seeding.progress.step("inserting", name)
        if not circles[name].issuperset(first[name]):
            references.fill_inserted(connection, works[name], works)
        with rejected(
            connection, works[name], Writes.INSERTS, late=late[name], run=_here_before(seeding)
        ):
            count = write.insert(connection, works[name], late=late[name])
            if count or works[name].table.rewrites:
                inserted[name] = count
    for name in inserted:
        work = works[name]
        if late[work.name]:
            references.fill_inserted(connection, work, works)
            write.write_late(connection, work, late[work.name])
    for name, count in inserted.items():
        if works[name].stage.stand_in is None:
            recorded = record.record_inserts(connection, works[name], run=run)
            record.require_all(works[name], inserted=count, recorded=recorded)
            if works[name].table.rewrites:
                dropped[name] = record.record_dropped(connection, works[name], run=run)
        write.advance_sequences(connection, works[name])
    for work in works.values():
        if work.decision in MERGING:
            seeding.progress.step("updating", work.name)
            with rejected(connection, work, Writes.UPDATES, run=_here_before(seeding)):
                _write_changes(seeding, work, begun=work.name in updated_first)
    return inserted, dropped


def _here_before(seeding: Seeding) -> int:
    """The run that other rows must be older than to be in the way; first rows meet none."""
    return 0 if seeding.orders.first else seeding.run


def _circles(group: Mapping[str, SetWork]) -> dict[str, frozenset[str]]:
    """The sets of a group by those that they refer to in a circle; others only share a table."""
    edges = {
        name: {t.set for t in work.targets.values() if isinstance(t, SetTarget)}
        for name, work in group.items()
    }
    return {name: frozenset(circle) for circle in in_groups(list(group), edges) for name in circle}


def _late(work: SetWork, group: Mapping[str, SetWork], circle: frozenset[str]) -> frozenset[str]:
    """Reference columns that are filled in once the rows they refer to are there.

    Nullable ones within a circle, unless their constraint can wait or the referenced value
    is known beforehand.
    """
    late = set()
    for column, target in work.targets.items():
        if not isinstance(target, SetTarget) or target.set not in circle:
            continue
        if work.live(column).not_null or column in work.base.key:
            continue
        if not references.known_beforehand(group[target.set], target.stored) or (
            target.set != work.name and _cannot_wait(work, column)
        ):
            late.add(column)
    return frozenset(late)


def _needed_first(
    work: SetWork, group: Mapping[str, SetWork], late: frozenset[str]
) -> frozenset[str]:
    """Sets of the group whose rows must be there before rows of this one are inserted."""
    referred = {
        target.set
        for column, target in work.targets.items()
        if isinstance(target, SetTarget) and column not in late and _cannot_wait(work, column)
    }
    # A column that no row gives refers to a row by its default.
    given = {
        key.target for key in work.table.foreign_keys if not set(key.columns) & set(work.names)
    }
    defaults = {name for name, each in group.items() if each.table.qualified in given}
    return frozenset((referred | defaults) & set(group)) - {work.name}


def _cannot_wait(work: SetWork, column: str) -> bool:
    """Whether a foreign key on the column is checked at once."""
    return any(column in key.columns and not key.deferrable for key in work.table.foreign_keys)


def _record_images(seeding: Seeding, work: SetWork) -> None:
    """Keep what is about to be overwritten, once."""
    if work.name not in seeding.imaged:
        images.record(seeding.connection, seeding.ledger, work, run=seeding.run)
        seeding.imaged.add(work.name)


def _resolved(work: SetWork) -> sql.Composable:
    """Condition on verdict row `w`: it refers to no row that is yet to be inserted."""
    if not work.stage.references:
        return EVERY
    return work.compose(
        "w.s NOT IN (SELECT s.n FROM {stage} s WHERE s.missing <> {})", sql.Literal(RESOLVED)
    )


def _write_changes(seeding: Seeding, work: SetWork, *, begun: bool) -> None:
    """Update live rows as judged, and bring the ledger's entries up to date.

    With `begun` what refers to no row that was yet to be inserted is changed already.
    """
    connection, ledger, run = seeding.connection, seeding.ledger, seeding.run
    _record_images(seeding, work)
    marks.bring_back(connection, work)
    rest = negated(_resolved(work)) if begun else EVERY
    if update_in_turn(connection, work, rest) or begun:
        write.advance_sequences(connection, work)
        images.reread(connection, ledger, work, run=run)
        moves.follow_cascades(connection, work, seeding.works)
    record.record_merged(connection, work, run=run)
    record.record_adopted(connection, work, run=run)
