"""The audit trail: runs, and what each did to which row; read only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import convert
from msgspec.structs import replace
from psycopg import sql

from seeder.database.connection.answers import Session, answer
from seeder.database.connection.connect import Connection
from seeder.database.ledger.bases.bases import Base
from seeder.database.ledger.bases.entries import image, read_bases
from seeder.database.ledger.bases.reference_keys import keys_of_rows
from seeder.database.ledger.tables.ledger import Ledger, older_than
from seeder.database.schema.equality import cut
from seeder.merge.settled import RowRecord, RunRecord, in_parts

LONGEST = 20_000
"""Characters of a value of a run in the past; what differs in two longer ones is not looked for."""


def read_runs(
    connection: Session, ledger: Ledger, *, limit: int, before: int | None = None
) -> tuple[RunRecord, ...]:
    """The last runs, newest first; those older than run `before`."""
    return _read(connection, ledger, older_than(before), limit=limit)


def read_run(connection: Session, ledger: Ledger, number: int) -> RunRecord | None:
    """One run."""
    which = sql.SQL(" AND id = {}").format(sql.Literal(number))
    return next(iter(_read(connection, ledger, which, limit=1)), None)


def _read(
    connection: Session, ledger: Ledger, which: sql.Composable, *, limit: int
) -> tuple[RunRecord, ...]:
    rows = connection.execute(
        ledger.sql(
            # A run that did not end has no counts, and so on: those are left out.
            "SELECT pg_catalog.jsonb_strip_nulls(coalesce(summary, '{{}}') ||"
            " pg_catalog.to_jsonb(runs) || pg_catalog.jsonb_build_object('project',"
            " (SELECT p.identity FROM {s}.projects p WHERE p.id = runs.project)))"
            " FROM {s}.runs WHERE {p} IN (0, coalesce(project, {p})){which}"
            " ORDER BY id DESC LIMIT {limit}",
            which=which,
            limit=sql.Literal(limit),
        )
    ).fetchall()
    return tuple(convert(document, RunRecord) for (document,) in rows)


def read_rows(
    connection: Connection, ledger: Ledger, number: int, *, limit: int
) -> tuple[tuple[RowRecord, ...], int]:
    """The rows that a run wrote, at most `limit` of them, and how many there are.

    Inserted rows are found by their entries, which forget the run once a row was deleted
    and restored, or pruned with its table.
    """
    total = _number_written(connection, ledger, number)
    bases = read_bases(connection, ledger).open
    found = _with_keys(connection, bases, _written(connection, ledger, number, limit=limit))
    for base in bases:
        inserted, rows = _inserted(connection, ledger, base, number, max(0, limit - len(found)))
        total += inserted
        found += _with_keys(connection, bases, [(base.id, each) for each in rows])
    return tuple(found), total


def _with_keys(
    connection: Connection,
    bases: Sequence[Base],
    records: Iterable[tuple[int, RowRecord]],
) -> list[RowRecord]:
    """Records, by the numbers of their bases, with keys in place of what references store."""
    records = list(records)
    keys: dict[tuple[int, str], Mapping[str, str]] = {}
    for base in bases:
        sides = [s for n, each in records if n == base.id for s in (each.before, each.after)]
        for name in [column.name for column in base.columns.values() if column.reference]:
            values = [side.get(name) for side in sides]
            keys[base.id, name] = keys_of_rows(connection, bases, base, name, values)

    tables = {base.id: base.table for base in bases}

    def bare(base: int, each: RowRecord) -> tuple[str, ...]:
        columns = tables[base].columns if base in tables else {}
        return tuple(
            name
            for name in dict.fromkeys([*each.before, *each.after])
            # What is no column is a part of a document.
            if (columns[name].is_bare if name in columns else base in tables)
        )

    def told(base: int, side: Mapping[str, str | None]) -> dict[str, str | None]:
        return {
            name: value if value is None else keys.get((base, name), {}).get(value, value)
            for name, value in side.items()
        }

    return [
        replace(each, before=told(n, each.before), after=told(n, each.after), bare=bare(n, each))
        for n, each in records
    ]


def read_written(
    connection: Session, ledger: Ledger, number: int, *, start: int, limit: int
) -> tuple[tuple[RowRecord, ...], int]:
    """Rows that a run wrote other than by inserting them, and how many there are in all.

    What references store is not translated, for which the tables themselves would be read.
    """
    found = _written(connection, ledger, number, start=start, limit=limit)
    return tuple(each for _, each in found), _number_written(connection, ledger, number)


def _number_written(connection: Session, ledger: Ledger, number: int) -> int:
    statement = ledger.sql("SELECT pg_catalog.count(*) FROM {s}.changes WHERE run = %s")
    return int(answer(connection, statement, [number]))


def _written(
    connection: Session, ledger: Ledger, number: int, *, start: int = 0, limit: int
) -> Iterator[tuple[int, RowRecord]]:
    rows = connection.execute(
        ledger.sql(
            "SELECT base, set_name, addr, action, reason, {before}, {after}, merged"
            " FROM {s}.changes WHERE run = {run} ORDER BY seq OFFSET {start} LIMIT {limit}",
            before=_cut("before"),
            after=_cut("after"),
            run=sql.Literal(number),
            start=sql.Literal(start),
            limit=sql.Literal(limit),
        )
    ).fetchall()
    for base, set_name, addr, action, reason, *images in rows:
        before, after = in_parts(*images)
        yield (
            base,
            RowRecord(
                address=f"{set_name}/{addr}",
                action=action,
                reason=reason,
                before=before,
                after=after,
            ),
        )


def _cut(side: str) -> sql.Composable:
    """An image whose values are no longer than is told of one."""
    return sql.SQL(
        "(SELECT pg_catalog.jsonb_object_agg(i.key, {}) FROM pg_catalog.jsonb_each_text({}) i)"
    ).format(cut(sql.SQL("i.value"), LONGEST), sql.Identifier(side))


def _inserted(
    connection: Connection, ledger: Ledger, base: Base, number: int, limit: int
) -> tuple[int, list[RowRecord]]:
    counted = sql.SQL("SELECT pg_catalog.count(*) FROM {} WHERE inserted_by = {}")
    asked = image(
        (name, cut(sql.SQL("(b.{})::text").format(column.asked), LONGEST))
        for name, column in base.columns.items()
    )
    rows = connection.execute(
        ledger.sql(
            "SELECT coalesce(s.name, ''), b.addr, b.run <> b.inserted_by, {asked} FROM {base} b"
            " LEFT JOIN {s}.sets s ON s.id = b.seed_set WHERE b.inserted_by = {run}"
            " ORDER BY b.ctid LIMIT {limit}",
            asked=asked,
            base=base.relation,
            run=sql.Literal(number),
            limit=sql.Literal(limit),
        )
    ).fetchall()
    return int(answer(connection, counted.format(base.relation, sql.Literal(number)))), [
        RowRecord(
            address=f"{set_name}/{addr}",
            action="insert",
            reason="inserted, and changed by a later run" if later else "inserted",
            after=values,
        )
        for set_name, addr, later, values in rows
    ]
