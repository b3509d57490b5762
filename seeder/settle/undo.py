"""`seeder undo RUN`: a three-way plan back."""

from __future__ import annotations

from msgspec.structs import replace

from seeder.log import Log
from seeder.merge.settled import Settlement
from seeder.settings import Settings
from seeder.settle.recorded import Done, Held, held

_UNTOUCHED = (
    "Releases stay applied, so the next update does not bring it back. Tasks, migrations and"
    " secret values are not undone."
)


def undo(settings: Settings, *, log: Log, run: int, dry_run: bool) -> Settlement:
    """Take back what a run wrote, as far as it still holds the run's values.

    A dry run does all of it and rolls back. Raises ConfigurationInvalid for an unknown run,
    SeedingFailed where a constraint is in the way.
    """
    with held(settings, log=log) as opened:
        opened.meta()
        opened = _opened(opened, run)

        def work(by: int) -> Done:
            from seeder.database.settling.undo import undo as undo_rows

            rows, counts, notes = undo_rows(opened.connection, opened.ledger, run=run, by=by)
            return Done(rows=rows, counts=counts, notes=(*notes, _UNTOUCHED))

        return opened.settle(
            "undo", work, subject=f"run {run}", dry_run=dry_run, summary={"undone": run}
        )


def _opened(opened: Held, run: int) -> Held:
    """The record of the project whose run it is."""
    from seeder.database.ledger import projects

    return replace(opened, ledger=projects.of_run(opened.connection, opened.ledger, run))
