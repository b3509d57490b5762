"""`seeder mark ENV --database NAME`: what this database is from now on."""

from __future__ import annotations

from seeder.configuration.settings import Settings
from seeder.merge.settled import Settlement
from seeder.runtime.log import Log
from seeder.settle.recorded import Done, held


def mark(settings: Settings, *, log: Log, environment: str, database: str) -> Settlement:
    """Mark a copy of a database with its own environment; open requests are void.

    Raises ConfigurationInvalid unless `database` is the name of the connected one.
    """
    with held(settings, log=log) as opened:
        connection = opened.connection
        before = opened.meta().environment
        opened.require_database(database, why="a mark decides whether dev data may go in.")

        def work(run: int) -> Done:
            from seeder.database.ledger.tables.maintenance import mark as mark_database

            void = mark_database(connection, opened.ledger, environment, run=run)
            connection.execute(
                opened.ledger.sql("UPDATE {s}.runs SET environment = %s WHERE id = %s"),
                [environment, run],
            )
            notes: tuple[str, ...] = (
                f"The database is marked {environment} now; before, it was marked {before}.",
            )
            if void:
                notes += (f"Open requests that are void now: {void}.",)
            return Done(counts={"mark": 1, "void": void}, notes=notes)

        return opened.settle(
            "mark",
            work,
            subject=f"{database} as {environment}",
            summary={"before": before, "environment": environment},
        )
