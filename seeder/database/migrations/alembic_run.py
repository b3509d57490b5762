"""Run Alembic revisions on seeder's own connection.

Seeder's environment instead of the project's env.py: each revision is a transaction of its
own that commits only while the advisory lock is held. `upgrade_by_project` runs the project's
env.py for those who ask for it, in the surroundings that `alembic upgrade` gives it.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.script import Script, ScriptDirectory
from psycopg.pq import TransactionStatus
from sqlalchemy import event
from sqlalchemy.engine import Engine

from seeder.database.connection import lock
from seeder.database.connection.answers import answer
from seeder.database.connection.connect import Connection
from seeder.database.connection.engine import engine_over
from seeder.database.migrations import alembic_config, operations
from seeder.database.migrations.failing import translated
from seeder.database.migrations.invalid_indexes import invalid_indexes
from seeder.database.migrations.progress import Progress, Upgrade
from seeder.database.migrations.project_env import (
    environment_of,
    flask_application,
    flask_config,
    give_connection,
    give_url,
    output_logged,
)
from seeder.database.migrations.revisions import RevisionGraph
from seeder.errors import MigrationFailed
from seeder.runtime.background import outside_of_event_loops
from seeder.runtime.log import Log

_CONCURRENTLY = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)


def upgrade_by_seeder(upgrade: Upgrade, *, check_time: Callable[[], None]) -> None:
    """Apply what is pending, one transaction per revision, and note it in `progress`.

    Raises RevisionConflict where the revision may be tried again, ConnectionLost,
    MigrationFailed, and AccessDenied for a missing privilege.
    """
    connection, migrations, progress = upgrade.connection, upgrade.migrations, upgrade.progress
    config = alembic_config.read(migrations)
    script = _Scripts(str(migrations.alembic), upgrade.graph)

    def steps(heads: Any, _: MigrationContext) -> Iterator[MigrationStep]:
        for step in script._upgrade_revs(migrations.target, heads):
            check_time()
            _begin(progress, step, now=time.monotonic())
            operations.require(migrations, Path(step.revision.path))
            yield step
            # Alembic has committed the revision by the time it asks for the next one, unless the
            # revision committed by itself: what came after that, the version with it, is not.
            if sqlalchemy_connection.in_transaction():
                sqlalchemy_connection.commit()
            _end(progress, upgrade.log, now=time.monotonic())

    def recorded(*_: Any, **__: Any) -> None:
        _require_built(connection, progress)
        progress.recorded = True

    def commit(pooled: Any) -> None:
        if (
            pooled.dbapi_connection is connection
            and connection.info.transaction_status == TransactionStatus.INTRANS
        ):
            lock.commit_held(connection, upgrade.lock_key)
        else:
            pooled.commit()

    with (
        translated(upgrade),
        lock.held_twice(connection, upgrade.lock_key),
        output_logged(upgrade.log),
        alembic_config.as_alembic_runs(migrations, config),
        environment_of(upgrade.environment),
        engine_over(connection) as engine,
        engine.connect() as sqlalchemy_connection,
        EnvironmentContext(config, script, fn=steps, as_sql=False) as context,
    ):
        engine.dialect.do_commit = commit  # type: ignore[method-assign,assignment]  # by position
        _watch_autocommit(engine, connection, progress)
        context.configure(
            connection=sqlalchemy_connection,
            transaction_per_migration=True,
            on_version_apply=recorded,
            version_table=migrations.version_table,
            version_table_schema=migrations.version_table_schema,
        )
        context.run_migrations()


def upgrade_by_project(upgrade: Upgrade) -> None:
    """Run the project's env.py, as `alembic upgrade` or `flask db upgrade` runs it.

    It finds the job's connection in `config.attributes` and the job's database in
    `sqlalchemy.url`. An env.py that opens a connection of its own works outside of seeder's lock
    and timeouts. Raises MigrationFailed, and ConnectionLost if the lock is gone afterwards.
    """
    connection, migrations, progress = upgrade.connection, upgrade.migrations, upgrade.progress
    config = alembic_config.read(migrations)
    with (
        translated(upgrade),
        output_logged(upgrade.log),
        alembic_config.as_alembic_runs(migrations, config),
        environment_of(upgrade.environment),
        engine_over(connection) as engine,
        engine.connect() as sqlalchemy_connection,
        flask_application(migrations) as extension,
    ):
        give_url(config, connection, upgrade.environment)
        give_connection(config, sqlalchemy_connection)
        if extension is not None:
            config = flask_config(extension, config, migrations)

        def steps(heads: Any, _: MigrationContext) -> Iterator[MigrationStep]:
            for step in script._upgrade_revs(migrations.target, heads):
                _begin(progress, step, now=time.monotonic())
                yield step
            progress.running = progress.file = None

        # Puts `prepend_sys_path` in front, as Alembic does.
        script = ScriptDirectory.from_config(config)
        # Python remembers what `.` meant when it first looked there.
        sys.path[:] = [os.path.abspath(each) for each in sys.path]  # noqa: PTH100
        with EnvironmentContext(
            config, script, fn=steps, as_sql=False, destination_rev=migrations.target
        ):
            outside_of_event_loops(script.run_env)
    lock.verify(connection, upgrade.lock_key)


class _Scripts(ScriptDirectory):
    """Revisions that are imported already: another time takes as long as running some of them."""

    def __init__(self, directory: str, graph: RevisionGraph) -> None:
        super().__init__(directory)
        self._graph = graph

    def _load_revisions(self) -> Iterator[Script]:
        for name, module in self._graph.modules.items():
            yield Script(module, name, self._graph.paths[name])


def _begin(progress: Progress, step: RevisionStep, *, now: float) -> None:
    progress.running = step.revision.revision
    progress.file = Path(step.revision.path).name
    progress.autocommit = progress.used_autocommit = progress.recorded = False
    progress.concurrently = []
    progress.started = now


def _require_built(connection: Connection, progress: Progress) -> None:
    """Refuse to record a revision whose IF NOT EXISTS was content with an invalid index.

    Once recorded it would never run again, and who drops the index would be left without it.
    """
    if not progress.concurrently:
        return
    for index in invalid_indexes(connection):
        name = re.escape(index.rpartition(".")[2].strip('"'))
        if any(re.search(rf"\b{name}\b", statement) for statement in progress.concurrently):
            raise MigrationFailed(
                f"Revision {progress.running} left an index as invalid as it was."
            )


def _end(progress: Progress, log: Log, *, now: float) -> None:
    assert progress.running is not None  # noqa: S101  # _begin came first
    progress.applied.append(progress.running)
    log.info(
        "migration.applied",
        revision=progress.running,
        file=progress.file,
        duration_s=round(now - progress.started, 3),
    )
    progress.running = progress.file = None


def _watch_autocommit(engine: Engine, connection: Connection, progress: Progress) -> None:
    """Note what a revision commits before its end; lift the lock timeout off CONCURRENTLY.

    Inside of autocommit blocks, that is. A lock timeout would leave an invalid index, and what
    these statements wait for blocks nobody else meanwhile.
    """

    @event.listens_for(engine, "set_connection_execution_options")
    def _(_connection: Any, options: dict[str, Any]) -> None:
        if "isolation_level" in options:
            progress.autocommit = options["isolation_level"] == "AUTOCOMMIT"
            progress.used_autocommit |= progress.autocommit

    @event.listens_for(engine, "commit")
    def _(_connection: Any) -> None:
        if progress.running is not None and not progress.recorded:
            progress.used_autocommit = True

    def lifts(statement: str) -> bool:
        return progress.autocommit and _CONCURRENTLY.search(statement) is not None

    timeouts: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if lifts(statement):
            progress.concurrently.append(statement)
            timeouts.append(answer(connection, "SELECT pg_catalog.current_setting('lock_timeout')"))
            connection.execute("SET lock_timeout = 0")

    @event.listens_for(engine, "after_cursor_execute")
    def _(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if lifts(statement):
            connection.execute(
                "SELECT pg_catalog.set_config('lock_timeout', %s, false)", [timeouts.pop()]
            )
