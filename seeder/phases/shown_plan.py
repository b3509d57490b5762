"""A plan that was shown to somebody: read from its file, and held against what a run finds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seeder.errors import ConfigurationInvalid, PlanStale
from seeder.merge.model import Catalog
from seeder.merge.plan import Plan, SetOutcome
from seeder.merge.plan_document import from_document
from seeder.merge.plan_id import moved, not_as_planned

if TYPE_CHECKING:
    from seeder.database.connection.connect import Connection
    from seeder.database.migrations.revisions import RevisionGraph


def read_plan(path: Path) -> Plan:
    """Read a plan that `seeder plan --out` wrote.

    Raises ConfigurationInvalid where it cannot be read, and PlanStale where no run could
    keep to it: of another format, or made while migrations were pending.
    """
    import json

    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigurationInvalid(
            f"The plan cannot be read: {error.strerror}.", code="plan-unreadable"
        ) from None
    except ValueError:
        raise ConfigurationInvalid(
            "The plan is not a JSON document.",
            hint="`seeder plan --out` writes one.",
            code="plan-unreadable",
        ) from None
    shown = from_document(document)
    if shown.provisional:
        raise PlanStale(
            "The plan was made while migrations were pending, and so is provisional.",
            hint="Run with --mode none to migrate alone, then plan again.",
        )
    return shown


def require_same(shown: Plan, now: Plan) -> None:
    """Raise PlanStale where a plan made again is not the plan that was shown."""
    if shown.id == now.id:
        return
    differing = moved(shown, now) or ("the plan itself",)
    listed = ", ".join(differing[:5]) + (" and more" if len(differing) > 5 else "")
    raise PlanStale(
        f"The plan is stale: since it was made, there are changes in {listed}.",
        hint="Nothing was seeded. Plan again and look at what is new.",
        plan=shown.id,
        plan_now=now.id,
    )


def require_kept(
    planned: Plan,
    outcomes: tuple[SetOutcome, ...],
    *,
    obstructed: Mapping[str, Mapping[str, str]],
) -> None:
    """Raise PlanStale where a seeding, before its commit, did something else than planned.

    Rows may change between the planning and the moment when the seeding locks them, and writing
    may have shown that rows are `obstructed`, as in `Orders`.
    """
    names = not_as_planned(planned, outcomes)
    if names:
        unforeseen = [name for name in names if name in obstructed]
        if unforeseen:
            key, holder = next(iter(obstructed[unforeseen[0]].items()))
            raise PlanStale(
                f"What no plan can foretell: {unforeseen[0]}/{key} gets a unique value, by a"
                f" trigger or a default, that {holder} holds.",
                hint="Nothing was seeded. A run without the plan brings all the rest, and records"
                " that row as a conflict.",
                plan=planned.id,
            )
        raise PlanStale(
            f"Rows changed while the plan was being applied, in {', '.join(names)}.",
            hint="Nothing was seeded. Plan again and look at what is new.",
            plan=planned.id,
        )


def require_same_image(shown: Plan, catalog: Catalog, graph: RevisionGraph) -> None:
    """Raise PlanStale where a plan was made from other files; known without a database."""
    differing = [
        name
        for name, differs in (
            ("the catalog", shown.catalog != catalog.digest),
            ("the environment", shown.environment != catalog.environment),
            ("the migrations", sorted(shown.heads) != sorted(graph.heads)),
        )
        if differs
    ]
    if differing:
        verb = "differ" if len(differing) > 1 or differing == ["the migrations"] else "differs"
        raise PlanStale(
            f"The plan is stale: it was made from other files; {' and '.join(differing)} {verb}.",
            hint="Run it with the image that made it, or plan again.",
            plan=shown.id,
        )


def require_migrated(shown: Plan, connection: Connection, catalog: Catalog) -> None:
    """Raise PlanStale before migrations that the plan did not know of are applied."""
    from seeder.database.migrations.version_table import current

    revisions = current(connection, catalog.migrations)
    if sorted(revisions) != sorted(shown.revisions):
        raise PlanStale(
            "The plan is stale: the database is at other revisions than it was then.",
            hint="Nothing was migrated or seeded. Plan again.",
            plan=shown.id,
            revisions=revisions,
        )
