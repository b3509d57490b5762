"""The job: unchanged? - catalog - wait - lock - migrate - check - seed - report.

`run` reads from top to bottom as that line. What may fail raises a SeederError, whose class
says the exit code; "nothing to do" is a result.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import seeder
from seeder.catalog import fingerprint as fingerprint_of
from seeder.configuration.environ import as_set
from seeder.configuration.settings import Settings
from seeder.errors import (
    ConfigurationInvalid,
    Interrupted,
    MigrationFailed,
    SeederError,
    SeedingFailed,
)
from seeder.merge.given import Mode
from seeder.merge.result import Result, RunResult
from seeder.phases.opening import (
    connected,
    image_of,
    locked,
    read_catalog,
    require_same_environment,
    target_of,
)
from seeder.runtime.background import Background
from seeder.runtime.log import Log
from seeder.runtime.signals import alarm

if TYPE_CHECKING:
    from seeder.database.connection.connect import Connection
    from seeder.database.connection.target import Target
    from seeder.database.ledger.runs.unchanged import Unchanged
    from seeder.database.ledger.tables.ledger import Ledger, Meta
    from seeder.database.migrations.migrate import MigrationOutcome
    from seeder.database.migrations.revisions import RevisionGraph
    from seeder.merge.model import Catalog
    from seeder.merge.plan import Plan, SetOutcome


def run(
    settings: Settings,
    *,
    log: Log,
    rehearsal: bool = False,
) -> RunResult:
    """Run the job once; in a `rehearsal` the database is gone afterwards.

    Raises SeederError; nothing is seeded then, and migrations that were applied stay.
    """
    job = _Job(settings=settings, log=log, rehearsal=rehearsal)
    log.info("run.started", version=seeder.__version__, mode=settings.mode, project=job.project)
    with ExitStack() as stack:
        try:
            return job.run(stack)
        except (SeederError, Interrupted) as error:
            error.facts.setdefault("phases", dict(job.phases))
            raise


@dataclass(slots=True, kw_only=True)
class _Job:
    """One run while it goes on."""

    settings: Settings
    log: Log
    rehearsal: bool
    phases: dict[str, float] = field(default_factory=dict)
    deadline: float = 0.0
    number: int = 0
    migrated: MigrationOutcome | None = None
    """What the migrations did, once they are through."""
    first: list[SetOutcome] = field(default_factory=list)
    """What went in between migrations."""

    @property
    def project(self) -> str:
        return self.settings.project.name

    def run(self, stack: ExitStack) -> RunResult:
        settings = self.settings
        self.deadline = time.monotonic() + settings.deadline
        with self.phase("start"):
            # Files are hashed while the driver is being imported.
            hashing = Background(self.fingerprint)
            shown = self.given_plan()
            target = stack.enter_context(target_of(self.settings))
            fingerprint = hashing.result()
        with self.phase("unchanged"):
            unchanged = self.if_unchanged(target, fingerprint)
            if unchanged is not None:
                self.log.info("run.unchanged")
                return RunResult(
                    result=Result.NOTHING_TO_DO,
                    environment=unchanged.environment,
                    phases=self.phases,
                    counts=unchanged.left,
                    left=unchanged.left,
                )
        # Imported here: nearly every deploy has ended above.
        from seeder.phases.seeding import Seeding, record_end
        from seeder.phases.shown_plan import require_migrated, require_same_image

        with self.phase("catalog"):
            catalog, graph = read_catalog(settings)
            self.log.info("catalog.read", sets=len(catalog.sets), release=catalog.release)
            if shown is not None:
                require_same_image(shown, catalog, graph)
        importing = Background(_import_what_seeds)
        with self.phase("wait"):
            connection = stack.enter_context(
                connected(settings, target, log=self.log, deadline=self.deadline)
            )
        ledger: Ledger | None = None
        try:
            with self.phase("lock"):
                ledger = locked(settings, connection, target, log=self.log, deadline=self.deadline)
                opened = self.open_ledger(connection, ledger, catalog, graph)
                if opened is None:
                    return self.left_alone(catalog, "its ledger is of a newer seeder")
                ledger, meta = opened
            with self.working("migrate", otherwise=MigrationFailed):
                importing.result()
                if shown is not None:
                    require_migrated(shown, connection, catalog)
                migrated = self.migrate(connection, ledger, catalog, graph, target)
                self.migrated = migrated
            if migrated.state.value == "older_image":
                why = "its migrations are ahead of this image"
                result = self.left_alone(catalog, why, marked=meta.environment)
                record_end(connection, ledger, self.number, result, migrated)
                return result
            with self.working("seed", otherwise=SeedingFailed):
                return Seeding(
                    settings=settings,
                    log=self.log,
                    deadline=self.deadline,
                    phases=self.phases,
                    number=self.number,
                    connection=connection,
                    ledger=ledger,
                    catalog=catalog,
                    graph=graph,
                    migrated=migrated,
                    fingerprint=fingerprint,
                    shown=shown,
                    first=tuple(self.first),
                ).run()
        except (SeederError, Interrupted) as error:
            self.tell_what_stays(error)
            self.record_failure(connection, ledger, error)
            raise

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure a phase, in seconds."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] = round(time.monotonic() - started, 3)
            self.log.debug("phase.ended", phase=name, seconds=self.phases[name])

    @contextmanager
    def working(self, name: str, *, otherwise: type[SeederError]) -> Iterator[None]:
        """A phase that the deadline breaks into, whatever statement is running."""
        from seeder.database.connection.failures import translated

        with (
            self.phase(name),
            translated(
                doing={"migrate": "migrating", "seed": "seeding"}[name], otherwise=otherwise
            ),
            alarm(self.deadline - time.monotonic()),
        ):
            yield

    # -- before the lock ----------------------------------------------------------------

    def given_plan(self) -> Plan | None:
        """The plan that the run must keep to, if it was given one."""
        if self.settings.plan is None:
            return None
        from seeder.phases.shown_plan import read_plan

        return read_plan(self.settings.plan)

    def fingerprint(self) -> str:
        """What this image is, as one text: version, environment, bytes of the project.

        Taken before the files are read: of one that changes in between, the next run knows that
        it has another content.
        """
        settings = self.settings
        return f"{seeder.__version__} {settings.environment} {fingerprint_of(settings.project)}"

    def if_unchanged(self, target: Target, fingerprint: str) -> Unchanged | None:
        """Ask the database in one try, without patience: what fails, the run will meet again."""
        import psycopg

        from seeder.database.connection.connect import connect
        from seeder.database.ledger.runs.unchanged import if_unchanged

        settings = self.settings
        if settings.mode is not Mode.AUTO or settings.plan is not None:
            return None
        try:
            connection = connect(target, timeout=min(3.0, settings.wait_timeout))
        except SeederError:
            return None
        if self.log.tells_statements:
            from seeder.database.connection.statements import tell

            tell(connection, self.log)
        with suppress(psycopg.Error), connection:
            return if_unchanged(
                connection,
                schema=settings.schema,
                fingerprint=fingerprint,
                environ=settings.environ,
            )
        return None

    # -- under the lock -----------------------------------------------------------------

    def open_ledger(
        self, connection: Connection, ledger: Ledger, catalog: Catalog, graph: RevisionGraph
    ) -> tuple[Ledger, Meta] | None:
        """Create or read the ledger, check the marker, record that a run has started.

        Returns this project's record, and what it says. None: the ledger is of a newer seeder,
        which this one must leave alone.
        """
        from msgspec.structs import replace

        from seeder.database.connection.failures import translated
        from seeder.database.ledger.tables import projects

        with translated(doing="opening the ledger", otherwise=SeedingFailed):
            with connection.transaction():
                if not ledger.exists(connection):
                    ledger.create(connection, environment=self.settings.environment)
                    self.log.info("ledger.created", schema=ledger.schema)
                meta = ledger.read(connection)
                assert meta is not None  # noqa: S101  # just created
                if not meta.readable:
                    return None
                require_same_environment(meta.environment, self.settings)
                ledger = projects.enrolled(connection, ledger, image_of(catalog, graph))
                self.number = ledger.open_run(
                    connection,
                    version=seeder.__version__,
                    mode=self.settings.mode.value,
                    environment=meta.environment,
                    release=catalog.release,
                )
                meta = ledger.read(connection)
                assert meta is not None  # noqa: S101  # as above
                if meta.first_run is None:
                    noted = ledger.remember_tables(connection)
                    meta = meta if noted is None else replace(meta, tables_before=noted)
            self.log.carry(run=self.number)
            return ledger, meta

    def migrate(
        self,
        connection: Connection,
        ledger: Ledger,
        catalog: Catalog,
        graph: RevisionGraph,
        target: Target,
    ) -> MigrationOutcome:
        """Bring the schema to this image's head and the session back to order."""
        from seeder.database.connection import lock, session
        from seeder.database.migrations.migrate import upgrade

        key = lock.key_of(self.settings.schema)

        def restore() -> None:
            session.restore(
                connection,
                lock_key=key,
                lock_timeout=self.settings.ddl_lock_timeout,
                role=self.settings.set_role,
            )

        def first_rows(applied: frozenset[str]) -> None:
            restore()
            self.first += self.insert_first(connection, ledger, catalog, applied)

        try:
            migrated = upgrade(
                connection,
                catalog.migrations,
                project=catalog.project,
                graph=graph,
                lock_key=key,
                ddl_lock_timeout=self.settings.ddl_lock_timeout,
                known=ledger.revisions(connection),
                remember=lambda news: ledger.record_revisions(connection, news, run=self.number),
                about_to_apply=lambda: ledger.remember_tables(connection),
                stops={each.after.revision for each in catalog.sets if each.after is not None},
                behind=first_rows,
                environment=self.child_environment(target),
                log=self.log,
                deadline=self.deadline,
            )
        except SeederError:
            # For the record of the failure alone, which is the one to be told.
            with suppress(SeederError):
                restore()
            raise
        restore()
        return migrated

    def insert_first(
        self,
        connection: Connection,
        ledger: Ledger,
        catalog: Catalog,
        applied: frozenset[str],
    ) -> tuple[SetOutcome, ...]:
        """Insert first rows on which later revisions build, with their ledger, in one transaction.

        Raises as seeding does; the revisions before them stay applied.
        """
        from seeder.database.applying.first_rows import insert_first
        from seeder.database.applying.transaction import in_transaction

        try:
            outcomes = in_transaction(
                connection,
                lambda: insert_first(connection, ledger, catalog, applied, run=self.number),
                log=self.log,
                doing="inserting rows between migrations",
                deadline=self.deadline,
            )
        except SeederError as error:
            error.message = f"Between two migrations: {error.message}"
            raise
        for each in outcomes:
            if each.counts:
                self.log.info("set.first_rows", set=each.name, **each.counts)
        return outcomes

    def child_environment(self, target: Target) -> Mapping[str, str]:
        """The environment of a migration command: ours, and the database it is to migrate.

        Where DATABASE_URL names that database it stays as it is, `+driver` and all. Beside
        SEEDER_DATABASE_URL or --embedded it may name another one, the application's.
        """
        environ = as_set(self.settings.environ)
        with suppress(ConfigurationInvalid):
            if type(target).parse(environ.get("DATABASE_URL", "")) == target.current():
                return environ
        return {**environ, "DATABASE_URL": target.current().text}

    # -- endings ------------------------------------------------------------------------

    def left_alone(self, catalog: Catalog, why: str, *, marked: str | None = None) -> RunResult:
        """An older image: neither migrate nor seed, and do not fail the deploy."""
        warning = f"The database was left alone: {why}."
        self.log.warning("run.older_image", message=warning)
        return RunResult(
            result=Result.OLDER_IMAGE,
            release=catalog.release,
            environment=marked or self.settings.environment,
            warnings=(warning,),
            phases=self.phases,
            run_id=self.number or None,
        )

    def tell_what_stays(self, error: SeederError | Interrupted) -> None:
        """Say of a failure behind the migrations that these were committed before it."""
        if self.rehearsal or self.migrated is None or self.migrated.before == self.migrated.after:
            return
        names = self.migrated.applied or self.migrated.after
        error.facts["migrated"] = names
        if isinstance(error, SeederError):
            told = f"The migrations of this run stay applied: {', '.join(names)}."
            error.hint = f"{error.hint} {told}" if error.hint else told

    def record_failure(
        self, connection: Connection, ledger: Ledger | None, error: SeederError | Interrupted
    ) -> None:
        """Leave a trace of the failure, where the connection still takes one."""
        import psycopg

        if connection.closed or ledger is None or not self.number:
            return
        with suppress(psycopg.Error):
            connection.rollback()
            ledger.close_run(
                connection,
                self.number,
                result="interrupted" if isinstance(error, Interrupted) else "failed",
                exit_code=error.exit_code,
                summary={
                    "error": error.documented_class,
                    "migrations": list(self.migrated.applied) if self.migrated else [],
                },
                revisions=(self.migrated.before, self.migrated.after) if self.migrated else None,
            )


def _import_what_seeds() -> None:
    """Import what the rest of a run needs, while it waits for the server."""
    import structlog

    from seeder.database.applying import seed, transaction
    from seeder.database.migrations import migrate

    del structlog, migrate, seed, transaction
