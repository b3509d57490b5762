"""Bring the schema to this image's revision, or say why not.

Alembic and SQLAlchemy are imported only where a migration runs: together they take longer to
import than an unchanged deploy takes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

from msgspec import Struct

from seeder.database.connection.connect import Connection
from seeder.database.connection.failures import translated
from seeder.database.migrations.invalid_indexes import invalid_indexes
from seeder.database.migrations.lineage import KnownRevision, Lineage, MigrationState
from seeder.database.migrations.migration_command import run_command
from seeder.database.migrations.progress import Progress, Upgrade
from seeder.database.migrations.revisions import RevisionGraph, read_graph
from seeder.database.migrations.version_table import create_schema, current
from seeder.errors import (
    ConnectionLost,
    DeadlineExceeded,
    MigrationFailed,
    MigrationPartial,
    SeederError,
)
from seeder.merge.model import Migrations
from seeder.runtime.log import Log

_MOST_RETRIES = 100
_LONGEST_PAUSE = 10.0


class MigrationOutcome(Struct, frozen=True, kw_only=True):
    """What a run's migrations did."""

    state: MigrationState
    before: tuple[str, ...] = ()
    """Revisions in the version table."""
    after: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()
    """Revisions applied by this run, in order; empty for a command without Alembic."""
    warnings: tuple[str, ...] = ()


def upgrade(
    connection: Connection,
    migrations: Migrations,
    *,
    project: Path,
    lock_key: int,
    log: Log,
    graph: RevisionGraph | None = None,
    ddl_lock_timeout: float = 5.0,
    known: Mapping[str, KnownRevision] | None = None,
    remember: Callable[[Mapping[str, KnownRevision]], None] = lambda _: None,
    about_to_apply: Callable[[], object] = lambda: None,
    stops: Collection[str] = (),
    behind: Callable[[frozenset[str]], None] = lambda _: None,
    environment: Mapping[str, str] | None = None,
    deadline: float | None = None,
) -> MigrationOutcome:
    """Apply what this image has and the database lacks; the caller holds the advisory lock.

    `project` and `environment` are for migrations by command: its directory and variables
    (None: this process' own). `graph` is of the project's revisions, where they were read
    already. `known` is what earlier images recorded of their revisions; `remember` gets what is
    to be known from now on, before anything is applied: should it stop half-way, an older image
    still finds its way. `about_to_apply` is called before anything is applied, as far as that can
    be told. `behind` is called with all revisions that are applied, in no transaction, right
    behind each of the `stops` and before anything else is applied; what it raises ends the
    migrations there. Call `session.restore` afterwards, whatever the outcome.

    Raises MigrationsInvalid, RevisionUnknown, MigrationFailed (what was applied before it
    stays), MigrationPartial while an invalid index is there, RetriesExhausted,
    ConnectionLost, AccessDenied and DeadlineExceeded.
    """
    if migrations.none:
        return MigrationOutcome(state=MigrationState.NONE)
    before = current(connection, migrations)
    told = _Told(connection, migrations, log, before)
    if migrations.command is not None:
        about_to_apply()
        with told.how_far():
            run_command(
                connection,
                migrations.command,
                project=project,
                lock_key=lock_key,
                log=log,
                look=told.look,
                environment=environment,
                deadline=deadline,
            )
        told.look()
        _require_valid_indexes(connection)
        return _outcome(before, current(connection, migrations), ())

    if graph is None:
        graph = read_graph(migrations)
    lineage = Lineage(before, graph, known=known or {})
    standing = lineage.standing()
    if standing.state is MigrationState.OLDER_IMAGE:
        log.warning("migration.older_image", database=before, image=graph.heads)
        return MigrationOutcome(state=standing.state, before=before, after=before)
    remember(lineage.news())
    applied: tuple[str, ...] = ()
    if standing.state is MigrationState.UPGRADED:
        about_to_apply()
        done = graph.ancestors(before)
        pending = graph.pending(before)
        progress = Progress()
        if done.intersection(stops):
            behind(done)
        # Without a stop, all pending revisions run together.
        for target in (*(each for each in pending if each in stops), migrations.target):
            work = Upgrade(
                connection=connection,
                migrations=replace(migrations, target=target),
                graph=graph,
                progress=progress,
                lock_key=lock_key,
                ddl_lock_timeout=ddl_lock_timeout,
                log=log,
                environment=environment,
                deadline=deadline,
            )
            _set_up(work)
            with told.how_far() if migrations.project_env else nullcontext():
                applied = _apply(work, pending)
            if target in stops:
                behind(graph.ancestors([*done, target]))
    after = current(connection, migrations)
    if set(graph.heads) - graph.ancestors(after):
        raise MigrationFailed(
            "The migrations ran, and the version table does not show it.",
            hint="A revision or env.py ended the transaction or wrote the version table itself.",
            revisions=after,
        )
    _require_valid_indexes(connection)
    return _outcome(before, after, applied, warnings=standing.warnings)


class _Told:
    """How far migrations have come that seeder does not run itself: by the version table."""

    def __init__(
        self, connection: Connection, migrations: Migrations, log: Log, before: tuple[str, ...]
    ) -> None:
        self._connection = connection
        self._migrations = migrations
        self._log = log
        self._before = self._seen = before

    def look(self) -> None:
        """Log where the database has come since the last look; what is committed shows."""
        with suppress(SeederError):  # a lost connection, or a lock on the table: others tell
            now = current(self._connection, self._migrations)
            if now != self._seen:
                self._log.info("migration.advanced", revision_before=self._seen, revision_after=now)
                self._seen = now

    @contextmanager
    def how_far(self) -> Iterator[None]:
        """Add to a failure what stays of the migrations all the same."""
        try:
            yield
        except SeederError as error:
            self.look()
            before, now = (", ".join(each) or "none" for each in (self._before, self._seen))
            error.facts |= {"revision_before": self._before, "revision_after": self._seen}
            if isinstance(error, ConnectionLost):
                pass
            elif now == before:
                error.message += f" The database is at revision {before}, as before."
            else:
                error.message += f" It went from revision {before} to {now}, which stays applied."
            raise


def _set_up(upgrade: Upgrade) -> None:
    connection, migrations = upgrade.connection, upgrade.migrations
    with translated(doing="preparing the migrations", otherwise=MigrationFailed):
        milliseconds = str(max(1, round(upgrade.ddl_lock_timeout * 1000)))
        connection.execute(
            "SELECT pg_catalog.set_config('lock_timeout', %s, false)", [milliseconds]
        )
        connection.execute("SET search_path TO DEFAULT")  # the project's own, whatever it names
        # As under Alembic itself; seeding wants an error instead of hidden rows.
        connection.execute("SET row_security = on")
        if not migrations.project_env:
            # Not a wait for the disk at every revision: what is recorded afterwards waits once,
            # for all of them. A server that crashes before has none or the first of them.
            connection.execute("SET synchronous_commit = off")
        create_schema(connection, migrations)


def _apply(upgrade: Upgrade, pending: tuple[str, ...]) -> tuple[str, ...]:
    # 270 ms of imports, see above
    from seeder.database.migrations import alembic_run
    from seeder.database.migrations.failing import RevisionConflict

    progress, deadline = upgrade.progress, upgrade.deadline
    by_project = upgrade.migrations.project_env
    failure: SeederError | None = None
    attempt = count = 0

    def check_time() -> None:
        if deadline is None or monotonic() < deadline:
            return
        if failure is not None and len(progress.applied) == count:
            raise failure  # the conflict is what took the time
        raise DeadlineExceeded(
            "The overall deadline passed between two revisions.",
            hint="What was applied stays; the next run goes on from there.",
            applied=tuple(progress.applied),
        )

    while True:
        attempt += 1
        count = len(progress.applied)
        try:
            if by_project:
                alembic_run.upgrade_by_project(upgrade)
                return pending
            alembic_run.upgrade_by_seeder(upgrade, check_time=check_time)
            return tuple(progress.applied)
        except RevisionConflict as conflict:
            if len(progress.applied) > count:
                attempt = 1
            failure = conflict.failure
        except SeederError as error:
            # A failed autocommit block may have left an invalid index.
            if progress.used_autocommit and not isinstance(error, ConnectionLost):
                _require_valid_indexes(upgrade.connection, after=error)
            raise
        pause = min(0.2 * 2.0**attempt, _LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311  # jitter
        # A try that can only end at the deadline would end as one, and hide the conflict.
        until = monotonic() + pause + upgrade.ddl_lock_timeout
        out_of_time = deadline is not None and until >= deadline
        if by_project or out_of_time or attempt > _MOST_RETRIES:
            raise failure
        upgrade.log.warning(
            "migration.retried",
            revision=progress.running,
            attempt=attempt,
            sqlstate=failure.facts.get("sqlstate"),
            pause_s=round(pause, 1),
        )
        sleep(pause)


def _require_valid_indexes(connection: Connection, *, after: SeederError | None = None) -> None:
    names = invalid_indexes(connection)
    if names:
        listed = ", ".join(names)
        said = f"{after.message} " if after else ""
        raise MigrationPartial(
            f"{said}Invalid indexes are left: {listed}.",
            hint=f"REINDEX INDEX CONCURRENTLY {names[0]}, or drop it, then deploy again.",
            problems=(),
            code=None,
            **{**(after.facts if after else {}), "indexes": names},
        )


def _outcome(
    before: tuple[str, ...],
    after: tuple[str, ...],
    applied: tuple[str, ...],
    *,
    warnings: tuple[str, ...] = (),
) -> MigrationOutcome:
    changed = before != after
    state = MigrationState.UPGRADED if changed else MigrationState.UP_TO_DATE
    return MigrationOutcome(
        state=state, before=before, after=after, applied=applied, warnings=warnings
    )
