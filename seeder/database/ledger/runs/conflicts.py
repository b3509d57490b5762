"""How many rows are in conflict: what a run has to know of the past, and no more."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from seeder.database.ledger.tables.ledger import Ledger
from seeder.merge.plan import Why

OPEN = sql.SQL("b.state = 'a' AND b.notes ?| ARRAY['offered', 'stays']")
"""Condition on an entry: its row, or a column of it, was kept against the catalog."""


WAITING = (
    "FROM {s}.waiting w JOIN {s}.bases b ON b.id = w.base"
    " WHERE b.project = {p} AND w.why = {why}::text"
)
"""Rows of the catalog that wait for other rows, for one reason."""

VALUE = sql.Literal(Why.VALUE.value)


def conflicts(connection: psycopg.Connection[Any], ledger: Ledger) -> int:
    """Rows whose live value was kept against the catalog, and that nobody has settled."""
    bases = connection.execute(
        ledger.sql("SELECT id FROM {s}.bases WHERE project = {p} ORDER BY id")
    ).fetchall()
    if not bases:
        return 0
    held = ledger.sql(f"SELECT pg_catalog.count(*) AS n {WAITING}", why=VALUE)
    each = "SELECT pg_catalog.count(*) AS n FROM {base} b WHERE {open}"
    counts = [
        ledger.sql(each, base=sql.Identifier(ledger.schema, f"base_{number}"), open=OPEN)
        for (number,) in bases
    ]
    row = connection.execute(
        sql.SQL("SELECT pg_catalog.sum(n)::bigint FROM ({}) q").format(
            sql.SQL(" UNION ALL ").join([held, *counts])
        )
    ).fetchone()
    return int(row[0]) if row else 0
