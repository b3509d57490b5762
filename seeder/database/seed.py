"""One seeding: decide about every set, then classify and apply them in order.

The caller opens the transaction and holds the advisory lock. `seed` writes; `survey` makes
the same decisions and writes nothing: both walk the same steps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from seeder.database import check, classify, gone, read, record, resolve, stage, write
from seeder.database.bases import Base, base_key, open_base
from seeder.database.culprit import rejected
from seeder.database.digests import digest_of
from seeder.database.ledger import Ledger
from seeder.database.moves import follow_moves
from seeder.database.schema import Table, read_tables
from seeder.database.work import SetTarget, SetWork, scope_condition, scope_text
from seeder.errors import ConfigurationInvalid, SeedingFailed
from seeder.merge.model import Catalog, Mode, SeedSet, TableName, When
from seeder.merge.order import in_groups
from seeder.merge.plan import SetDecision, SetOutcome, SetPlan

MERGING = (
    SetDecision.MERGE,
    SetDecision.INSERT_MISSING,
    SetDecision.ADOPT,
    SetDecision.REFRESH,
)
WRITTEN = (SetDecision.INSERT, *MERGING)

_KEPT = 100
"""How many rows that need a person one outcome names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What this run may do, decided before any set is looked at."""

    mode: Mode
    """`init`, `update` or `refresh`."""
    adopt: bool = False
    """Rows that were here before seeder are adopted (an update by hand)."""
    allow_missing: frozenset[str] = frozenset()
    created: frozenset[str] | None = None
    """Qualified names of tables that stood before this launch's migrations; None: any
    table may have been here before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A set as the ledger knows it."""

    id: int
    table: TableName
    key: tuple[str, ...]
    scope: str
    name: str
    digest: str


@dataclass(slots=True, kw_only=True)
class Seeding:
    """The state of one seeding while it goes on."""

    connection: psycopg.Connection[Any]
    ledger: Ledger
    catalog: Catalog
    orders: Orders
    run: int
    """Zero: survey only."""
    tables: Mapping[TableName, Table] = field(default_factory=dict)
    known: tuple[Known, ...] = ()
    works: dict[str, SetWork] = field(default_factory=dict)
    decisions: dict[str, tuple[SetDecision, str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def writes(self) -> bool:
        """Whether this is a run and not a survey."""
        return self.run > 0


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
    groups = _prepare(seeding)
    outcomes: dict[str, SetOutcome] = {}
    for group in groups:
        _apply_group(seeding, group, outcomes)
    for group in reversed(groups):
        for name in reversed(group):
            _apply_gone(seeding, name, outcomes)
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return tuple(outcomes.values()), tuple(seeding.warnings)


def survey(
    connection: psycopg.Connection[Any], ledger: Ledger, catalog: Catalog, orders: Orders
) -> tuple[tuple[SetPlan, ...], tuple[str, ...]]:
    """Say what `seed` would do, in the caller's transaction, writing to temporary tables only.

    Once they exist the transaction is made read-only.
    """
    seeding = Seeding(connection=connection, ledger=ledger, catalog=catalog, orders=orders, run=0)
    groups = _prepare(seeding)
    order = [name for group in groups for name in group]
    for name in order:
        work = seeding.works.get(name)
        if work is not None and work.decision in MERGING:
            classify.create(connection, work)
    connection.execute("SET TRANSACTION READ ONLY")
    judged: set[str] = set()
    for group in groups:
        _judge_group(seeding, group, frozenset(judged))
        judged.update(group)
    for name in reversed(order):
        _judge_gone(seeding, name)
    plans = []
    for name in order:
        decision, reason = seeding.decisions[name]
        work = seeding.works.get(name)
        merged = work is not None and decision in WRITTEN
        plans.append(
            SetPlan(
                name=name,
                table=str(
                    seeding.tables.get(_set(seeding, name).table) or _set(seeding, name).table
                ),
                decision=decision,
                reason=reason,
                rows=read.row_changes(connection, work) if merged and work else (),
                counts=read.counts(connection, work) if merged and work else {},
            )
        )
    return tuple(plans), tuple(seeding.warnings)


# -- preparing --------------------------------------------------------------------------


def _set(seeding: Seeding, name: str) -> SeedSet:
    return next(each for each in seeding.catalog.sets if each.name == name)


def _prepare(seeding: Seeding) -> list[tuple[str, ...]]:
    """Read the schema and the ledger, decide about every set, stage what is needed."""
    connection, catalog = seeding.connection, seeding.catalog
    sets = catalog.sets
    everything = (*catalog.sets, *catalog.inactive)
    seeding.tables = read_tables(connection, check.tables_of(everything))
    checked = [each for each in sets if seeding.writes or each.table in seeding.tables]
    found = check.problems(checked, seeding.tables)
    if found:
        raise ConfigurationInvalid(
            "The catalog does not fit the schema of the database.", problems=tuple(found)
        )
    seeding.known = _read_known(seeding)
    edges = {each.name: check.needs(each, sets, seeding.tables)[0] for each in sets}
    groups = in_groups([each.name for each in sets], edges)
    for each in sets:
        seeding.decisions[each.name] = _decide(seeding, each)
    _open(seeding, edges)
    return groups


def _read_known(seeding: Seeding) -> tuple[Known, ...]:
    if not seeding.ledger.exists(seeding.connection):
        return ()
    rows = seeding.connection.execute(
        seeding.ledger.sql(
            "SELECT s.id, b.table_schema, b.table_name, b.key, s.scope, s.name, s.digest"
            " FROM {s}.sets s JOIN {s}.bases b ON b.id = s.base ORDER BY s.id"
        )
    ).fetchall()
    return tuple(
        Known(
            id=row[0],
            table=TableName(schema=row[1], name=row[2]),
            key=tuple(row[3]),
            scope=row[4],
            name=row[5],
            digest=row[6],
        )
        for row in rows
    )


def _same_place(seeding: Seeding, each: SeedSet) -> list[Known]:
    """What the ledger knows of the set's table, key and scope, by whatever name."""
    table = seeding.tables.get(each.table)
    if table is None:
        return []
    scope = scope_text(each, table)
    return [
        known
        for known in seeding.known
        if known.table == table.qualified and known.key == each.key and known.scope == scope
    ]


def _decide(seeding: Seeding, each: SeedSet) -> tuple[SetDecision, str]:
    table = seeding.tables.get(each.table)
    if table is None:
        return SetDecision.AWAITING_TABLE, "its table comes with the pending migrations"
    orders = seeding.orders
    known = _same_place(seeding, each)
    if not known:
        if not _has_rows(seeding, each, table):
            return SetDecision.INSERT, "never seeded here, and the table is empty"
        if orders.mode is Mode.REFRESH:
            return SetDecision.REFRESH, "refresh rewrites every row"
        if orders.created is not None and _quoted(table) not in orders.created:
            return SetDecision.ADOPT, "this launch's migrations created and filled the table"
        if orders.adopt:
            return SetDecision.ADOPT, "an update by hand adopts rows that were here before"
        return SetDecision.UNADOPTED, "never seeded here, and the table has rows"
    match orders.mode:
        case Mode.REFRESH:
            return SetDecision.REFRESH, "refresh rewrites every row"
        case Mode.UPDATE:
            return SetDecision.MERGE, "an update merges it"
        case _:
            digest = digest_of(each)
            if any(k.name == each.name and k.digest == digest for k in known):
                return SetDecision.UNCHANGED, "the catalog asks for nothing new"
            if each.when is When.MISSING:
                return SetDecision.INSERT_MISSING, "`when: missing` inserts rows never seeded"
            return SetDecision.PENDING, "the catalog has changed since it was applied"


def _quoted(table: Table) -> str:
    return (
        table.identifier.as_string().replace('"', "") if False else f"{table.schema}.{table.name}"
    )


def _has_rows(seeding: Seeding, each: SeedSet, table: Table) -> bool:
    row = seeding.connection.execute(
        sql.SQL("SELECT EXISTS (SELECT FROM {} t WHERE {})").format(
            table.identifier, scope_condition(each, table, "t")
        )
    ).fetchone()
    return bool(row and row[0])


def _open(seeding: Seeding, edges: Mapping[str, set[str]]) -> None:
    """Open bases and stages of the sets that are written, and of those they refer to."""
    written = {n for n, (decision, _) in seeding.decisions.items() if decision in WRITTEN}
    needed = set(written)
    waiting = list(written)
    while waiting:
        for name in edges[waiting.pop()]:
            if name not in needed:
                needed.add(name)
                waiting.append(name)
    sets = [
        each
        for each in seeding.catalog.sets
        if each.name in needed and each.table in seeding.tables
    ]
    bases = _open_bases(seeding, sets)
    by_name = {each.name: each for each in seeding.catalog.sets}
    for number, each in enumerate(sets, start=1):
        table = seeding.tables[each.table]
        base = bases[each.name]
        seeding.works[each.name] = SetWork(
            seed_set=each,
            table=table,
            base=base,
            stage=stage.Stage(
                number=number, seed_set=each, table=table, primary_key=base.primary_key
            ),
            targets={
                column.name: check.target_of(each, column, seeding.tables, by_name)
                for column in each.columns
                if column.reference is not None
            },
            decision=seeding.decisions[each.name][0],
        )
    for name, work in seeding.works.items():
        seeding.works[name] = dataclasses.replace(
            work, siblings=_siblings(seeding, work), **_ids(seeding, work)
        )
    rejections = []
    for work in seeding.works.values():
        allocate = seeding.writes and work.decision is SetDecision.INSERT
        stage.create(seeding.connection, work.stage, allocate=allocate)
        try:
            stage.load(seeding.connection, work.stage)
        except ConfigurationInvalid as error:
            rejections += error.problems
    if rejections:
        raise ConfigurationInvalid(
            "Values of the catalog do not fit their columns.", problems=tuple(rejections)
        )


def _open_bases(seeding: Seeding, sets: Sequence[SeedSet]) -> dict[str, Base]:
    shared: dict[object, list[SeedSet]] = {}
    for each in sets:
        shared.setdefault(base_key(seeding.tables[each.table], each), []).append(each)
    bases: dict[str, Base] = {}
    for group in shared.values():
        base = open_base(
            seeding.connection,
            seeding.ledger,
            seeding.tables[group[0].table],
            group,
            write=seeding.writes,
        )
        bases |= {each.name: base for each in group}
    return bases


def _siblings(seeding: Seeding, work: SetWork) -> tuple[stage.Stage, ...]:
    return tuple(
        other.stage
        for other in seeding.works.values()
        if other.name != work.name and other.base is work.base and other.scope == work.scope
    )


def _ids(seeding: Seeding, work: SetWork) -> dict[str, Any]:
    """The set's number in the ledger, and those of sets whose place it has taken alone."""
    place = _same_place(seeding, work.seed_set)
    number = next((known.id for known in place if known.name == work.name), 0)
    if seeding.writes and work.decision in WRITTEN:
        number = _register(seeding, work)
    catalog = {each.name for each in (*seeding.catalog.sets, *seeding.catalog.inactive)}
    orphans = [known.id for known in place if known.name not in catalog]
    alone = not _siblings(seeding, work)
    if orphans and not alone:
        names = ", ".join(known.name for known in place if known.id in orphans)
        seeding.warnings.append(
            f"The set {names} has left the catalog; its rows in {work.table} are kept."
            " To remove rows, leave the file with `rows: []`."
        )
    own = [number, *(orphans if alone else [])]
    return {"set_id": number, "own_ids": tuple(each for each in own if each)}


def _register(seeding: Seeding, work: SetWork) -> int:
    row = seeding.connection.execute(
        seeding.ledger.sql(
            "INSERT INTO {s}.sets (base, scope, name, digest, run) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (base, scope, name) DO UPDATE"
            " SET digest = excluded.digest, run = excluded.run RETURNING id"
        ),
        [work.base.id, work.scope, work.name, digest_of(work.seed_set), seeding.run],
    ).fetchone()
    return int(row[0]) if row else 0


# -- judging ----------------------------------------------------------------------------


def _judge_group(seeding: Seeding, group: Sequence[str], judged: frozenset[str]) -> None:
    """Resolve, find differences and judge the sets of a group, without writing."""
    connection = seeding.connection
    works = [seeding.works[name] for name in group if name in seeding.works]
    for work in works:
        resolve.resolve(connection, work, seeding.works, judged)
    for work in works:
        if work.decision in MERGING:
            follow_moves(seeding.connection, work, seeding.works, write=seeding.writes)
            vanished = classify.find_differences(
                connection, work, refresh=work.decision is SetDecision.REFRESH
            )
            _require_presence(seeding, work, vanished)
            _judge(seeding, work)
    if any(work.stage.references for work in works):
        resolve.block_unreachable(connection, {work.name: work for work in works})


def _judge(seeding: Seeding, work: SetWork) -> None:
    classify.judge(seeding.connection, work, refresh=work.decision is SetDecision.REFRESH)
    if work.decision is SetDecision.INSERT_MISSING:
        seeding.connection.execute(
            sql.SQL("DELETE FROM {} WHERE verdict <> ALL ({})").format(
                work.verdict, classify.numbers(classify.ROW_RULES, resolve.INSERTING)
            )
        )
    _require_single(seeding, work)


def _require_presence(seeding: Seeding, work: SetWork, vanished: classify.Vanished) -> None:
    allowed = work.name in seeding.orders.allow_missing
    if not vanished.suspicious or allowed or work.decision is SetDecision.REFRESH:
        return
    raise SeedingFailed(
        f"Of {vanished.entries} seeded rows of set {work.name}, {vanished.missing} are gone from"
        f" {work.table} or have other keys.",
        hint="Is this the right database, and may this role see all rows? If people really"
        f" deleted them, run again with --allow-missing {work.name}.",
        set=work.name,
        entries=vanished.entries,
        missing=vanished.missing,
    )


def _require_single(seeding: Seeding, work: SetWork) -> None:
    rows = seeding.connection.execute(
        sql.SQL(
            "SELECT coalesce(s.addr, b.addr) FROM (SELECT s, b FROM {} GROUP BY s, b"
            " HAVING count(*) > 1) w LEFT JOIN {} s ON s.ctid = w.s"
            " LEFT JOIN {} b ON b.ctid = w.b ORDER BY 1 LIMIT 5"
        ).format(work.verdict, work.stage.relation, work.base.relation)
    ).fetchall()
    if rows:
        addresses = ", ".join(work.seed_set.address(row[0]) for row in rows)
        raise SeedingFailed(
            f"More than one row of {work.table} has the key of {addresses}.",
            hint="Delete the twins, or make the key unique, and run again.",
            set=work.name,
        )


def _judge_gone(seeding: Seeding, name: str) -> bool:
    """Judge the set's rows that have left the catalog; False if there are none."""
    work = seeding.works.get(name)
    if work is None or work.decision not in (SetDecision.MERGE, SetDecision.REFRESH):
        return False
    found = classify.find_gone(seeding.connection, work, excluded=_excluded(seeding, work.seed_set))
    if found:
        classify.judge_gone(
            seeding.connection, work, referenced=gone.referenced(work, _judged(seeding))
        )
        _require_single(seeding, work)
    return found > 0


def _judged(seeding: Seeding) -> dict[str, SetWork]:
    return {name: work for name, work in seeding.works.items() if work.decision in MERGING}


def _excluded(seeding: Seeding, each: SeedSet) -> tuple[str, ...]:
    """Row keys that only another environment's sets have: they have not left the catalog."""
    return tuple(
        row.key
        for other in seeding.catalog.inactive
        if (other.table, other.key, other.scope) == (each.table, each.key, each.scope)
        for row in other.rows
    )


# -- applying ---------------------------------------------------------------------------


def _apply_group(seeding: Seeding, group: Sequence[str], outcomes: dict[str, SetOutcome]) -> None:
    connection = seeding.connection
    works = {
        name: seeding.works[name]
        for name in group
        if name in seeding.works and seeding.works[name].decision in WRITTEN
    }
    for work in works.values():
        if work.decision in MERGING:
            classify.create(connection, work)
    applied = frozenset(outcomes)
    for name in group:
        if name in seeding.works and name not in works:
            resolve.resolve(connection, seeding.works[name], seeding.works, applied)
    _judge_written(seeding, works, applied)
    for name in group:
        decision, _ = seeding.decisions[name]
        work = seeding.works.get(name)
        table = str(seeding.tables.get(_set(seeding, name).table) or _set(seeding, name).table)
        if work is None or name not in works or decision not in WRITTEN:
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
    _judge_group(seeding, tuple(works), applied)
    for name, work in list(works.items()):
        if _waits_for_pending(seeding, work):
            seeding.decisions[name] = (
                SetDecision.PENDING,
                "it refers to rows of a set that is pending",
            )
            del works[name]
    for work in works.values():
        if work.decision in MERGING:
            _lock_and_judge_again(seeding, work)
    for work in works.values():
        write.allocate(connection, work)
    for work in works.values():
        resolve.fill_awaited(connection, work, works)


def _waits_for_pending(seeding: Seeding, work: SetWork) -> bool:
    """Whether rows of a new set refer to rows that only an update would bring."""
    if seeding.orders.mode is not Mode.INIT or not work.stage.references:
        return False
    waiting = {SetDecision.PENDING, SetDecision.UNADOPTED}
    pending = [
        target.set
        for target in work.targets.values()
        if isinstance(target, SetTarget) and seeding.decisions[target.set][0] in waiting
    ]
    if not pending:
        return False
    row = seeding.connection.execute(
        sql.SQL("SELECT EXISTS (SELECT FROM {} s WHERE s.missing <> 0)").format(work.stage.relation)
    ).fetchone()
    return bool(row and row[0])


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
        _judge(seeding, work)
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
    if not _judge_gone(seeding, name):
        return
    work = seeding.works[name]
    rows = write.removing()
    if write.choice(seeding.connection, work, rows):
        write.lock(seeding.connection, work, rows, "UPDATE")
        seeding.connection.execute(sql.SQL("DELETE FROM {} WHERE s IS NULL").format(work.verdict))
        classify.judge_gone(
            seeding.connection, work, referenced=gone.referenced(work, _judged(seeding))
        )
    before = outcomes[name]
    kept = [
        change
        for change in read.row_changes(seeding.connection, work, conflicts_only=True, limit=_KEPT)
        if change not in before.kept
    ]
    with rejected(seeding.connection, work):
        gone.remove(seeding.connection, seeding.ledger, work, run=seeding.run)
    outcomes[name] = dataclasses.replace(
        before,
        counts=read.counts(seeding.connection, work),
        kept=(*before.kept, *kept)[:_KEPT],
    )
