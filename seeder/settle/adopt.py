"""`seeder adopt [--as-of DIR]`: existing rows go on record, without a write to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seeder.log import Log
from seeder.merge.plan import RowChange
from seeder.merge.settled import SHOWN, Settlement
from seeder.opening import image_of, read_catalog
from seeder.progress import Progress
from seeder.settings import Settings
from seeder.settle.recorded import Done, held, of_project

if TYPE_CHECKING:
    from seeder.database.ledger.ledger import Ledger

_WRITTEN = "Nothing but the ledger was written."
_WAITS = "The catalog's release counts as applied once an update has run:"
_LOOK = "`seeder plan --mode update` shows what it would do."


def adopt(settings: Settings, *, log: Log, as_of: Path | None = None) -> Settlement:
    """Record the rows of sets that have rows and were never seeded here.

    With `as_of`, a project directory as it was when the rows came to be, its values are the
    base: what differs from them is a person's, and its rows that are gone were deleted.
    Creates the ledger where there is none, and rows are recorded. Raises ConfigurationInvalid
    for either catalog.
    """
    catalog, graph = read_catalog(settings)
    image = image_of(catalog, graph)
    old = None
    if as_of is not None:
        from seeder.catalog import load

        old = load(as_of, environment=settings.environment, environ=settings.confided)
    with held(settings, log=log) as opened:
        connection = opened.connection
        known = opened.ledger.exists(connection)
        if known:
            opened = of_project(opened, image)

        def notes(counts: Mapping[str, int], ledger: Ledger) -> tuple[str, ...]:
            from seeder.database.ledger.history import releases

            applied = {each.release for each in releases(connection, ledger)}
            waits = catalog.release is not None and catalog.release not in applied
            if not any(counts.values()):
                return (f"{_WAITS} {_LOOK}",) if waits else ()
            return (f"{_WRITTEN} {_WAITS} {_LOOK}" if waits else _WRITTEN,)

        def work(run: int) -> Done:
            from seeder.database.ledger import projects
            from seeder.database.settling.adopt import adopt as adopt_rows

            ledger = projects.opened(connection, opened.ledger, image)
            rows: list[RowChange] = []
            counts: dict[str, int] = {}
            progress = Progress(log)
            with progress.followed():
                if old is not None:
                    rows, counts = adopt_rows(
                        connection, ledger, old, run=run, old=True, progress=progress
                    )
                more, numbers = adopt_rows(connection, ledger, catalog, run=run, progress=progress)
            for name, number in numbers.items():
                counts[name] = counts.get(name, 0) + number
            return Done(
                rows=tuple([*rows, *more][:SHOWN]), counts=counts, notes=notes(counts, ledger)
            )

        settlement = opened.settle(
            "adopt",
            work,
            subject=catalog.project.name,
            summary={"as_of": None if as_of is None else as_of.name},
            enrols=image,
        )
        if not known and settlement.run is not None:
            log.info("ledger.created", schema=opened.ledger.schema)
        return settlement
