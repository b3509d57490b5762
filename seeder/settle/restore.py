"""`seeder restore ADDRESS...`: rows that a person or an undo deleted come back."""

from __future__ import annotations

from collections.abc import Sequence

from seeder.configuration.settings import Settings
from seeder.merge.settled import Settlement
from seeder.phases.opening import image_of, read_catalog
from seeder.runtime.log import Log
from seeder.settle.addresses import rows_of
from seeder.settle.recorded import Done, held, of_project


def restore(settings: Settings, *, log: Log, addresses: Sequence[str]) -> Settlement:
    """Insert the rows as the catalog has them now, and look after them again.

    Raises ConfigurationInvalid for an unknown address, SeedingFailed for a rejected row.
    """
    catalog, graph = read_catalog(settings)
    wanted = rows_of(catalog, addresses)
    with held(settings, log=log) as everybodys:
        opened = of_project(everybodys, image_of(catalog, graph))

        def work(run: int) -> Done:
            from seeder.database.settling.restore import restore as restore_rows

            return Done.of(restore_rows(opened.connection, opened.ledger, catalog, wanted, run=run))

        return opened.settle("restore", work, subject=", ".join(addresses))
