"""What the next ordinary deploy has in mind for each set, from the sets alone.

Rows are neither staged nor compared, so this needs no temporary table: it works for a role
that may only read, and on a standby.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from seeder.database.connection.connect import Connection
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.staging import schema_check
from seeder.database.staging.context import Orders, Seeding
from seeder.database.staging.prepare import decide, read
from seeder.merge.model import Catalog, Mode, SeedSet, SetReference
from seeder.merge.plan import SetDecision

_WAITING = (SetDecision.PENDING, SetDecision.UNADOPTED)


class Outlook(Struct, frozen=True, kw_only=True):
    """What a deploy has in mind for each set."""

    decisions: Mapping[str, SetDecision]
    unfit: Mapping[str, str]
    """Sets that the schema contradicts, each with what is wrong; a deploy would be refused."""


def outlook(
    connection: Connection,
    ledger: Ledger,
    catalog: Catalog,
    *,
    created: frozenset[str] | None,
    migrations_pending: bool,
) -> Outlook:
    """Decide about each set as a deploy in mode `init` would; the rest as in `Orders`.

    A new set that refers to a waiting set counts as pending, although a deploy might find
    every row it refers to.
    """
    seeding = Seeding(
        connection=connection,
        ledger=ledger,
        catalog=catalog,
        orders=Orders(mode=Mode.INIT, created=created, migrations_pending=migrations_pending),
        run=0,
    )
    read(seeding)
    catalog = seeding.catalog
    others = schema_check.together(catalog.sets, seeding.tables)
    unfit = {
        each.name: message
        for each in catalog.sets
        if each.name not in seeding.decisions
        and (message := schema_check.misfit(each, seeding.tables, others))
    }
    decide(seeding, [each for each in catalog.sets if each.name not in unfit])
    decisions: dict[str, SetDecision] = {}
    for each in catalog.sets:
        if each.name in seeding.decisions:
            decision, _ = seeding.decisions[each.name]
            if decision is SetDecision.INSERT and _waits(each, decisions):
                decision = SetDecision.PENDING
            decisions[each.name] = decision
    return Outlook(decisions=decisions, unfit=unfit)


def _waits(each: SeedSet, decisions: dict[str, SetDecision]) -> bool:
    return any(
        isinstance(column.reference, SetReference)
        and decisions.get(column.reference.set) in _WAITING
        for column in each.columns
    )
