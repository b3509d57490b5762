"""Housekeeping of the ledger: a new mark, and forgetting old images."""

from __future__ import annotations

import datetime

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.ledger.tables.ledger import Ledger, system_identifier


def mark(connection: Connection, ledger: Ledger, environment: str, *, run: int) -> int:
    """Mark the connected database anew; returns how many open requests that voids."""
    connection.execute(
        ledger.sql(
            "UPDATE {s}.meta SET environment = %s, system_identifier = %s,"
            " database_name = pg_catalog.current_database(), database_oid ="
            " (SELECT oid FROM pg_database WHERE datname = pg_catalog.current_database()),"
            " marked_at = pg_catalog.now()"
        ),
        [environment, system_identifier(connection)],
    )
    return void_requests(connection, ledger, run=run)


def void_requests(connection: Connection, ledger: Ledger, *, run: int) -> int:
    """Forget the pending plan and the approvals of it, of all projects where none is given."""
    void = connection.execute(
        ledger.sql(
            "UPDATE {s}.requests SET state = 'void', run = %s, settled_at = pg_catalog.now()"
            " WHERE state = 'open' AND {p} IN (0, project)"
        ),
        [run],
    ).rowcount
    connection.execute(ledger.sql("DELETE FROM {s}.pending_plan WHERE {p} IN (0, project)"))
    return void


def prune(connection: Connection, ledger: Ledger, keep: datetime.timedelta) -> dict[str, int]:
    """Forget images older than `keep`, and runs that nothing in the ledger refers to.

    What was last applied to each row, releases, tasks and requests stay for good.
    """
    old = sql.SQL("r.started_at < pg_catalog.now() - {}::interval").format(sql.Literal(keep))
    images = connection.execute(
        ledger.sql(
            "DELETE FROM {s}.changes c USING {s}.runs r WHERE r.id = c.run AND {old}", old=old
        )
    ).rowcount
    referring = sql.SQL(" UNION ALL ").join(
        ledger.sql("SELECT run FROM {s}.{table} WHERE run IS NOT NULL", table=sql.Identifier(name))
        for name in (
            "releases",
            "sets",
            "changes",
            "tasks",
            "requests",
            "revisions",
            "pending_plan",
            "waiting",
        )
    )
    runs = connection.execute(
        ledger.sql(
            "DELETE FROM {s}.runs r WHERE {old} AND r.id NOT IN ({referring})"
            " AND NOT EXISTS (SELECT FROM {s}.projects p"
            " WHERE r.id IN (p.first_run, p.completed_run))",
            old=old,
            referring=referring,
        )
    ).rowcount
    return {"images": images, "runs": runs}
