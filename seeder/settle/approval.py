"""Approving the pending plan from a shell, as the admin panel does: a request row, no more."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec.structs import replace

from seeder.configuration.settings import Settings
from seeder.errors import ConfigurationInvalid, DatabaseUnavailable, PlanStale
from seeder.merge.found import RequestRecord, Requests
from seeder.phases.opening import opened
from seeder.runtime.log import Log
from seeder.settle.recorded import require_readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeder.database.connection.connect import Connection
    from seeder.database.ledger.tables.ledger import Ledger


def approve(
    settings: Settings,
    plan_id: str,
    *,
    actor: str | None,
    log: Log,
) -> RequestRecord:
    """Ask for the pending plan to be applied; the request that is open now.

    The plan is named by its id, or by how that begins.
    A plan that is approved already gets no second request.

    Raises:
        PlanStale: no plan is pending, or one of another id.
        ConfigurationInvalid: this database has no ledger, or the actor's name is too long.
    """
    from seeder.database.ledger.runs import requests as asked

    if actor is not None and len(actor) > _ACTOR_LENGTH:
        raise ConfigurationInvalid(
            f"The actor's name is {len(actor)} characters long; it may be {_ACTOR_LENGTH}."
        )
    with _opened(settings, log=log, writable=True) as (connection, ledger):
        pending = asked.pending_plans(connection, ledger)
        named = (p for p in pending if len(plan_id) >= _ENOUGH and p[1].id.startswith(plan_id))
        project, stored = next(named, (0, None))
        if stored is None or stored.provisional:
            raise PlanStale(
                "No plan is pending here."
                if not pending
                else "The pending plan is provisional."
                if stored is not None
                else "The pending plan has another id.",
                hint="`seeder requests` names the pending plan, `seeder plan --mode update` shows"
                f" it. The first {_ENOUGH} digits of its id are enough.",
            )
        request = asked.open_request(connection, ledger, stored.id)
        if request is None:
            asked.approve(connection, replace(ledger, project=project), stored.id, actor=actor)
            request = asked.open_request(connection, ledger, stored.id)
            assert request is not None  # noqa: S101  # just written, in this transaction
            log.info("plan.approved", plan=stored.id, request=request.id)
        return request


_ENOUGH = 8
"""Digits of a plan's id: one plan is pending, so nobody means another by them."""


_SHOWN = 100
"""Requests that are listed."""

_ACTOR_LENGTH = 200
"""Characters that the ledger takes."""


def requests(settings: Settings, *, log: Log) -> Requests:
    """What waits for an approval, and what was approved last; raises ConfigurationInvalid."""
    from seeder.database.ledger.runs import requests as asked

    with _opened(settings, log=log, writable=False) as (connection, ledger):
        found = asked.last_requests(connection, ledger, limit=_SHOWN + 1)
        return Requests(
            pending=tuple(plan.id for _, plan in asked.pending_plans(connection, ledger)),
            requests=found[:_SHOWN],
            more=len(found) > _SHOWN,
        )


@contextmanager
def _opened(settings: Settings, *, log: Log, writable: bool) -> Iterator[tuple[Connection, Ledger]]:
    """A connection in a transaction, and the ledger that must be there."""
    from seeder.database.connection.failures import translated
    from seeder.database.ledger.tables.ledger import Ledger

    ledger = Ledger(schema=settings.schema)
    with (
        opened(settings, log=log, writable=writable) as (connection, *_),
        translated(doing="reading the requests", otherwise=DatabaseUnavailable),
        connection.transaction(),
    ):
        require_readable(ledger.meta(connection))
        yield connection, ledger
