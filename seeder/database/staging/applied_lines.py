"""Large CSV files: of what the last run applied, an update looks only at what may need something.

The ledger keeps hashes of the blocks of lines that were applied. A block that the file still has,
whose entries are all active, without notes and not written since, and whose live rows are all
where they were, holds no row that the comparison would let through: it is not even staged.
Whatever is not that simple, or does not add up, is staged as a whole.
"""

from __future__ import annotations

import hashlib
from typing import Any

import psycopg
from msgspec.structs import replace
from psycopg import sql

from seeder.database.ledger.runs.line_blocks import Known, Lines, Unordered
from seeder.database.schema.equality import FALSE, all_of, any_of, cast, equal, negated
from seeder.database.staging import loading
from seeder.database.staging.context import WRITTEN, Seeding
from seeder.database.staging.copy_to_base import is_plain
from seeder.database.staging.stage import copied_as_file
from seeder.database.staging.work import SetTarget, SetWork
from seeder.merge.model import Update
from seeder.merge.plan import RowAction, SetDecision
from seeder.merge.rules import ROW_RULES, numbers_with
from seeder.runtime.progress import Progress

SMALLEST = 1 << 18
"""Bytes of a file from which on it is worth it."""
_LARGEST = 1 << 32
"""... and up to which its hashes are no burden."""
_LOOKED_AT = 1_000
"""Entries beyond which so many blocks have to be looked at that it is not worth it."""

_NUMBERS = {"smallint", "integer", "bigint"}
_TEXTS = {"text", "character varying"}


def use(seeding: Seeding) -> None:
    """Have the lines of large files noted, and those that were applied before skipped."""
    for name, work in list(seeding.works.items()):
        if not _simple(seeding, work):
            continue
        key = work.seed_set.key[0]
        source = copied_as_file(work.stage)
        assert source is not None  # noqa: S101  # it would not be simple
        lines = Lines(key=source.header.index(key), numeric=work.live(key).base in _NUMBERS)
        seeding.works[name] = replace(work, stage=replace(work.stage, lines=lines))
        if work.decision is SetDecision.MERGE and any(
            known.id == work.set_id and known.lined for known in seeding.known
        ):
            lines.known = _known(seeding, work)


def _simple(seeding: Seeding, work: SetWork) -> bool:
    """Whether what the lines say is all that there is to a set's rows."""
    source = copied_as_file(work.stage)
    if (
        work.decision not in (SetDecision.INSERT, SetDecision.MERGE)
        or source is None
        or not SMALLEST <= source.stamp[0] <= _LARGEST
        or not source.verbatim
        or source.newline != "\n"
    ):
        return False
    orders, each, table = seeding.orders, work.seed_set, work.table
    if (
        orders.few
        or orders.staged
        or orders.foresee
        or orders.staying
        or orders.obstructed
        or orders.migrations_pending
        or seeding.renamed
        or seeding.rescoped
        or seeding.stale
    ):
        return False
    others = [other for other in seeding.works.values() if other is not work]
    if (
        each.scope
        or each.moved
        or each.together
        or each.deleted is not None
        or len(each.shapes) > 1
        or work.siblings
        or work.told
        or work.own_ids not in ((), (work.set_id,))
        or table.rewrites
        or any(other.table.oid == table.oid for other in others)
        or any(_refers_to(other, work) for other in others)
    ):
        return False
    return (
        set(work.names) == set(source.header) == set(work.base.columns)
        and _simple_key(work)
        and all(_simple_column(work, name) for name in work.names)
    )


def _refers_to(other: SetWork, work: SetWork) -> bool:
    return any(
        target.set == work.name
        if isinstance(target, SetTarget)
        else target.table.oid == work.table.oid
        for target in other.targets.values()
    )


def _simple_key(work: SetWork) -> bool:
    key = work.seed_set.key
    if len(key) > 1:
        return False
    column = work.live(key[0])
    unique = work.table.primary_key == key or any(
        guard.by_equality and guard.columns == key and guard.predicate is None
        for guard in work.table.guards
    )
    return (
        unique
        and (column.not_null or work.table.primary_key == key)
        and column.base in _TEXTS | _NUMBERS
        and column.collation is None
    )


def _simple_column(work: SetWork, name: str) -> bool:
    column, live = work.seed_set.column(name), work.live(name)
    return (
        is_plain(live)
        and column.reference is None
        and column.update is Update.MERGE
        and not column.secret
        and column.merge is None
        and column.generator is None
        and column.make is None
        and not live.generated
        and not work.base.columns[name].reference
        # Over a number that is the application's nothing is written, and nothing noted.
        and not work.identifies(name)
    )


def _form(work: SetWork) -> str:
    """What the lines mean: the same lines in another form ask for something else."""
    source = copied_as_file(work.stage)
    facts = (
        work.base.id,
        work.table.oid,
        work.table.primary_key,
        work.seed_set.key,
        source and source.header,
        sorted((name, work.live(name).type) for name in work.names),
        sorted((each.name, each.n, each.storage) for each in work.base.columns.values()),
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _known(seeding: Seeding, work: SetWork) -> Known | None:
    """What need not be looked at; None: everything has to be."""
    row = seeding.connection.execute(
        seeding.ledger.sql(
            "SELECT run, blocks FROM {s}.applied_lines WHERE set_id = %s AND form = %s"
        ),
        [work.set_id, _form(work)],
    ).fetchone()
    if row is None:
        return None
    run, blocks = row
    noted = sql.SQL("b.state <> 'a' OR b.notes IS NOT NULL OR b.run > {}").format(sql.Literal(run))
    found = seeding.connection.execute(
        sql.SQL("SELECT * FROM ({}) v LIMIT {}").format(
            vanished(work, or_else=noted), sql.Literal(_LOOKED_AT + 1)
        )
    ).fetchall()
    if len(found) > _LOOKED_AT:
        return None
    numeric = work.live(work.seed_set.key[0]).base in _NUMBERS
    addresses = [addr for _, addr, _ in found]
    if numeric:
        # An entry has its key as the file wrote it when the row was new, and be it `01`.
        if not all(each.isdecimal() for each in addresses):
            return None
        addresses = [str(int(each)) for each in addresses]
    missing_at = [place for place, _, missing in found if missing]
    return Known(blocks, addresses, missing_at, numeric=numeric)


def vanished(work: SetWork, *, or_else: sql.Composable | None = None) -> sql.Composable:
    """SELECT of `ctid`, `addr` and `missing` of active entries `b` whose live rows have vanished.

    And of entries of which `or_else` holds; `missing` is false of these. There is no temporary
    table in it, so that Postgres may share it among workers.

    It has to expect few. Of `IS NULL OR NOT ...` it expects that it holds of every row: a LIMIT
    would then be reached at once, row by row through the index, and workers would have too much
    to hand over. A CASE compared with a number is expected of one row in two hundred, and the
    query within WITH is planned to its end.
    """
    missing = sql.SQL(
        "(b.state = 'a' AND coalesce({first} IS NULL OR NOT ({same_key}), false))"
    ).format(
        first=sql.Identifier("l", work.base.primary_key[0]),
        same_key=all_of(
            equal(
                sql.Identifier("l", name),
                cast(sql.SQL("b.{}").format(work.base.columns[name].asked), work.live(name)),
                work.live(name),
            )
            for name in work.seed_set.key
        ),
    )
    return sql.SQL(
        "WITH vanished AS MATERIALIZED (\n"
        "SELECT b.ctid, b.addr, {missing} AS missing\n"
        "FROM {base} b LEFT JOIN {live} l ON {live_here}\n"
        "WHERE b.scope = {scope} AND {some}\n"
        "AND CASE WHEN {either} THEN 1 ELSE 0 END OPERATOR(pg_catalog.=) 1\n"
        ") SELECT * FROM vanished"
    ).format(
        missing=missing,
        base=work.base.relation,
        live=work.table.rows,
        live_here=all_of(
            [
                work.at_primary_key("l", "b"),
                work.in_scope("l"),
                negated(work.soft_deleted("l")),
            ]
        ),
        scope=sql.Literal(work.scope),
        some=sql.SQL("b.state = 'a'" if or_else is None else "true"),
        either=any_of([missing, or_else or FALSE]),
    )


def load(seeding: Seeding, work: SetWork) -> None:
    """Stage what has to be looked at; raises as `loading.load` does."""
    connection = seeding.connection
    try:
        loading.load(connection, work.stage, progress=seeding.progress)
    except Unordered:
        stage_whole(connection, work, progress=seeding.progress)
        return
    # Without statistics Postgres would rather hash the ledger than these few rows.
    key = work.stage.holder(work.seed_set.key[0])
    connection.execute(sql.SQL("ANALYZE {} ({})").format(work.stage.relation, sql.Identifier(key)))


def stage_whole(
    connection: psycopg.Connection[Any], work: SetWork, *, progress: Progress | None = None
) -> None:
    """Stage all rows of a set after all."""
    lines = work.stage.lines
    if lines is not None:
        lines.known = None
    connection.execute(sql.SQL("DELETE FROM {}").format(work.stage.relation))
    loading.load(connection, work.stage, progress=progress or Progress())


_OPEN = numbers_with(
    ROW_RULES,
    lambda rule: (
        rule.verdict in (RowAction.KEEP, RowAction.SKIP)
        # Their entries have just got a note of what was kept out.
        and rule.name not in ("value_held", "changed_both")
    ),
)
"""Numbers of the verdicts after which an entry may lack what the catalog asks for."""


def remember(seeding: Seeding) -> None:
    """Record the lines that were applied, once all is written, and forget what holds no more."""
    lined = {known.id for known in seeding.known if known.lined}
    for work in seeding.works.values():
        if work.decision not in WRITTEN or seeding.decisions[work.name][0] not in WRITTEN:
            continue
        lines = work.stage.lines
        # Another decision may have been made since: rows of the table were there after all.
        whole = work.decision in (SetDecision.INSERT, SetDecision.MERGE)
        whole = whole and lines is not None and lines.ascends and lines.ended
        if lines is not None and whole and not _left_open(seeding, work):
            seeding.connection.execute(
                seeding.ledger.sql(
                    "INSERT INTO {s}.applied_lines (set_id, form, run, blocks)"
                    " VALUES (%s, %s, %s, %s) ON CONFLICT (set_id) DO UPDATE"
                    " SET form = excluded.form, run = excluded.run, blocks = excluded.blocks"
                ),
                [work.set_id, _form(work), seeding.run, lines.blocks],
            )
        elif lined.intersection(work.own_ids):
            seeding.connection.execute(
                seeding.ledger.sql("DELETE FROM {s}.applied_lines WHERE set_id = ANY (%s)"),
                [list(work.own_ids)],
            )


def _left_open(seeding: Seeding, work: SetWork) -> bool:
    """Whether a row is not as its line says, and its entry does not say so."""
    if work.decision is SetDecision.INSERT:
        return False
    row = seeding.connection.execute(
        sql.SQL(
            "SELECT EXISTS (SELECT FROM {} w LEFT JOIN {} b ON b.ctid = w.b"
            " WHERE w.s IS NOT NULL AND w.verdict = ANY ({}::smallint[])"
            " AND (b.ctid IS NULL OR (b.state = 'a' AND b.notes IS NULL)))"
        ).format(work.verdict, work.base.relation, sql.Literal(_OPEN))
    ).fetchone()
    return row is None or bool(row[0])
