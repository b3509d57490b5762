"""Writes to the live tables: one statement per action and set.

Every function expects the verdicts of `seeder/database/judging/judge.py`, taken after the rows
to be written were locked.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.judging.expressions import if_given
from seeder.database.judging.verdict_rows import (
    EVERY,
    after_update,
    at_live,
    inserted_rows,
    is_inserted,
    is_written,
    writing,
)
from seeder.database.schema.equality import all_of, surely, where
from seeder.database.schema.rule_numbers import numbers
from seeder.database.staging.references import INSERTING
from seeder.database.staging.stage import default_text, next_value
from seeder.database.staging.work import SetWork
from seeder.database.writing import made
from seeder.merge.plan import ColumnCase, SetDecision
from seeder.merge.rules import COLUMN_RULES, COLUMN_WRITES


class Locked(Struct, frozen=True, kw_only=True):
    """The live rows of a set that a verdict wants written."""

    rows: int
    changed: int
    """Of these, rows that are gone, or are not as they were when the verdict was reached."""


def lock(connection: Connection, work: SetWork, rows: sql.Composable, strength: str) -> Locked:
    """Lock the live rows to be written, in key order.

    A row's version is told by its place and the transaction that wrote it; its place is not
    given to another version while the transaction lasts that this runs in.
    """
    wanted, as_judged = connection.execute(
        work.compose(
            "SELECT (SELECT pg_catalog.count(*) FROM {verdict} w WHERE {rows}),"
            " pg_catalog.count(*) FILTER (WHERE judged)"
            " FROM (SELECT t.ctid = w.row_at AND t.xmin = w.row_by AS judged FROM {live} t"
            " JOIN {verdict} w ON {at_live} WHERE {rows} ORDER BY {key} FOR {strength} OF t) l",
            rows=rows,
            at_live=at_live(work),
            key=sql.SQL(", ").join(sql.Identifier("t", name) for name in work.base.key),
            strength=sql.SQL(strength),
        )
    ).fetchone() or (0, 0)
    return Locked(rows=wanted, changed=wanted - as_judged)


def allocate(connection: Connection, work: SetWork) -> None:
    """Draw primary keys for the rows to be inserted, in file order."""
    values = {
        position: next_value(work.live(work.base.primary_key[position]))
        for position in work.stage.allocated
    }
    drawn = {position: value for position, value in values.items() if value is not None}
    if not drawn or work.decision is SetDecision.INSERT:
        return
    # A copy of the database whose sequences did not travel would draw what is taken.
    inserts = work.compose("EXISTS (SELECT FROM {verdict} WHERE verdict = ANY ({}))", INSERTING)
    columns = [work.base.primary_key[position] for position in drawn]
    advance_sequences(connection, work, columns, where=inserts)
    connection.execute(
        work.compose(
            "UPDATE {verdict} w SET {sets} FROM (SELECT o.s, {values} FROM"
            " (SELECT s FROM {verdict} WHERE verdict = ANY ({inserting}) ORDER BY s) o) q"
            " WHERE q.s = w.s",
            sets=sql.SQL(", ").join(
                sql.SQL("{p} = q.{p}").format(p=sql.Identifier(f"p{position + 1}"))
                for position in drawn
            ),
            values=sql.SQL(", ").join(
                sql.SQL("{} AS {}").format(value, sql.Identifier(f"p{position + 1}"))
                for position, value in drawn.items()
            ),
            inserting=INSERTING,
        )
    )


def new_key(work: SetWork, position: int) -> sql.Composable | None:
    """The primary key column of a row to be inserted; None where only the table knows."""
    if position in work.stage.allocated and work.decision is not SetDecision.INSERT:
        name = work.base.primary_key[position]
        drawn = sql.Identifier("w", f"p{position + 1}")
        return if_given(work, name, work.stage.d(name), drawn) if work.stage.has(name) else drawn
    return work.stage.key_value(position)


def insert(
    connection: Connection,
    work: SetWork,
    *,
    late: frozenset[str] = frozenset(),
    first: int | None = None,
) -> int:
    """Insert the rows that the verdict, or the empty table, calls for.

    Args:
        connection: the seeding connection.
        work: the set.
        late: reference columns to leave NULL for now (`write_late` fills them in).
        first: only so many rows, in file order; to find the one that is rejected.

    Returns:
        The number of rows inserted.
    """
    made.make(connection, work)
    return connection.execute(insertion(work, late=late, first=first)).rowcount


def insertion(
    work: SetWork, *, late: frozenset[str] = frozenset(), first: int | None = None
) -> sql.Composed:
    """The statement of `insert`."""
    columns: dict[str, sql.Composable] = {}
    for name in work.names:
        value = sql.SQL("NULL") if name in late else made.value(work, name)
        columns[name] = if_given(work, name, value, default_text(work.live(name)))
    for generated in work.seed_set.generated:
        columns.setdefault(generated.name, default_text(work.live(generated.name)))
    for position, name in enumerate(work.base.primary_key):
        drawn = new_key(work, position)
        if position in work.stage.allocated and drawn is not None:
            columns[name] = drawn
    always = any(work.live(name).identity == "a" for name in columns)
    unjudged = work.decision is SetDecision.INSERT and first is None
    in_order = unjudged and not work.stage.references
    return sql.SQL("INSERT INTO {} ({}){}\nSELECT {}\nFROM {}{}{}{}").format(
        work.table.identifier,
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(" OVERRIDING SYSTEM VALUE" if always else ""),
        sql.SQL(", ").join(columns.values()),
        inserted_rows(work),
        where(is_inserted(work)),
        sql.SQL("") if in_order else work.compose(" ORDER BY {row}"),
        sql.SQL("") if first is None else sql.SQL(" LIMIT {}").format(sql.Literal(first)),
    )


def written_columns(connection: Connection, work: SetWork) -> list[str]:
    """The columns that the verdicts write in any row."""
    flags = connection.execute(
        work.compose(
            "SELECT {} FROM {verdict} w WHERE {}",
            sql.SQL(", ").join(
                surely(sql.SQL("pg_catalog.bool_or({})").format(is_written(work, name)))
                for name in work.names
            ),
            writing(work),
        )
    ).fetchone()
    return [name for name, flag in zip(work.names, flags or (), strict=True) if flag]


def update(
    connection: Connection,
    work: SetWork,
    written: Sequence[str],
    *,
    among: sql.Composable = EVERY,
) -> int:
    """Write the columns that the verdicts call for; returns the number of rows.

    `written` are the columns that any row writes, `among` is a condition on verdict row `w`.
    """
    if not written:
        return 0
    return connection.execute(
        work.compose(
            "UPDATE {live} t SET {sets}\nFROM {verdict} w JOIN {stage} s ON {row} = w.s\n"
            "WHERE {wanted}",
            sets=sql.SQL(", ").join(_assignment(work, name) for name in written),
            wanted=all_of([at_live(work), writing(work), among]),
        )
    ).rowcount


def _assignment(work: SetWork, name: str) -> sql.Composable:
    return sql.SQL("{} = {}").format(sql.Identifier(name), after_update(work, name))


def write_late(connection: Connection, work: SetWork, columns: frozenset[str]) -> None:
    """Fill in references that had to wait for the rows they refer to."""
    for name in columns:
        connection.execute(
            work.compose(
                "UPDATE {live} t SET {column} = {value} FROM {rows}"
                " WHERE {chosen} AND {value} IS NOT NULL",
                column=sql.Identifier(name),
                value=work.stage.d(name),
                rows=inserted_rows(work),
                chosen=all_of([is_inserted(work), work.at_key("t")]),
            )
        )


def advance_sequences(
    connection: Connection,
    work: SetWork,
    columns: Sequence[str] | None = None,
    *,
    where: sql.Composable = EVERY,
) -> None:
    """Bring sequences past the values in their columns; those that the set gives, if not said."""
    for name in work.names if columns is None else columns:
        column = work.live(name)
        if column.sequence is None:
            continue
        connection.execute(
            sql.SQL(
                "SELECT pg_catalog.setval(p.seqrelid::regclass, q.top) FROM pg_sequence p, LATERAL"
                " (SELECT CASE WHEN p.seqincrement > 0 THEN pg_catalog.max({col}) ELSE"
                " pg_catalog.min({col}) END AS top,"
                " pg_catalog.pg_sequence_last_value(p.seqrelid) AS last FROM {live}) q"
                " WHERE p.seqrelid = {seq}::oid AND q.top BETWEEN p.seqmin AND p.seqmax"
                " AND pg_catalog.sign(p.seqincrement) * (q.top::numeric - coalesce(q.last,"
                " p.seqstart))"
                " > CASE WHEN q.last IS NULL THEN -1 ELSE 0 END AND {where}"
            ).format(
                seq=sql.Literal(column.sequence),
                col=sql.Identifier(name),
                live=work.table.identifier,
                where=where,
            )
        )


def applied() -> sql.Composable:
    """Column verdict numbers after which the ledger takes over the desired value."""
    return numbers(COLUMN_RULES, COLUMN_WRITES | {ColumnCase.SETTLE})
