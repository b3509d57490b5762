"""Before any row is looked at: what each set is in for, and everything staged for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import sql

from seeder.database import check, direct, rescope, stage
from seeder.database.base_open import open_base
from seeder.database.bases import Base, base_key, former_key
from seeder.database.digests import digest_of
from seeder.database.orders import WRITTEN, Known, Seeding
from seeder.database.schema import Table, read_tables
from seeder.database.work import SetWork, scope_condition, scope_text
from seeder.errors import ConfigurationInvalid, Problem
from seeder.merge.model import Mode, SeedSet, SetReference, TableName, When
from seeder.merge.order import in_groups
from seeder.merge.plan import SetDecision


def prepare(seeding: Seeding) -> list[tuple[str, ...]]:
    """Read the schema and the ledger, decide about every set, stage what is needed."""
    catalog = seeding.catalog
    sets = catalog.sets
    everything = (*catalog.sets, *catalog.inactive)
    seeding.tables = read_tables(seeding.connection, check.tables_of(everything))
    if seeding.orders.migrations_pending:
        _await_migrations(seeding)
    checked = [each for each in sets if each.name not in seeding.decisions]
    found = check.problems(checked, seeding.tables)
    if found:
        by_name = {each.name: each for each in sets}
        fitting = [s for s in checked if not check.misfit(s, seeding.tables, by_name)]
        found += _values_that_do_not_fit(seeding, fitting)
        raise ConfigurationInvalid(
            "The catalog does not fit the schema of the database.", problems=tuple(found)
        )
    edges = {each.name: check.needs(each, sets, seeding.tables)[0] for each in sets}
    groups = in_groups([each.name for each in sets], edges)
    decide(seeding, sets)
    _open(seeding, edges)
    return groups


def decide(seeding: Seeding, sets: Iterable[SeedSet]) -> None:
    """Read the ledger and decide about the sets, whose tables are read and fit; stage nothing."""
    seeding.known = _read_known(seeding)
    sets = tuple(sets)
    rescope.find(seeding, sets)
    for each in sets:
        if each.name not in seeding.decisions:
            seeding.decisions[each.name] = _decide(seeding, each)


def _await_migrations(seeding: Seeding) -> None:
    """Leave out sets that do not fit the schema before the migrations of this image."""
    by_name = {each.name: each for each in seeding.catalog.sets}
    reasons: dict[str, str] = {}
    for name, each in by_name.items():
        if each.table not in seeding.tables:
            reasons[name] = "its table comes with the pending migrations"
        elif message := check.misfit(each, seeding.tables, by_name):
            reasons[name] = f"it awaits the pending migrations: {message.rstrip('.')}"
    _await(seeding, reasons)


def _await(seeding: Seeding, reasons: dict[str, str]) -> None:
    """Leave out these sets, and all that refer to them."""
    while True:
        referring = {
            each.name: f"it refers to set {column.reference.set}, which awaits the migrations"
            for each in seeding.catalog.sets
            for column in each.columns
            if isinstance(column.reference, SetReference)
            and column.reference.set in reasons
            and each.name not in reasons
        }
        if not referring:
            break
        reasons = {**reasons, **referring}
    for name, reason in reasons.items():
        seeding.decisions[name] = (SetDecision.AWAITING_TABLE, reason)
        seeding.works.pop(name, None)


def _values_that_do_not_fit(seeding: Seeding, sets: Sequence[SeedSet]) -> list[Problem]:
    """What is wrong with the rows of sets whose tables and columns are in order."""
    problems: list[Problem] = []
    for number, each in enumerate(sets, start=1):
        table = seeding.tables[each.table]
        staged = stage.Stage(
            number=number,
            seed_set=each,
            table=table,
            primary_key=table.primary_key or each.key,
        )
        stage.create(seeding.connection, staged, allocate=False)
        try:
            stage.load(seeding.connection, staged, progress=seeding.progress)
        except ConfigurationInvalid as error:
            problems += error.problems
    return problems


def _read_known(seeding: Seeding) -> tuple[Known, ...]:
    if not seeding.ledger.exists(seeding.connection):
        return ()
    rows = seeding.connection.execute(
        seeding.ledger.sql(
            "SELECT s.id, b.table_schema, b.table_name, b.key, s.scope, s.name, s.digest, b.id"
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
            base=row[7],
        )
        for row in rows
    )


def _same_place(seeding: Seeding, each: SeedSet) -> list[Known]:
    """What the ledger knows of the set's table, key and scope, by whatever name."""
    table = seeding.tables.get(each.table)
    if table is None:
        return []
    scope = scope_text(each, table)
    here = [k for k in seeding.known if k.table == table.qualified and k.scope == scope]
    same = [known for known in here if known.key == each.key]
    return same or [known for known in here if known.key == former_key(each)]


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
        if orders.created is not None and str(table) not in orders.created:
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


def _has_rows(seeding: Seeding, each: SeedSet, table: Table) -> bool:
    row = seeding.connection.execute(
        sql.SQL("SELECT EXISTS (SELECT FROM {} t WHERE {})").format(
            table.identifier, scope_condition(each, table, "t")
        )
    ).fetchone()
    return bool(row and row[0])


_SURVEYED = 10_001


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
        if each.name in needed and seeding.decisions[each.name][0] is not SetDecision.AWAITING_TABLE
    ]
    bases = _open_bases(seeding, sets)
    by_name = {each.name: each for each in seeding.catalog.sets}
    # A survey may follow a seeding in the same transaction, whose stages are still there.
    for number, each in enumerate(sets, start=1 if seeding.writes else _SURVEYED):
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
        if each.name in seeding.rescoped:
            rescope.carry(seeding, seeding.works[each.name])
    for name, work in seeding.works.items():
        seeding.works[name] = dataclasses.replace(
            work, siblings=_siblings(seeding, work), **_ids(seeding, work)
        )
    if seeding.writes:
        for work in direct.going_direct(seeding.works.values()):
            seeding.works[work.name] = work
    if seeding.orders.mode is not Mode.INIT:
        _warn_of_leftovers(seeding)
    _load(seeding)


def _load(seeding: Seeding) -> None:
    rejections: dict[str, tuple[Problem, ...]] = {}
    for work in seeding.works.values():
        try:
            if work.stage.stand_in is not None:
                direct.load(seeding.connection, work, run=seeding.run, progress=seeding.progress)
                continue
            allocate = seeding.writes and work.decision is SetDecision.INSERT
            stage.create(seeding.connection, work.stage, allocate=allocate)
            stage.load(seeding.connection, work.stage, progress=seeding.progress)
        except ConfigurationInvalid as error:
            rejections[work.name] = error.problems
    if seeding.orders.migrations_pending:
        reason = "values of it do not fit the schema before the pending migrations"
        _await(seeding, dict.fromkeys(rejections, reason))
    elif rejections:
        raise ConfigurationInvalid(
            "Values of the catalog do not fit their columns.",
            problems=tuple(each for found in rejections.values() for each in found),
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
            moves=any(each.moved or each.name in seeding.rescoped for each in seeding.catalog.sets),
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
    # What a set that has left the catalog leaves behind is taken over by the one set that
    # has its place: its file was renamed. Between several, nobody can tell.
    orphans = [known.id for known in place if known.name not in catalog]
    alone = not _siblings(seeding, work)
    own = [number, *(orphans if alone else [])]
    return {"set_id": number, "own_ids": tuple(each for each in own if each)}


def _warn_of_leftovers(seeding: Seeding) -> None:
    """Name the sets whose files or scopes are gone and whose rows nobody has taken over."""
    catalog = {each.name: each for each in (*seeding.catalog.sets, *seeding.catalog.inactive)}
    answered = {number for work in seeding.works.values() for number in work.own_ids}
    for known in seeding.known:
        now = catalog.get(known.name)
        if known.id in answered or (now is not None and not _in_other_scope(seeding, now, known)):
            continue
        row = seeding.connection.execute(
            seeding.ledger.sql(
                "SELECT EXISTS (SELECT FROM {s}.{base} WHERE seed_set = %s AND state = 'a')"
                " AND to_regclass(format('%%I.%%I', %s::text, %s::text)) IS NOT NULL",
                base=sql.Identifier(f"base_{known.base}"),
            ),
            [known.id, known.table.schema, known.table.name],
        ).fetchone()
        if row and row[0]:
            seeding.warnings.append(
                f"The set {known.name} has left the catalog; its rows in {known.table} are kept."
                " To remove rows, leave the file with `rows: []`."
                if now is None
                else f"The set {known.name} has another scope; its rows in {known.table} that are"
                " not in it are kept. To remove rows, leave the old scope with `rows: []`."
            )


def _in_other_scope(seeding: Seeding, now: SeedSet, known: Known) -> bool:
    """Whether the ledger's set is of the catalog's table and key, but not of its scope."""
    table = seeding.tables.get(now.table)
    if table is None or (known.table, known.key) != (table.qualified, now.key):
        return False
    return known.scope != scope_text(now, table)


def _register(seeding: Seeding, work: SetWork) -> int:
    # Inserting what is missing leaves the rest of what the catalog asks for pending.
    missing_only = work.decision is SetDecision.INSERT_MISSING
    digest = "" if missing_only else digest_of(work.seed_set)
    row = seeding.connection.execute(
        seeding.ledger.sql(
            "INSERT INTO {s}.sets (base, scope, name, digest, run) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (base, scope, name) DO UPDATE"
            " SET digest = coalesce(nullif(excluded.digest, ''), sets.digest), run = excluded.run"
            " RETURNING id"
        ),
        [work.base.id, work.scope, work.name, digest, seeding.run],
    ).fetchone()
    return int(row[0]) if row else 0


def unregister(seeding: Seeding, work: SetWork) -> None:
    """Take back that a set is seeded: it waits after all."""
    if not seeding.writes:
        return
    before = next((known for known in seeding.known if known.id == work.set_id), None)
    if before is None:
        statement = seeding.ledger.sql("DELETE FROM {s}.sets WHERE id = %(id)s")
    else:
        statement = seeding.ledger.sql("UPDATE {s}.sets SET digest = %(digest)s WHERE id = %(id)s")
    seeding.connection.execute(
        statement, {"id": work.set_id, "digest": before.digest if before else ""}
    )
