"""What the ledger tells about the past: releases, runs, and rows that wait or were deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql

from seeder.database.connection.answers import Session, records
from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.ledger.runs.conflicts import WAITING, base_relations
from seeder.database.ledger.tables.ledger import Ledger
from seeder.merge.found import AppliedRelease, KeptRow
from seeder.merge.plan import SetDecision, Why

_NAMED = 20
"""Rows that a status names."""


def releases(connection: Session, ledger: Ledger) -> tuple[AppliedRelease, ...]:
    """Every release that was applied here, newest first."""
    found = connection.execute(
        ledger.sql(
            "SELECT release, applied_at, run, taken_back FROM {s}.releases WHERE project = {p}"
            " ORDER BY run DESC, release"
        )
    )
    return records(found, AppliedRelease)


def skipped(
    connection: Connection, ledger: Ledger, *, limit: int = _NAMED
) -> tuple[int, tuple[KeptRow, ...]]:
    """How many rows wait for a row that they refer to, and the first of them."""
    statement = ledger.sql(
        f"SELECT w.set_name AS name, w.addr, w.run, w.holder {WAITING}",
        why=Named(Why.REFERENCE.value),
    )
    return _kept(connection, [statement], "refers to a row that is not there", limit)


def deleted(
    connection: Connection,
    ledger: Ledger,
    names: Sequence[str],
    *,
    limit: int = _NAMED,
) -> tuple[int, tuple[KeptRow, ...]]:
    """How many rows of these sets are known as deleted here, and the first of them."""
    statements = [
        ledger.sql(
            "SELECT s.name, b.addr, b.run, NULL::text AS holder FROM {base} b"
            " JOIN {s}.sets s ON s.id = b.seed_set"
            " WHERE b.state = {deleted} AND s.name = ANY ({names})",
            base=relation,
            names=sql.SQL("{}::text[]").format(sql.Literal(list(names))),
        )
        for _, relation in base_relations(connection, ledger)
    ]
    return _kept(connection, statements, "deleted here; stays deleted", limit)


def _kept(
    connection: Connection,
    statements: Sequence[sql.Composable],
    reason: str,
    limit: int,
) -> tuple[int, tuple[KeptRow, ...]]:
    if not statements:
        return 0, ()
    rows = connection.execute(
        sql.SQL(
            "SELECT pg_catalog.count(*) OVER (), pg_catalog.concat(name, '/', addr), run, holder"
            " FROM ({}) q ORDER BY name, addr LIMIT {}"
        ).format(sql.SQL(" UNION ALL ").join(statements), sql.Literal(limit))
    ).fetchall()
    return (int(rows[0][0]) if rows else 0), tuple(
        KeptRow(address=address, reason=reason, run=run, missing=missing)
        for _, address, run, missing in rows
    )


def waiting_sets(connection: Connection, ledger: Ledger) -> Mapping[str, tuple[str, ...]]:
    """Sets that the last completed run left as they are, by its decision, unless seeded since."""
    rows = connection.execute(
        ledger.sql(
            "SELECT w.decision, pg_catalog.array_agg(w.name ORDER BY w.name) FROM {s}.projects m"
            " JOIN {s}.runs r ON r.id = m.completed_run CROSS JOIN"
            " pg_catalog.jsonb_to_recordset(r.summary -> 'sets'::text) w(name text, decision text)"
            " WHERE m.id = {p} AND w.decision = ANY (%s::text[])"
            " AND NOT EXISTS (SELECT FROM {s}.sets s JOIN {s}.bases b ON b.id = s.base"
            " WHERE b.project = {p} AND s.name = w.name AND s.run > r.id)"
            " GROUP BY w.decision ORDER BY w.decision"
        ),
        [[SetDecision.UNADOPTED.value, SetDecision.PENDING.value]],
    ).fetchall()
    return {decision: tuple(names) for decision, names in rows}
