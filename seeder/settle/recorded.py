"""What every command here begins and ends with: lock, ledger, transaction, and its record."""

from __future__ import annotations

import getpass
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

import seeder
from seeder.configuration.settings import Settings
from seeder.errors import ConfigurationInvalid
from seeder.merge.plan import RowChange
from seeder.merge.settled import Settlement
from seeder.phases.opening import locked, opened, require_same_environment
from seeder.runtime.log import Log

if TYPE_CHECKING:
    from seeder.database.connection.connect import Connection
    from seeder.database.ledger.tables.ledger import Ledger, Meta
    from seeder.merge.ownership import Image


class Done(Struct, frozen=True, kw_only=True):
    """What a command did in its transaction."""

    rows: tuple[RowChange, ...] = ()
    counts: Mapping[str, int]
    """All zero, `keep` apart: nothing was done."""
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[RowChange], *, notes: tuple[str, ...] = ()) -> Done:
        """With the rows counted by action."""
        counts = Counter(row.action.value for row in rows)
        return cls(rows=tuple(rows), counts=dict(counts), notes=notes)


class Held(Struct, frozen=True, kw_only=True):
    """A database to work on, whose advisory lock is held unless it is only read."""

    connection: Connection
    ledger: Ledger
    settings: Settings
    log: Log
    deadline: float

    def settle(
        self,
        command: str,
        work: Callable[[int], Done],
        *,
        subject: str,
        dry_run: bool = False,
        summary: Mapping[str, object] | None = None,
        enrols: Image | None = None,
    ) -> Settlement:
        """Do something and record it as a run, all in one transaction.

        With `enrols` the ledger is made in it, and this image's project enters its list, where
        they are not there; both are gone again where nothing comes of it.

        `work` gets the number of the run. A dry run, and one that comes to nothing, are
        rolled back and leave no record.
        """
        from psycopg import Rollback

        from seeder.database.applying.transaction import in_transaction

        def recorded() -> Settlement:
            with self.connection.transaction() as savepoint:
                ledger = self.enrolled(enrols) if enrols else self.ledger
                run = ledger.open_run(
                    self.connection,
                    version=seeder.__version__,
                    mode=command,
                    environment=self.meta().environment,
                    actor=actor_of(self.settings),
                )
                done = work(run)
                came_to_something = any(n for name, n in done.counts.items() if name != "keep")
                recorded = came_to_something and not dry_run
                settlement = Settlement(
                    command=command,
                    run=run if recorded else None,
                    subject=subject,
                    dry_run=dry_run,
                    rows=done.rows,
                    counts=done.counts,
                    notes=done.notes,
                )
                if not recorded:
                    raise Rollback(savepoint)
                ledger.close_run(
                    self.connection,
                    run,
                    result="done",
                    exit_code=0,
                    counts=done.counts,
                    summary=summary,
                )
                # The next deploy may find something to do although its image is the same.
                self.connection.execute(
                    self.ledger.sql(
                        "UPDATE {s}.projects SET fingerprint = NULL WHERE {p} IN (0, id)"
                    )
                )
            return settlement

        settlement = in_transaction(
            self.connection,
            recorded,
            log=self.log,
            doing=f"settling `{command} {subject}`",
            deadline=self.deadline,
        )
        if settlement.run is not None:
            self.log.info(
                "run.settled",
                run=settlement.run,
                command=command,
                subject=subject,
                counts=dict(settlement.counts),
            )
        return settlement

    def enrolled(self, image: Image) -> Ledger:
        """The ledger with the project in its list, in the open transaction."""
        from seeder.database.ledger.tables import projects

        if not self.ledger.exists(self.connection):
            self.ledger.create(self.connection, environment=self.settings.environment)
        return projects.enrolled(self.connection, self.ledger, image)

    def meta(self) -> Meta:
        """What the ledger says of this database; raises ConfigurationInvalid without one."""
        return require_readable(self.ledger.meta(self.connection))

    def require_database(self, name: str, *, why: str) -> None:
        """Raise ConfigurationInvalid unless that is the name of the connected database."""
        connected = self.connection.info.dbname
        if connected != name:
            raise ConfigurationInvalid(
                f"The connected database is {connected}, not {name}.",
                hint=f"Nothing was changed. Check the database URL: {why}",
                code="database-mismatch",
            )


@contextmanager
def held(settings: Settings, *, log: Log, reading: bool = False) -> Iterator[Held]:
    """Wait for the database and take its advisory lock.

    For `reading` alone nothing is locked, and a standby will do.
    """
    from seeder.database.ledger.tables.ledger import Ledger

    with opened(settings, log=log, writable=not reading) as (connection, target, deadline):
        ledger = Ledger(schema=settings.schema)
        if not reading:
            ledger = locked(settings, connection, target, log=log, deadline=deadline)
        yield Held(
            connection=connection,
            ledger=ledger,
            settings=settings,
            log=log,
            deadline=deadline,
        )


def of_project(opened: Held, image: Image) -> Held:
    """The record of the image's project; raises ConfigurationInvalid where it has none here."""
    from seeder.database.ledger.tables import projects

    require_same_environment(opened.meta().environment, opened.settings)
    ledger = projects.opened(opened.connection, opened.ledger, image)
    return replace(opened, ledger=ledger)


def require_readable(meta: Meta | None) -> Meta:
    """The ledger's meta row; raises ConfigurationInvalid where there is none for this code."""
    if meta is None:
        raise ConfigurationInvalid(
            "This database has no ledger: seeder has never run here.",
            hint="Is this the right database? `seeder run` creates the ledger.",
            code="ledger-unusable",
        )
    if not meta.readable:
        raise ConfigurationInvalid(
            "The ledger of this database belongs to a newer seeder.",
            hint="Use the image that ran last.",
            code="ledger-unusable",
        )
    return meta


def actor_of(settings: Settings) -> str:
    """Who does it: as told, else the login name of who runs the command."""
    if settings.actor:
        return settings.actor
    for name in ("LOGNAME", "USER"):
        if settings.environ.get(name):
            return settings.environ[name]
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user has no name
        return f"uid {os.getuid()}"
