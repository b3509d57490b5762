"""Open conflicts with the values between which a person is to choose; nothing is written."""

from __future__ import annotations

from collections.abc import Callable

from seeder.configuration.settings import Settings
from seeder.merge.found import Conflicts, KeptRow, OpenConflict
from seeder.merge.settled import SHOWN
from seeder.phases.opening import reading, require_same_environment
from seeder.runtime.log import Log
from seeder.settle.recorded import require_readable


def conflicts(
    settings: Settings,
    *,
    log: Log,
    wanted: Callable[[OpenConflict], OpenConflict | None] | None = None,
    kept: bool = False,
    limit: int = SHOWN,
) -> Conflicts:
    """The open conflicts with their values, those that are `wanted` or all; as `status` reads.

    With `kept` also rows that stay deleted, and rows that wait. Raises ConfigurationInvalid where
    this image can read no ledger here, AccessDenied where the role may not read the tables.
    """
    with reading(settings, log=log) as (connection, ledger, catalog, _):
        from seeder.database.ledger.past import history
        from seeder.database.settling.open_conflicts import open_conflicts

        meta = require_readable(ledger.meta(connection))
        require_same_environment(meta.environment, settings)
        found, number = open_conflicts(
            connection, ledger, catalog, limit=limit, values=True, wanted=wanted
        )
        skipped: tuple[int, tuple[KeptRow, ...]] = (0, ())
        deleted = skipped
        if kept:
            names = [each.name for each in catalog.sets]
            skipped = history.skipped(connection, ledger, limit=limit)
            deleted = history.deleted(connection, ledger, names, limit=limit)
        return Conflicts(
            conflicts=number,
            in_conflict=found,
            skipped=skipped[0],
            skipped_rows=skipped[1],
            deleted=deleted[0],
            deleted_rows=deleted[1],
        )
