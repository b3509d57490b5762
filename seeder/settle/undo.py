"""`seeder undo RUN`: a three-way plan back."""

from __future__ import annotations

from seeder.errors import ConfigurationInvalid
from seeder.log import Log
from seeder.merge.settled import Settlement
from seeder.settings import Settings
from seeder.settle.recorded import Held, held

_UNTOUCHED = (
    "Releases stay applied, so the next update does not bring it back; tasks, migrations and"
    " secret values are not undone."
)


class _Shown(Exception):  # no failure: it rolls back what was only to be shown
    def __init__(self, settlement: Settlement) -> None:
        super().__init__()
        self.settlement = settlement


def undo(settings: Settings, *, log: Log, run: int, dry_run: bool) -> Settlement:
    """Take back what a run wrote, as far as it still holds the run's values.

    A dry run does all of it and rolls back. Raises ConfigurationInvalid for an unknown run,
    SeedingFailed where a constraint is in the way.
    """
    with held(settings, log=log) as opened:
        opened.meta()
        try:
            settled = opened.in_transaction(
                lambda: _undo(opened, run, dry_run=dry_run), doing=f"undoing run {run}"
            )
        except _Shown as shown:
            return shown.settlement
    log.info("run.undone", undone=run, run=settled.run, **settled.counts)
    return settled


def _undo(opened: Held, run: int, *, dry_run: bool) -> Settlement:
    from seeder.database.undo import undo as undo_rows

    connection, ledger = opened.connection, opened.ledger
    if not connection.execute(
        ledger.sql("SELECT FROM {s}.runs WHERE id = %s"), [run]
    ).fetchall():
        raise ConfigurationInvalid(
            f"There is no run {run} in the ledger of this database.",
            hint="`seeder history` lists the runs.",
        )
    with connection.transaction() as savepoint:
        number = opened.open_run("undo")
        rows, counts, notes = undo_rows(connection, ledger, run=run, by=number)
        written = any(count for action, count in counts.items() if action != "keep")
        settlement = Settlement(
            command="undo",
            run=number if written and not dry_run else None,
            subject=f"run {run}",
            dry_run=dry_run,
            rows=rows,
            counts=counts,
            notes=(*notes, _UNTOUCHED),
        )
        if dry_run:
            raise _Shown(settlement)
        if not written:
            from psycopg import Rollback

            raise Rollback(savepoint)
        opened.close_run(number, counts=counts, summary={"undone": run})
    return settlement
