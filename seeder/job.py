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
from seeder.errors import (
    ConfigurationInvalid,
    Interrupted,
    MigrationFailed,
    PlanStale,
    SeederError,
    SeedingFailed,
)
from seeder.log import Log
from seeder.merge.model import Catalog, Mode
from seeder.merge.plan import Plan, SetDecision, SetOutcome
from seeder.merge.plan_document import shortened, to_document
from seeder.merge.result import RequestOutcome, Result, RunResult
from seeder.opening import connected, locked, read_catalog, require_same_class, target_of
from seeder.planning import (
    Choice,
    Planner,
    pending_plan,
    read_plan,
    require_kept,
    require_migrated,
    require_same_image,
)
from seeder.settings import Settings
from seeder.signals import alarm

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
        except (SeederError, Interrupted) as error:
            error.facts.setdefault("phases", dict(job.phases))
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seeding:
    """What the seeding of a run works on."""

    connection: Connection
    ledger: Ledger
    catalog: Catalog
    graph: RevisionGraph
    migrated: MigrationOutcome
    fingerprint: str
    shown: Plan | None
    """The plan that the run was given."""


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
            shown = None if settings.plan is None else read_plan(settings.plan)
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
            if shown is not None:
                require_same_image(shown, catalog, graph)
        with self.phase("wait"):
            connection = stack.enter_context(
                connected(settings, target, log=self.log, deadline=self.deadline, clock=self.clock)
            )
        with self.phase("lock"):
            ledger = locked(
                settings, connection, log=self.log, deadline=self.deadline, clock=self.clock
            )
            if self.open_ledger(connection, ledger, catalog) is None:
                return self.left_alone(catalog, "its ledger is of a newer seeder")
        try:
            with self.working("migrate", otherwise=MigrationFailed):
                if shown is not None:
                    require_migrated(shown, connection, catalog)
                migrated = self.migrate(connection, ledger, catalog, target)
            if migrated.state.value == "older_image":
                result = self.left_alone(catalog, "its migrations are ahead of this image")
                self.close(connection, ledger, result, migrated)
                return result
            with self.working("seed", otherwise=SeedingFailed):
                given = _Seeding(
                    connection=connection,
                    ledger=ledger,
                    catalog=catalog,
                    graph=graph,
                    migrated=migrated,
                    fingerprint=fingerprint,
                    shown=shown,
                )
                return self.seed(given)
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

    @contextmanager
    def working(self, name: str, *, otherwise: type[SeederError]) -> Iterator[None]:
        """A phase that the deadline breaks into, whatever statement is running."""
        from seeder.database.failures import translated

        with (
            self.phase(name),
            translated(
                doing={"migrate": "migrating", "seed": "seeding"}[name], otherwise=otherwise
            ),
            alarm(self.deadline - self.clock()),
        ):
            yield

    # -- before the lock ----------------------------------------------------------------

    def fingerprint(self) -> str:
        """What this image is, as one text: version, environment, bytes of the project."""
        settings = self.settings
        return f"{seeder.__version__} {settings.environment} {fingerprint_of(settings.project)}"

    def is_unchanged(self, target: Target, fingerprint: str) -> bool:
        """Ask the database once, without patience: whatever fails, the run will meet again."""
        import psycopg

        from seeder.database.connect import connect
        from seeder.database.unchanged import is_unchanged

        settings = self.settings
        if settings.mode is not Mode.AUTO or settings.plan is not None:
            return False
        try:
            connection = connect(target, timeout=min(3.0, settings.wait_timeout))
        except SeederError:
            return False
        with suppress(psycopg.Error), connection:
            return is_unchanged(
                connection,
                schema=settings.schema,
                fingerprint=fingerprint,
                environ=settings.environ,
            )
        return False

    # -- under the lock -----------------------------------------------------------------

    def open_ledger(self, connection: Connection, ledger: Ledger, catalog: Catalog) -> Meta | None:
        """Create or read the ledger, check the marker, record that a run has started.

        None: the ledger is of a newer seeder, which this one must leave alone.
        """
        from seeder.database.failures import translated

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

        def restore() -> None:
            session.restore(
                connection,
                lock_key=key,
                lock_timeout=self.settings.ddl_lock_timeout,
                role=self.settings.set_role,
            )

        try:
            migrated = upgrade(
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
        except SeederError:
            # For the record of the failure alone, which is the one to be told.
            with suppress(SeederError):
                restore()
            raise
        restore()
        return migrated

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

    def seed(self, given: _Seeding) -> RunResult:
        """Everything that is seeded, with its records, in one transaction."""
        from seeder.database.transaction import in_transaction

        def attempt(refused: frozenset[str] = frozenset()) -> RunResult:
            return in_transaction(
                given.connection,
                lambda: self.seed_once(given, refused=refused),
                log=self.log,
                doing="seeding",
                deadline=self.deadline,
                clock=self.clock,
            )

        try:
            result = attempt()
        except PlanStale as error:
            if given.shown is not None:
                raise
            # An approval that cannot be kept to any more must not fail an ordinary deploy.
            result = attempt(frozenset({str(error.facts.get("plan"))}))
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

    def seed_once(self, given: _Seeding, *, refused: frozenset[str]) -> RunResult:
        """Decide the mode, seed, run the tasks, record it; in the caller's transaction.

        `refused` are approved plans that failed to hold while they were applied.
        """
        from seeder.database.seed import seed
        from seeder.database.transaction import TaskOrders, run_tasks

        connection, ledger, catalog = given.connection, given.ledger, given.catalog
        planner = Planner.read(
            self.settings, connection, ledger, catalog, given.graph, migrated=True, rows=0
        )
        if given.shown is not None:
            choice = planner.keep_to(given.shown)
        else:
            choice = planner.choose(self.settings.mode, refused=refused)
        outcomes: tuple[SetOutcome, ...] = ()
        ran: tuple[str, ...] = ()
        warnings: tuple[str, ...] = ()
        if choice.mode is not Mode.NONE:
            outcomes, warnings = seed(
                connection, ledger, catalog, planner.orders(choice), run=self.number
            )
            if choice.plan is not None:
                require_kept(choice.plan, outcomes)
            ran = run_tasks(
                connection,
                ledger,
                catalog.tasks,
                TaskOrders(
                    run_them=choice.mode in (Mode.UPDATE, Mode.REFRESH), baseline=planner.launches
                ),
                run=self.number,
                log=self.log,
            )
        requests, overtaken = self.settle_requests(given, choice)
        ledger.record_revisions(connection, given.graph.revisions, run=self.number)
        waits: tuple[str | None, tuple[str, ...]] = None, ()
        if choice.mode is not Mode.NONE:
            self.complete(given, planner, choice, outcomes)
            waits = self.store_pending_plan(given, choice, outcomes)
        result = self.result(
            catalog,
            choice.mode,
            outcomes,
            ran,
            given.migrated,
            requests,
            (*overtaken, *warnings, *waits[1]),
            pending_plan=waits[0],
        )
        self.close(connection, ledger, result, given.migrated)
        return result

    def settle_requests(
        self, given: _Seeding, choice: Choice
    ) -> tuple[tuple[RequestOutcome, ...], tuple[str, ...]]:
        """Say of every open request whether this run has applied or overtaken it."""
        from seeder.database.requests import settle

        updated = choice.mode in (Mode.UPDATE, Mode.REFRESH)
        ordinary = self.settings.mode is Mode.AUTO and given.shown is None
        requests = settle(
            given.connection,
            given.ledger,
            applied=choice.plan.id if choice.plan is not None else None,
            stale=updated or ordinary,
            run=self.number,
        )
        why = choice.stale or "another update came first"
        warnings = (
            f"Request {each.id} of {each.actor} is stale: {why}."
            for each in requests
            if each.state == "stale"
        )
        return requests, tuple(warnings)

    def complete(
        self,
        given: _Seeding,
        planner: Planner,
        choice: Choice,
        outcomes: tuple[SetOutcome, ...],
    ) -> None:
        """Record the release, once nothing is left unadopted, and what the run ran on."""
        from seeder.database.migrate import current
        from seeder.database.unchanged import env_digest

        connection, ledger, catalog = given.connection, given.ledger, given.catalog
        whole = not any(each.decision is SetDecision.UNADOPTED for each in outcomes)
        updated = choice.mode in (Mode.UPDATE, Mode.REFRESH)
        if catalog.release is not None and whole and (updated or planner.launches):
            ledger.record_release(connection, catalog.release, run=self.number)
        # After a run in mode init by hand, the next deploy may still have an update to do.
        done = updated or planner.decide(Mode.AUTO).mode is choice.mode
        ledger.complete(
            connection,
            self.number,
            fingerprint=given.fingerprint if done and mode_covers_all(catalog) else "",
            env_names=catalog.env_names,
            env_digest=env_digest(catalog.env_names, self.settings.environ),
            version_table=version_table_of(connection, catalog),
            revisions=current(connection, catalog.migrations),
        )

    def store_pending_plan(
        self, given: _Seeding, choice: Choice, outcomes: tuple[SetOutcome, ...]
    ) -> tuple[str | None, tuple[str, ...]]:
        """Keep the plan of the update that waits, for people to look at and approve.

        Returns its id, if there is one, and warnings.
        """
        from seeder.database.requests import tasks_wait

        connection, ledger = given.connection, given.ledger
        plan: Plan | None = None
        refusal = None
        waiting = (SetDecision.UNADOPTED, SetDecision.PENDING)
        if any(each.decision in waiting for each in outcomes) or (
            choice.mode is Mode.INIT and tasks_wait(connection, ledger, given.catalog.tasks)
        ):
            plan, refusal = pending_plan(
                self.settings, connection, ledger, given.catalog, given.graph
            )
        if plan is None:
            ledger.store_plan(connection, None, {}, run=self.number)
            told = () if refusal is None else (f"The update that waits is refused: {refusal}",)
            return None, told
        ledger.store_plan(connection, plan.id, to_document(shortened(plan)), run=self.number)
        return plan.id, ()

    def result(
        self,
        catalog: Catalog,
        mode: Mode,
        outcomes: tuple[SetOutcome, ...],
        ran: tuple[str, ...],
        migrated: MigrationOutcome,
        requests: tuple[RequestOutcome, ...],
        warnings: tuple[str, ...],
        *,
        pending_plan: str | None,
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
            pending_plan=pending_plan,
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
        return (
            "The catalog has changes that wait for an update: name a new release in seeder.toml,"
            " or look at `seeder plan --mode update` and approve it."
        )
    return None
