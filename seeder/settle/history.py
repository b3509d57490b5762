"""`seeder history` and `seeder show RUN`: the audit trail."""

from __future__ import annotations

from seeder.configuration.settings import Settings
from seeder.merge.settled import SHOWN, History, RunDetails
from seeder.runtime.log import Log
from seeder.settle.recorded import held


def history(settings: Settings, *, log: Log, limit: int) -> History:
    """The last runs, newest first; writes nothing, and works on a standby."""
    from seeder.database.connection.failures import translated
    from seeder.database.ledger.past.run_history import read_runs

    with held(settings, log=log, reading=True) as opened, translated(doing="reading the history"):
        opened.meta()
        runs = read_runs(opened.connection, opened.ledger, limit=limit + 1)
    return History(runs=runs[:limit], more=len(runs) > limit)


def show(settings: Settings, *, log: Log, run: int, limit: int = SHOWN) -> RunDetails:
    """One run and its rows; raises ConfigurationInvalid if the ledger does not know it."""
    from seeder.database.connection.failures import translated
    from seeder.database.ledger.past.run_history import read_rows, read_run
    from seeder.database.ledger.tables import projects

    with held(settings, log=log, reading=True) as opened, translated(doing="reading the history"):
        opened.meta()
        ledger = projects.of_run(opened.connection, opened.ledger, run)
        found = read_run(opened.connection, ledger, run)
        assert found is not None  # noqa: S101  # it has a project
        rows, total = read_rows(opened.connection, ledger, run, limit=limit)
    return RunDetails(run=found, rows=rows, total=total)
