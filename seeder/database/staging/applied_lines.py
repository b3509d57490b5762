"""Large CSV files: of what the last run applied, an update looks only at what may need something.

The ledger keeps hashes of the blocks of lines that were applied. A block that the file still has,
whose entries are all active, without notes and not written since, and whose live rows are all
where they were, holds no row that the comparison would let through: it is not even staged.
Whatever is not that simple, or does not add up, is staged as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from msgspec.structs import replace
from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.ledger.runs.line_blocks import Hashes, Lines
from seeder.database.ledger.tables.states import ACTIVE
from seeder.database.schema.equality import FALSE, TRUE, all_of, any_of, cast, equal, negated, where
from seeder.database.schema.rule_numbers import numbers_where
from seeder.database.schema.tables import Column
from seeder.database.staging import loading
from seeder.database.staging.context import WRITTEN, Seeding
from seeder.database.staging.copy_to_base import is_plain
from seeder.database.staging.references import any_missing
from seeder.database.staging.stage import copied_as_file
from seeder.database.staging.work import SetTarget, SetWork
from seeder.merge.model import Update
from seeder.merge.plan import RowAction, SetDecision
from seeder.merge.rules import ROW_RULES
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
        lines = Lines(source, key=source.header.index(key), numeric=_is_numeric(work))
        seeding.works[name] = replace(work, stage=replace(work.stage, lines=lines))
        if work.decision is SetDecision.MERGE and any(
            known.id == work.set_id and known.lined for known in seeding.known
        ):
            _choose(seeding, work, lines)


def note(seeding: Seeding) -> None:
    """Begin to read the files that were staged as a whole, while the server is at work."""
    for work in seeding.works.values():
        if work.stage.lines is not None:
            work.stage.lines.read()


def _is_numeric(work: SetWork) -> bool:
    return work.live(work.seed_set.key[0]).base in _NUMBERS


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
        each.moved
        or each.together
        or len(each.shapes) > 1
        or work.siblings
        or work.told
        or work.own_ids not in ((), (work.set_id,))
        or table.rewrites
        or any(other.table.oid == table.oid and not _apart(other, work) for other in others)
        or any(_refers_to(other, work) for other in seeding.works.values())
        or any(seeding.works[name].seed_set.moved for name in _referred(work).values())
    ):
        return False
    scope = {name for name, _ in each.scope}
    return (
        set(work.names) == {*source.header, *scope} == set(work.base.columns)
        and _simple_key(work)
        and all(_is_simple(work.live(name)) for name in scope)
        and all(_simple_column(work, name) for name in work.names)
    )


def _refers_to(other: SetWork, work: SetWork) -> bool:
    return any(
        target.set == work.name
        if isinstance(target, SetTarget)
        else target.table.oid == work.table.oid
        for target in other.targets.values()
    )


def _apart(other: SetWork, work: SetWork) -> bool:
    """Whether two sets on a table can have no row in common: their scopes tell them apart."""
    columns, others = ([name for name, _ in each.seed_set.scope] for each in (work, other))
    # What is written as `'01'` is the row's `1`.
    told = (
        value is None or isinstance(value, str if work.live(name).base in _TEXTS else int)
        for each in (work, other)
        for name, value in each.seed_set.scope
    )
    return (
        columns == others
        and work.scope != other.scope
        and work.base.id == other.base.id
        and all(told)
    )


def _is_simple(column: Column) -> bool:
    """Whether values are equal that look alike, and no others."""
    return column.base in _TEXTS | _NUMBERS and column.collation is None


def _referred(work: SetWork) -> dict[str, str]:
    """The sets that columns refer to; without those that no set owns."""
    return {
        name: target.set for name, target in work.targets.items() if isinstance(target, SetTarget)
    }


def _simple_key(work: SetWork) -> bool:
    key = work.seed_set.key
    if len(key) > 1 or key[0] in work.targets:
        return False
    column = work.live(key[0])
    fixed = {name for name, value in work.seed_set.scope if value is not None}
    uniques = [
        guard.columns
        for guard in work.table.guards
        if guard.by_equality and guard.predicate is None
    ]
    return (
        any(set(key) <= set(each) <= {*key, *fixed} for each in (work.table.primary_key, *uniques))
        and (column.not_null or key[0] in work.table.primary_key)
        and _is_simple(column)
    )


def _simple_column(work: SetWork, name: str) -> bool:
    column, live = work.seed_set.column(name), work.live(name)
    refers = name in work.targets
    return (
        # Of a reference the key of the row that it refers to is compared, and nothing else.
        (refers or is_plain(live))
        and refers == work.base.columns[name].reference
        and column.update is Update.MERGE
        and not column.secret
        and column.merge is None
        and column.generator is None
        and column.make is None
        and not live.generated
        # Over a number that is the application's nothing is written, and nothing noted.
        and not work.identifies(name)
    )


def _form(work: SetWork, works: Mapping[str, SetWork]) -> str:
    """What the lines mean: the same lines in another form ask for something else."""
    source = copied_as_file(work.stage)
    referred = {name: works[other] for name, other in _referred(work).items()}
    facts = (
        work.base.id,
        work.scope,
        work.seed_set.deleted,
        work.table.oid,
        work.table.primary_key,
        work.seed_set.key,
        source and source.header,
        source and source.unique,  # or else they ascend, and those that are skipped did
        sorted((name, work.live(name).type) for name in work.names),
        sorted((each.name, each.n, each.storage) for each in work.base.columns.values()),
        sorted((name, other.base.id, other.scope) for name, other in referred.items()),
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _choose(seeding: Seeding, work: SetWork, lines: Lines) -> None:
    """Have what was applied before skipped, where that is known."""
    row = seeding.connection.execute(
        seeding.ledger.sql(
            "SELECT run, blocks, chunks FROM {s}.applied_lines WHERE set_id = %s AND form = %s"
        ),
        [work.set_id, _form(work, seeding.works)],
    ).fetchone()
    if row is None:
        return
    run, blocks, chunks = row
    lines.read(Hashes(blocks=blocks, chunks=chunks))  # in its thread, while the server answers
    active, found = _to_look_at(seeding.connection, work, since=run)
    addresses = [addr for _, addr, _ in found]
    # An entry has its key as the file wrote it when the row was new, and be it `01`.
    if len(found) <= _LOOKED_AT and (
        not _is_numeric(work) or all(each.isdecimal() for each in addresses)
    ):
        missing = [place for place, _, missing in found if missing]
        lines.choose(addresses, entries=active, missing=missing)


def _to_look_at(
    connection: Connection, work: SetWork, *, since: int
) -> tuple[int, list[tuple[str, str, bool]]]:
    """How many active entries there are, and `ctid`, `addr`, `missing` of those to look at.

    Most often no row has vanished and none has come by itself, which fingerprints tell in half
    the time that it takes to join all entries with their rows.
    """
    noted = sql.SQL("(b.state <> {} OR b.notes IS NOT NULL OR b.run > {})").format(
        ACTIVE, sql.Literal(since)
    )
    own, live = _fingerprints(work)
    facts = {
        "active": ACTIVE,
        "own": own,
        "live": live,
        "noted": noted,
        "base": work.base.relation,
        "rows": work.table.rows,
        "there": where(all_of([work.in_scope("l"), negated(work.soft_deleted("l"))])),
        "scope": sql.Literal(work.scope),
    }
    row = connection.execute(
        sql.SQL(
            "SELECT e.active, e.noted, e.active = l.rows AND e.fingerprint = l.fingerprint FROM\n"
            "(SELECT pg_catalog.count(*) FILTER (WHERE b.state = {active}) AS active,"
            " pg_catalog.count(*) FILTER (WHERE {noted}) AS noted,"
            " pg_catalog.bit_xor({own}) FILTER (WHERE b.state = {active}) AS fingerprint"
            " FROM {base} b WHERE b.scope = {scope}) e,\n"
            "(SELECT pg_catalog.count(*) AS rows, pg_catalog.bit_xor({live}) AS fingerprint"
            " FROM {rows} l{there}) l"
        ).format(**facts)
    ).fetchone()
    active, few, same = row or (0, 0, False)
    if same and not few:
        return active, []
    look = (
        sql.SQL("SELECT b.ctid, b.addr, false FROM {base} b WHERE b.scope = {scope} AND {noted}")
        if same
        else sql.SQL("SELECT * FROM ({vanished}) v")
    )
    found = connection.execute(
        sql.SQL("{} LIMIT {}").format(
            look.format(**facts, vanished=vanished(work, or_else=noted)),
            sql.Literal(_LOOKED_AT + 1),
        )
    ).fetchall()
    return active, found


def _fingerprints(work: SetWork) -> tuple[sql.Composable, sql.Composable]:
    """Of the rows that active entries `b` have, and of the live rows `l`: 64 bits for each.

    NULL where the primary key is no number: then the rows themselves have to be compared.
    """
    (key,) = work.seed_set.key
    column = work.live(key)
    primary = work.base.primary_key
    if len(primary) != 1 or work.live(primary[0]).base not in _NUMBERS:
        return sql.SQL("NULL::bigint"), sql.SQL("NULL::bigint")
    form = (
        sql.SQL("pg_catalog.hashint8extended({}::bigint, {}::bigint)")
        if column.base in _NUMBERS
        else sql.SQL('pg_catalog.hashtextextended({}::text COLLATE "C", {}::bigint)')
    )
    asked = sql.SQL("b.{}").format(work.base.columns[key].asked)
    placed = sql.SQL("b.{}").format(work.base.p(0))
    return (
        form.format(cast(asked, column), placed),
        form.format(sql.Identifier("l", key), sql.Identifier("l", primary[0])),
    )


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
        "(b.state = {active} AND coalesce({first} IS NULL OR NOT ({same_key}), false))"
    ).format(
        active=ACTIVE,
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
        "WHERE {some}\n"
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
        some=all_of(
            [
                sql.SQL("b.scope = {}").format(sql.Literal(work.scope)),
                TRUE if or_else else sql.SQL("b.state = {}").format(ACTIVE),
            ]
        ),
        either=any_of([missing, or_else or FALSE]),
    )


def load(seeding: Seeding, work: SetWork) -> None:
    """Stage what has to be looked at; raises as `loading.load` does."""
    loading.load(seeding.connection, work.stage, progress=seeding.progress)
    # Without statistics Postgres would rather hash the ledger than these few rows.
    columns = [work.stage.holder(work.seed_set.key[0])]
    if work.stage.references:
        columns.append("n")
    seeding.connection.execute(
        sql.SQL("ANALYZE {} ({})").format(
            work.stage.relation, sql.SQL(", ").join(map(sql.Identifier, columns))
        )
    )


def stage_whole(connection: Connection, work: SetWork) -> None:
    """Stage all rows of a set after all."""
    if work.stage.lines is not None:
        work.stage.lines.part = None
    connection.execute(sql.SQL("DELETE FROM {}").format(work.stage.relation))
    loading.load(connection, work.stage, progress=Progress())


_OPEN = numbers_where(
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
        hashes = None
        # Another decision may have been made since: rows of the table were there after all.
        if lines is not None and work.decision in (SetDecision.INSERT, SetDecision.MERGE):
            hashes = lines.hashes
        if lines is not None and work.decision is SetDecision.INSERT:
            # What is left open is asked after every run, and most often nothing is.
            index = sql.Identifier(f"base_{work.base.id}_notes")
            seeding.connection.execute(
                work.compose(
                    "CREATE INDEX IF NOT EXISTS {} ON {base} (run) WHERE notes IS NOT NULL", index
                )
            )
        if hashes is not None and not _left_open(seeding, work):
            seeding.connection.execute(
                seeding.ledger.sql(
                    "INSERT INTO {s}.applied_lines (set_id, form, run, blocks, chunks)"
                    " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (set_id) DO UPDATE"
                    " SET form = excluded.form, run = excluded.run, blocks = excluded.blocks,"
                    " chunks = excluded.chunks"
                ),
                [
                    work.set_id,
                    _form(work, seeding.works),
                    seeding.run,
                    hashes.blocks,
                    hashes.chunks,
                ],
            )
        elif lined.intersection(work.own_ids):
            seeding.connection.execute(
                seeding.ledger.sql("DELETE FROM {s}.applied_lines WHERE set_id = ANY (%s)"),
                [list(work.own_ids)],
            )


def _left_open(seeding: Seeding, work: SetWork) -> bool:
    """Whether a row is not as its line says, and its entry does not say so."""
    if work.decision is SetDecision.INSERT:
        return work.stage.references != () and any_missing(seeding.connection, work)
    row = seeding.connection.execute(
        work.compose(
            "SELECT EXISTS (SELECT FROM {verdict} w LEFT JOIN {base} b ON b.ctid = w.b"
            " WHERE w.s IS NOT NULL AND w.verdict = ANY ({})"
            " AND (b.ctid IS NULL OR (b.state = {active} AND b.notes IS NULL)))",
            _OPEN,
        )
    ).fetchone()
    return row is None or bool(row[0])
