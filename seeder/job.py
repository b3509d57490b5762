"""The job: unchanged? - catalog - wait - lock - migrate - check - seed - report.

`run` reads from top to bottom as that line. What may fail raises a SeederError, whose class
says the exit code; "nothing to do" is a result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import seeder
from seeder.catalog import fingerprint as fingerprint_of
from seeder.environ import as_set
from seeder.errors import ConfigurationInvalid, Interrupted, SeederError
from seeder.log import Log
from seeder.merge.model import Catalog, Mode, is_disposable
from seeder.merge.plan import SetDecision, SetOutcome
from seeder.merge.result import RequestOutcome, Result, RunResult
from seeder.opening import connected, locked, read_catalog, require_same_class, target_of
from seeder.settings import Settings

if TYPE_CHECKING:
    from seeder.database.connect import Connection
    from seeder.database.ledger import Ledger, Meta
    from seeder.database.migrate import MigrationOutcome
    from seeder.database.revisions import RevisionGraph
    from seeder.database.target import Target


def run(settings: Settings, *, log: Log, clock: Callable[[], float] = time.monotonic) -> RunResult:
    """Run the job once.

    Raises SeederError; nothing is seeded then, and migrations that were applied stay.
    """
    job = _Job(settings=settings, log=log, clock=clock)
    log.info("run.started", version=seeder.__version__, mode=settings.mode, project=job.project)
    with ExitStack() as stack:
        try:
            return job.run(stack)
        except SeederError as error:
            error.facts.setdefault("phases", dict(job.phases))
            raise


@dataclass(slots=True, kw_only=True)
class _Job:
    """One run while it goes on."""

    settings: Settings
    log: Log
    clock: Callable[[], float]
    phases: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    deadline: float = 0.0
    number: int = 0

    @property
    def project(self) -> str:
        return self.settings.project.name

    def run(self, stack: ExitStack) -> RunResult:
        settings = self.settings
        self.deadline = self.clock() + settings.deadline
        with self.phase("start"):
            target = stack.enter_context(target_of(self.settings))
            fingerprint = self.fingerprint()
        with self.phase("unchanged"):
            if self.is_unchanged(target, fingerprint):
                self.log.info("run.unchanged")
                return RunResult(
                    result=Result.NOTHING_TO_DO,
                    environment=self.settings.environment,
                    phases=self.phases,
                )
        with self.phase("catalog"):
            catalog, graph = read_catalog(self.settings)
            self.log.info("catalog.read", sets=len(catalog.sets), release=catalog.release)
        with self.phase("wait"):
            connection = stack.enter_context(
                connected(settings, target, log=self.log, deadline=self.deadline, clock=self.clock)
            )
        with self.phase("lock"):
            ledger = locked(
                settings, connection, log=self.log, deadline=self.deadline, clock=self.clock
            )
            meta = self.open_ledger(connection, ledger, catalog)
            if meta is None:
                return self.left_alone(catalog, "its ledger is of a newer seeder")
        try:
            with self.phase("migrate"):
                migrated = self.migrate(connection, ledger, catalog, target)
            if migrated.state.value == "older_image":
                result = self.left_alone(catalog, "its migrations are ahead of this image")
                self.close(connection, ledger, result, migrated)
                return result
            with self.phase("seed"):
                return self.seed(connection, ledger, catalog, graph, meta, migrated, fingerprint)
        except (SeederError, Interrupted) as error:
            self.record_failure(connection, ledger, error)
            raise

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure a phase, in seconds."""
        started = self.clock()
        try:
            yield
        finally:
            self.phases[name] = round(self.clock() - started, 3)

    # -- before the lock ----------------------------------------------------------------

    def fingerprint(self) -> str:
        """What this image is, as one text: version, environment, bytes of the project."""
        settings = self.settings
        return f"{seeder.__version__} {settings.environment} {fingerprint_of(settings.project)}"

    def is_unchanged(self, target: Target, fingerprint: str) -> bool:
        """Ask the database once, without patience: whatever fails, the run will meet again."""
        from seeder.database.connect import connect
        from seeder.database.unchanged import is_unchanged

        settings = self.settings
        if settings.mode is not Mode.AUTO or settings.plan is not None:
            return False
        try:
            connection = connect(target, timeout=min(3.0, settings.wait_timeout))
        except SeederError:
            return False
        with connection:
            return is_unchanged(
                connection,
                schema=settings.schema,
                fingerprint=fingerprint,
                environ=settings.environ,
            )

    # -- under the lock -----------------------------------------------------------------

    def open_ledger(self, connection: Connection, ledger: Ledger, catalog: Catalog) -> Meta | None:
        """Create or read the ledger, check the marker, record that a run has started.

        None: the ledger is of a newer seeder, which this one must leave alone.
        """
        from seeder.database.failures import translated
        from seeder.errors import SeedingFailed

        with translated(doing="opening the ledger", otherwise=SeedingFailed):
            with connection.transaction():
                if not ledger.exists(connection):
                    ledger.create(connection, environment=self.settings.environment)
                    self.log.info("ledger.created", schema=ledger.schema)
                meta = ledger.meta(connection)
                assert meta is not None  # noqa: S101  # just created
                if not meta.readable:
                    return None
                require_same_class(meta.environment, self.settings)
                self.number = ledger.open_run(
                    connection,
                    version=seeder.__version__,
                    mode=self.settings.mode.value,
                    environment=meta.environment,
                    release=catalog.release,
                )
                if meta.first_run is None:
                    ledger.remember_tables(connection)
            return ledger.meta(connection)

    def migrate(
        self, connection: Connection, ledger: Ledger, catalog: Catalog, target: Target
    ) -> MigrationOutcome:
        """Bring the schema to this image's head and the session back to order."""
        from seeder.database import lock, session
        from seeder.database.migrate import upgrade

        key = lock.key_of(self.settings.schema)
        try:
            return upgrade(
                connection,
                catalog.migrations,
                project=catalog.project,
                lock_key=key,
                ddl_lock_timeout=self.settings.ddl_lock_timeout,
                known_revisions=ledger.revisions(connection),
                environment=self.child_environment(target),
                log=self.log,
                deadline=self.deadline,
                clock=self.clock,
            )
        finally:
            if not connection.closed:
                session.restore(
                    connection,
                    lock_key=key,
                    lock_timeout=self.settings.ddl_lock_timeout,
                    role=self.settings.set_role,
                )

    def child_environment(self, target: Target) -> Mapping[str, str]:
        """The environment of a migration command: ours, and the database it is to migrate.

        Where DATABASE_URL names that database it stays as it is, `+driver` and all. Beside
        SEEDER_DATABASE_URL or --embedded it may name another one, the application's.
        """
        environ = as_set(self.settings.environ)
        with suppress(ConfigurationInvalid):
            if type(target).parse(environ.get("DATABASE_URL", "")) == target:
                return environ
        return {**environ, "DATABASE_URL": target.text}

    def seed(
        self,
        connection: Connection,
        ledger: Ledger,
        catalog: Catalog,
        graph: RevisionGraph,
        meta: Meta,
        migrated: MigrationOutcome,
        fingerprint: str,
    ) -> RunResult:
        """Everything that is seeded, with its records, in one transaction."""
        from seeder.database.migrate import current
        from seeder.database.prepare import Orders
        from seeder.database.seed import seed
        from seeder.database.transaction import TaskOrders, in_transaction, run_tasks
        from seeder.database.unchanged import env_digest

        def work() -> RunResult:
            mode, requests = self.decide(connection, ledger, catalog, meta)
            outcomes: tuple[SetOutcome, ...] = ()
            ran: tuple[str, ...] = ()
            warnings: tuple[str, ...] = ()
            if mode is not Mode.NONE:
                orders = Orders(
                    mode=mode,
                    adopt=self.settings.mode is Mode.UPDATE,
                    allow_missing=frozenset(self.settings.allow_missing),
                    created=frozenset(meta.tables_before)
                    if meta.tables_before is not None
                    else None,
                )
                outcomes, warnings = seed(connection, ledger, catalog, orders, run=self.number)
                ran = run_tasks(
                    connection,
                    ledger,
                    catalog.tasks,
                    TaskOrders(
                        run_them=mode in (Mode.UPDATE, Mode.REFRESH),
                        baseline=meta.first_run is None,
                    ),
                    run=self.number,
                    log=self.log,
                )
            result = self.result(catalog, mode, outcomes, ran, migrated, requests, warnings)
            self.settle(connection, ledger, catalog, graph, result)
            if mode is not Mode.NONE:
                ledger.complete(
                    connection,
                    self.number,
                    fingerprint=fingerprint if mode_covers_all(catalog) else "",
                    env_names=catalog.env_names,
                    env_digest=env_digest(catalog.env_names, self.settings.environ),
                    version_table=version_table_of(connection, catalog),
                    revisions=current(connection, catalog.migrations),
                )
            self.close(connection, ledger, result, migrated)
            return result

        result = in_transaction(
            connection,
            work,
            log=self.log,
            doing="seeding",
            deadline=self.deadline,
            clock=self.clock,
        )
        for outcome in result.sets:
            if outcome.counts or outcome.decision is SetDecision.UNADOPTED:
                self.log.info(
                    "set.applied",
                    set=outcome.name,
                    decision=outcome.decision.value,
                    **outcome.counts,
                )
        for warning in result.warnings:
            self.log.warning("run.warned", message=warning)
        return result

    def decide(
        self, connection: Connection, ledger: Ledger, catalog: Catalog, meta: Meta
    ) -> tuple[Mode, tuple[RequestOutcome, ...]]:
        """The mode of this run on this database, from what is known under the lock."""
        asked = self.settings.mode
        if asked is Mode.REFRESH and not is_disposable(meta.environment):
            raise ConfigurationInvalid(
                f"Mode refresh rewrites every seeded row, and this database is marked"
                f" {meta.environment}.",
                hint="Refresh is for databases marked dev or test.",
            )
        if asked is not Mode.AUTO:
            return asked, ()
        if is_disposable(meta.environment):
            return Mode.UPDATE, ()
        if catalog.release is not None and catalog.release not in ledger.releases(connection):
            return Mode.UPDATE, ()
        return Mode.INIT, ()

    def settle(
        self,
        connection: Connection,
        ledger: Ledger,
        catalog: Catalog,
        graph: RevisionGraph,
        result: RunResult,
    ) -> None:
        """Record the revision graph and, once nothing is left unadopted, the release."""
        ledger.record_revisions(connection, graph.revisions, run=self.number)
        whole = not any(each.decision is SetDecision.UNADOPTED for each in result.sets)
        updated = result.mode in (Mode.UPDATE, Mode.REFRESH)
        first = ledger.meta(connection)
        launched = first is not None and first.first_run is None
        if catalog.release is not None and whole and (updated or launched):
            ledger.record_release(connection, catalog.release, run=self.number)

    def result(
        self,
        catalog: Catalog,
        mode: Mode,
        outcomes: tuple[SetOutcome, ...],
        ran: tuple[str, ...],
        migrated: MigrationOutcome,
        requests: tuple[RequestOutcome, ...],
        warnings: tuple[str, ...],
    ) -> RunResult:
        """What this run did, as every report of it says it."""
        counts: dict[str, int] = {}
        for outcome in outcomes:
            for name, number in outcome.counts.items():
                counts[name] = counts.get(name, 0) + number
        for decision in (SetDecision.UNADOPTED, SetDecision.PENDING):
            number = sum(each.decision is decision for each in outcomes)
            if number:
                counts[decision.value] = number
        idle = {"keep", "skip", "conflicts", "unadopted", "pending"}
        did = bool(migrated.applied or ran or set(counts) - idle)
        return RunResult(
            result=Result.DONE if did else Result.NOTHING_TO_DO,
            mode=mode,
            release=catalog.release,
            environment=catalog.environment,
            sets=outcomes,
            migrations=migrated.applied,
            revision_before=migrated.before,
            revision_after=migrated.after,
            tasks=ran,
            requests=requests,
            warnings=(*self.warnings, *warnings, *catalog.warnings),
            phases=self.phases,
            counts=counts,
            run_id=self.number,
            hint=_hint(counts),
        )

    # -- endings ------------------------------------------------------------------------

    def left_alone(self, catalog: Catalog, why: str) -> RunResult:
        """An older image: neither migrate nor seed, and do not fail the deploy."""
        warning = f"The database was left alone: {why}."
        self.log.warning("run.older_image", message=warning)
        return RunResult(
            result=Result.OLDER_IMAGE,
            release=catalog.release,
            environment=self.settings.environment,
            warnings=(warning,),
            phases=self.phases,
            run_id=self.number or None,
        )

    def close(
        self,
        connection: Connection,
        ledger: Ledger,
        result: RunResult,
        migrated: MigrationOutcome,
    ) -> None:
        """Record how the run ended, in the caller's transaction."""
        ledger.close_run(
            connection,
            self.number,
            result=result.result.value,
            exit_code=result.exit_code,
            mode=result.mode.value if result.mode else None,
            counts=result.counts,
            summary={
                "sets": [
                    {"name": each.name, "decision": each.decision.value, **each.counts}
                    for each in result.sets
                ],
                "tasks": list(result.tasks),
                "migrations": list(result.migrations),
                "warnings": list(result.warnings),
            },
            revisions=(migrated.before, migrated.after),
        )

    def record_failure(
        self, connection: Connection, ledger: Ledger, error: SeederError | Interrupted
    ) -> None:
        """Leave a trace of the failure, where the connection still takes one."""
        import psycopg

        if connection.closed or not self.number:
            return
        with suppress(psycopg.Error):
            connection.rollback()
            ledger.close_run(
                connection,
                self.number,
                result="interrupted" if isinstance(error, Interrupted) else "failed",
                exit_code=error.exit_code,
                summary={"error": type(error).__name__},
            )


def mode_covers_all(catalog: Catalog) -> bool:
    """Whether an equal fingerprint proves that nothing has changed."""
    migrations = catalog.migrations
    return migrations.command is None or bool(migrations.command_digest)


def version_table_of(connection: Connection, catalog: Catalog) -> str | None:
    """The version table's qualified, quoted name; None where there is none."""
    migrations = catalog.migrations
    if migrations.none:
        return None
    row = connection.execute(
        "SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)",
        [
            f'"{migrations.version_table_schema}"."{migrations.version_table}"'
            if migrations.version_table_schema
            else f'"{migrations.version_table}"'
        ],
    ).fetchone()
    return None if row is None else str(row[0])


def _hint(counts: Mapping[str, int]) -> str | None:
    if counts.get(SetDecision.UNADOPTED.value):
        return (
            "Some tables had rows before seeder: `seeder plan --mode update` shows what adopting"
            " them means, `seeder run --mode update` does it."
        )
    if counts.get("conflicts"):
        return "Some rows changed both here and in the catalog: see `seeder status`."
    if counts.get(SetDecision.PENDING.value):
        return "The catalog has changes that wait for an update: name a new release in seeder.toml."
    return None
