"""What a run would do: the plan, made as the run decides and without writing.

The job makes plans as well, under its lock: of a plan that it was given or that somebody has
approved, to see whether it still holds, and of the update that waits after a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict, replace

from seeder.configuration.settings import Settings
from seeder.errors import ConfigurationInvalid, DatabaseUnavailable, SeedingFailed
from seeder.merge.mode import ModeDecision, ModeFacts, decide_mode
from seeder.merge.model import Catalog, Mode
from seeder.merge.plan import Plan
from seeder.merge.plan_id import plan_id
from seeder.merge.release_order import Brought, ReleaseOrder
from seeder.phases.opening import (
    image_of,
    opened,
    read_catalog,
    require_same_environment,
)
from seeder.phases.shown_plan import require_same
from seeder.runtime.log import Log
from seeder.runtime.progress import Progress

if TYPE_CHECKING:
    from seeder.database.connection.connect import Connection
    from seeder.database.ledger.tables.ledger import Ledger, Meta
    from seeder.database.migrations.revisions import RevisionGraph
    from seeder.database.staging.context import Orders

_REPORTED = 1_000
"""Rows of a set that a run's report shows."""


def plan(settings: Settings, *, log: Log) -> Plan:
    """Say what `seeder run` would do now; takes no lock and writes nothing.

    Needs a role that may read, and create temporary tables. Raises what the run would raise.
    """
    from seeder.database.connection import pooler
    from seeder.database.connection.answers import answer
    from seeder.database.connection.failures import translated
    from seeder.database.ledger.runs.conflicts import left_open
    from seeder.database.ledger.tables import projects
    from seeder.database.ledger.tables.ledger import Ledger

    catalog, graph = read_catalog(settings)
    ledger = Ledger(schema=settings.schema)
    with opened(settings, log=log, writable=False) as (connection, target, _):
        if answer(connection, "SELECT pg_is_in_recovery()"):
            raise DatabaseUnavailable(
                "The server is a standby, where not even temporary tables can be made.",
                hint="Plan on the primary.",
                code="database-read-only",
            )
        # The form of values depends on settings of the session, which a pooler may change.
        pooler.require_direct(connection, target)
        progress = Progress(log)
        with translated(doing="planning", otherwise=SeedingFailed), progress.followed():
            ledger = projects.opened(connection, ledger, image_of(catalog, graph))
            with connection.transaction(force_rollback=True):
                # A role may be read-only by default, and a temporary table is a write to Postgres.
                connection.execute("SET TRANSACTION READ WRITE")
                planner = Planner.read(settings, connection, ledger, catalog, graph)
                planner = replace(planner, progress=progress)
                if planner.left_alone is not None:
                    found = planner.nothing(planner.left_alone)
                else:
                    chosen = planner.choose(settings.mode).plan
                    found = chosen or planner.draft(planner.decide(settings.mode))
            if planner.meta is None or not planner.meta.readable:
                return found
            rows = left_open(connection, ledger)
            return replace(found, standing=rows.conflicts, skipped=rows.skipped)


class Choice(ModeDecision, frozen=True, kw_only=True):
    """What a run on this database is to do, before any set is looked at."""

    plan: Plan | None = None
    """The plan that was given or approved, made again: the run keeps to it."""
    stale: str | None = None
    """Why open requests do not hold, where there are any; None where they do."""


class Planner(Struct, frozen=True, kw_only=True):
    """What is known about a database and an image, in the caller's transaction."""

    settings: Settings
    connection: Connection
    ledger: Ledger
    catalog: Catalog
    heads: tuple[str, ...]
    revisions: tuple[str, ...]
    migrations: tuple[str, ...]
    """Pending ones."""
    may_migrate: bool
    """Migrations are pending, or may be: those of a command cannot be told."""
    meta: Meta | None
    left_alone: str | None
    """Why this image would leave the database as it is; None: it would not."""
    edited: tuple[str, ...] = ()
    """What was changed in revisions that are applied here, as warnings."""
    order: ReleaseOrder | None = None
    """The releases of this database and the catalog's; None where that names none."""
    lost: tuple[Brought, ...] = ()
    """What an update would take back of releases that the catalog's does not build on."""
    rows: int | None = None
    """How many rows of a set a plan names; None: all."""
    progress: Progress | None = None
    """Where to tell how far a plan is, if anywhere."""

    @classmethod
    def read(
        cls,
        settings: Settings,
        connection: Connection,
        ledger: Ledger,
        catalog: Catalog,
        graph: RevisionGraph,
        *,
        migrated: bool = False,
        rows: int | None = None,
    ) -> Planner:
        """Read what decides; `migrated` says that the migrations are behind."""
        from seeder.database.ledger.runs.releases import read_order, taken_back
        from seeder.database.migrations.lineage import Lineage, MigrationState
        from seeder.database.migrations.version_table import current

        meta = ledger.meta(connection)
        left_alone = None
        edited: tuple[str, ...] = ()
        revisions = current(connection, catalog.migrations)
        by_command = catalog.migrations.command is not None
        if meta is not None and not meta.readable:
            left_alone = "its ledger is of a newer seeder"
        elif catalog.migrations.alembic is not None:
            known = {} if meta is None else ledger.revisions(connection)
            standing = Lineage(revisions, graph, known=known).standing()
            if standing.state is MigrationState.OLDER_IMAGE:
                left_alone = "its migrations are ahead of this image"
            edited = standing.warnings
        if meta is not None:
            require_same_environment(meta.environment, settings)
        pending = () if by_command or left_alone else graph.pending(revisions)
        order: ReleaseOrder | None = None
        lost: tuple[Brought, ...] = ()
        if catalog.release is not None and meta is not None and not left_alone:
            order = read_order(connection, ledger, catalog.release, catalog.supersedes)
            lost = taken_back(connection, ledger, order, catalog)
        return cls(
            settings=settings,
            connection=connection,
            ledger=ledger,
            catalog=catalog,
            heads=graph.heads,
            revisions=revisions,
            migrations=pending,
            may_migrate=not migrated and bool(pending or by_command),
            meta=meta,
            left_alone=left_alone,
            edited=edited,
            order=order,
            lost=lost,
            rows=rows,
        )

    @property
    def launches(self) -> bool:
        """Whether no run has ever completed here."""
        return self.meta is None or self.meta.first_run is None

    def decide(self, asked: Mode, *, approved: bool = False) -> ModeDecision:
        """Decide the mode from the facts in the database."""
        return decide_mode(
            ModeFacts(
                asked=asked,
                environment=self.settings.environment,
                release=self.catalog.release,
                applied=self.order.here if self.order else frozenset(),
                approved=approved,
                takes_back={each.set: each.release for each in self.lost},
            )
        )

    def choose(self, asked: Mode, *, refused: frozenset[str] = frozenset()) -> Choice:
        """Decide the mode, open requests included; `refused` are plans that failed to hold."""
        approved, stale = None, None
        requests = () if self.meta is None else self.ledger.open_requests(self.connection)
        if requests and asked in (Mode.AUTO, Mode.UPDATE):
            wanted = {request.plan_id for request in requests} - refused
            stale = "what it would change is not what it was when the plan was approved"
            try:
                now = self.draft(self.decide(Mode.UPDATE)) if wanted else None
            except (SeedingFailed, ConfigurationInvalid) as error:
                now, stale = None, error.message
            if now is not None and now.id in wanted:
                approved, stale = now, None
        decision = self.decide(asked, approved=approved is not None)
        if approved is not None:
            approved = replace(approved, reason=decision.reason)
        return Choice(**asdict(decision), plan=approved, stale=stale)

    def keep_to(self, shown: Plan) -> Choice:
        """Make a plan again, in its own mode; raises PlanStale where it is another by now."""
        decision = replace(self.decide(shown.mode), reason="the given plan", adopt=shown.adopt)
        now = self.draft(decision)
        require_same(shown, now)
        return Choice(mode=now.mode, reason=now.reason, adopt=now.adopt, plan=now)

    def orders(self, decision: ModeDecision) -> Orders:
        """What the sets are to be told."""
        from seeder.database.staging.context import Orders

        return Orders(
            mode=decision.mode,
            adopt=decision.adopt,
            allow_missing=frozenset(self.settings.allow_missing),
            created=self.meta.tables_before if self.meta else None,
            migrations_pending=self.may_migrate,
            reported=_REPORTED if self.settings.report else 0,
        )

    def draft(self, decision: ModeDecision) -> Plan:
        """Plan a run of that mode; temporary tables are gone again afterwards."""
        from seeder.database.applying.survey import survey

        draft = self.nothing(decision.reason)
        draft = replace(draft, mode=decision.mode, adopt=decision.adopt)
        if decision.mode is not Mode.NONE:
            sets, warnings = survey(
                self.connection,
                self.ledger,
                self.catalog,
                self.orders(decision),
                limit=self.rows,
                progress=self.progress,
            )
            awaits = any(each.decision.value == "awaiting-table" for each in sets)
            draft = replace(
                draft,
                sets=sets,
                tasks=self._tasks(decision.mode),
                warnings=(
                    *self.edited,
                    *([decision.warning] if decision.warning else []),
                    *warnings,
                    *self.catalog.warnings,
                ),
                provisional=bool(self.migrations) or awaits,
            )
        return replace(draft, id=plan_id(draft))

    def nothing(self, reason: str) -> Plan:
        """A plan to seed nothing."""
        empty = Plan(
            id="",
            mode=Mode.NONE,
            reason=reason,
            release=self.catalog.release,
            environment=self.catalog.environment,
            catalog=self.catalog.digest,
            revisions=self.revisions,
            heads=self.heads,
            provisional=bool(self.migrations),
            migrations=self.migrations,
        )
        return replace(empty, id=plan_id(empty))

    def _tasks(self, mode: Mode) -> tuple[str, ...]:
        from seeder.database.applying.transaction import require_unedited

        if self.launches:
            return ()  # a launch records them as its baseline
        if mode not in (Mode.UPDATE, Mode.REFRESH):
            return ()
        behind = self.ledger.tasks(self.connection)
        require_unedited(self.catalog.tasks, behind)
        return tuple(task.name for task in self.catalog.tasks if task.name not in behind)
