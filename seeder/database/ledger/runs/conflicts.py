"""How many rows are open: what a run has to know of the past, and no more."""

from __future__ import annotations

from typing import NamedTuple

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.ledger.tables.states import ACTIVE
from seeder.merge.plan import Why

OPEN = sql.SQL("b.state = {} AND b.notes ?| ARRAY['offered', 'removal_blocked']").format(ACTIVE)
"""Condition on an entry: its row, or a column of it, was kept against the catalog."""


WAITING = (
    "FROM {s}.waiting w JOIN {s}.bases b ON b.id = w.base"
    " WHERE b.project = {p} AND w.why = {why}::text"
)
"""Rows of the catalog that wait for other rows, for one reason."""

VALUE = Named(Why.VALUE.value)


def base_relations(connection: Connection, ledger: Ledger) -> list[tuple[int, sql.Identifier]]:
    """The tables with the entries of the project, each with its number."""
    rows = connection.execute(
        ledger.sql("SELECT id FROM {s}.bases WHERE project = {p} ORDER BY id")
    ).fetchall()
    return [(number, sql.Identifier(ledger.schema, f"base_{number}")) for (number,) in rows]


class LeftOpen(NamedTuple):
    """Rows that are not as the catalog asks, and that nobody has settled."""

    conflicts: int
    """Rows whose live value was kept against the catalog, or whose unique value another holds."""
    skipped: int
    """Rows that wait for one that they refer to."""


def left_open(connection: Connection, ledger: Ledger) -> LeftOpen:
    """How many rows are open, of all sets of the project."""
    bases = base_relations(connection, ledger)
    if not bases:
        return LeftOpen(0, 0)
    waiting = ledger.sql(
        "SELECT pg_catalog.count(*) FILTER (WHERE w.why = {value}::text) AS conflicts,"
        " pg_catalog.count(*) FILTER (WHERE w.why = {reference}::text) AS skipped"
        " FROM {s}.waiting w JOIN {s}.bases b ON b.id = w.base WHERE b.project = {p}",
        value=VALUE,
        reference=Named(Why.REFERENCE.value),
    )
    each = "SELECT pg_catalog.count(*), 0 FROM {base} b WHERE {open}"
    counts = [ledger.sql(each, base=relation, open=OPEN) for _, relation in bases]
    (row,) = connection.execute(
        sql.SQL(
            "SELECT pg_catalog.sum(conflicts)::bigint, pg_catalog.sum(skipped)::bigint FROM ({}) q"
        ).format(sql.SQL(" UNION ALL ").join([waiting, *counts]))
    ).fetchall()
    return LeftOpen(*row)
