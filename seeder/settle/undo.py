"""`seeder undo RUN`: a three-way plan back."""

from __future__ import annotations

from msgspec.structs import replace

from seeder.configuration.settings import Settings
from seeder.errors import ConfigurationInvalid
from seeder.merge.given import is_disposable
from seeder.merge.settled import Settlement
from seeder.runtime.log import Log
from seeder.settle.recorded import Done, held

_UNTOUCHED = (
    "Releases stay applied, so the next update does not bring it back. Tasks, migrations and"
    " secret values are not undone."
)


class NotConfirmed(ConfigurationInvalid):
    """The database is protected, and nobody has said that it is meant."""


def undo(
    settings: Settings, *, log: Log, run: int, dry_run: bool, confirmed: bool = True
) -> Settlement:
    """Take back what a run wrote, as far as it still holds the run's values.

    A dry run does all of it and rolls back. Raises ConfigurationInvalid for an unknown run,
    SeedingFailed where a constraint is in the way, NotConfirmed for a protected database unless
    it is `confirmed`, or a dry run.
    """
    from seeder.database.ledger.tables import projects

    with held(settings, log=log) as opened:
        marked = opened.meta().environment
        if not (dry_run or confirmed or is_disposable(marked)):
            raise NotConfirmed(
                f"This database is marked {marked}, where an undo has to be confirmed.",
                hint=f"`seeder undo {run} --dry-run` shows what it would do; --yes does it.",
                code="confirmation-missing",
                marked=marked,
            )
        opened = replace(opened, ledger=projects.of_run(opened.connection, opened.ledger, run))

        def work(by: int) -> Done:
            from seeder.database.settling.undo import undo as undo_rows

            rows, counts, notes = undo_rows(opened.connection, opened.ledger, run=run, by=by)
            return Done(rows=rows, counts=counts, notes=(*notes, _UNTOUCHED))

        return opened.settle(
            "undo", work, subject=f"run {run}", dry_run=dry_run, summary={"undone": run}
        )
