"""The pending plan and what people say to it: approvals that the next run takes up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from seeder.database.connection.answers import Session, answer, records
from seeder.database.connection.connect import Connection
from seeder.database.ledger.tables.ledger import Ledger, older_than
from seeder.merge.plan import Plan
from seeder.merge.plan_document import from_document
from seeder.merge.result import RequestOutcome

if TYPE_CHECKING:
    from seeder.merge.found import RequestRecord


def pending_plans(connection: Connection, ledger: Ledger) -> tuple[tuple[int, Plan], ...]:
    """The updates that wait, each with its project's number; their rows may be abridged."""
    rows = connection.execute(
        ledger.sql("SELECT project, document FROM {s}.pending_plan ORDER BY project")
    ).fetchall()
    return tuple((project, from_document(document)) for project, document in rows)


def approve(connection: Session, ledger: Ledger, plan_id: str, *, actor: str | None) -> int:
    """Ask for a plan to be applied; returns the number of the request.

    Without an actor it is the role that is logged in.
    """
    statement = ledger.sql(
        "INSERT INTO {s}.requests (project, plan_id, actor)"
        " VALUES ({p}, %s, coalesce(%s, session_user)) RETURNING id"
    )
    return int(answer(connection, statement, [plan_id, actor]))


def open_request(
    connection: Session, ledger: Ledger, plan_id: str | None = None
) -> RequestRecord | None:
    """The request that no run has settled yet, if there is one: for this plan, or for any."""
    wanted = sql.SQL("" if plan_id is None else " AND plan_id = {}").format(plan_id)
    which = sql.SQL(" AND state = 'open'{}").format(wanted)
    return next(iter(_requests(connection, ledger, which, limit=1)), None)


def last_requests(
    connection: Session, ledger: Ledger, *, limit: int, before: int | None = None
) -> tuple[RequestRecord, ...]:
    """The last so many requests, newest first; those older than request `before`."""
    return _requests(connection, ledger, older_than(before), limit=limit)


def _requests(
    connection: Session, ledger: Ledger, which: sql.Composable, *, limit: int
) -> tuple[RequestRecord, ...]:
    # Here, since a run settles requests without it.
    from seeder.merge.found import RequestRecord

    found = connection.execute(
        ledger.sql(
            "SELECT id, plan_id, actor, requested_at, state, run, settled_at, role"
            " FROM {s}.requests"
            " WHERE {p} IN (0, project){which} ORDER BY id DESC LIMIT {limit}",
            which=which,
            limit=sql.Literal(limit),
        )
    )
    return records(found, RequestRecord)


def settle(
    connection: Connection,
    ledger: Ledger,
    *,
    applied: str | None,
    stale: bool,
    run: int,
) -> tuple[RequestOutcome, ...]:
    """Record what a run makes of the open requests.

    Args:
        connection: in the seeding transaction.
        ledger: where the requests are.
        applied: the id of the plan that the run kept to.
        stale: whether the run has overtaken the others; else they wait for another run.
        run: its number.
    """
    outcomes = tuple(
        RequestOutcome(
            id=each.id,
            plan_id=each.plan_id,
            actor=each.actor,
            state="applied" if each.plan_id == applied else "stale" if stale else "waiting",
        )
        for each in ledger.open_requests(connection)
    )
    for state in ("applied", "stale"):
        if settled := [each.id for each in outcomes if each.state == state]:
            connection.execute(
                ledger.sql(
                    "UPDATE {s}.requests SET state = %s, run = %s,"
                    " settled_at = pg_catalog.now() WHERE id = ANY (%s)"
                ),
                [state, run, settled],
            )
    if applied is not None:
        # The history says which plan a run kept to, and who asked for it.
        actor = next((each.actor for each in outcomes if each.state == "applied"), None)
        statement = ledger.sql(
            "UPDATE {s}.runs SET plan_id = %s, actor = coalesce(%s, actor) WHERE id = %s"
        )
        connection.execute(statement, [applied, actor, run])
    return outcomes
